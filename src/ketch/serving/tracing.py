"""OpenTelemetry: one span a request, where somebody wants it.

Off, there is no tracer, and nothing of it is imported. On (`pip install "ketch[otel]"`), a
request continues the trace that its ``traceparent`` names (W3C Trace Context), its answer
names the span, and the span says which package answered, as which arm, under which
decision. Where spans go is said by OpenTelemetry's own variables, such as
``OTEL_EXPORTER_OTLP_ENDPOINT``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ketch.errors import UsageError
from ketch.serving.answers import Answered
from ketch.serving.http.messages import Request, Response

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

NAME = "ketch.serve"


class Tracing:
    """Makes spans.

    Args:
        provider: Of OpenTelemetry; it sends what it is given on a thread of its own.
    """

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer(NAME)
        self._context = TraceContextTextMapPropagator()
        self._kind = SpanKind.SERVER
        self._error = StatusCode.ERROR
        self._with = set_span_in_context

    def told(
        self, request: Request, response: Response, route: str, answered: Answered | None = None
    ) -> Response:
        """Record a request that was answered; return the answer with the name of its span.

        Args:
            request: As it came.
            response: As it goes.
            route: Which route was asked; empty for none.
            answered: Who answered, unless that was an error.
        """
        since_s = time.monotonic() - request.arrived
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"{request.method} /{route}",
            context=self._context.extract(dict(request.headers)),
            kind=self._kind,
            start_time=ended - int(since_s * 1e9),
            attributes=_attributes(request, response, route, answered),
        )
        if response.status >= 500:
            span.set_status(self._error)
        carried: dict[str, str] = {}
        self._context.inject(carried, context=self._with(span))
        span.end(end_time=ended)
        response.headers = (*response.headers, *carried.items())
        return response

    def close(self) -> None:
        """Send what has not been sent."""
        self._provider.shutdown()


def open_tracing(sends: Callable[[], Any] | None = None) -> Tracing:
    """Return what makes spans and sends them where OpenTelemetry's variables say.

    Args:
        sends: Makes the exporter; OTLP over HTTP by default.

    Raises:
        UsageError: ``serve/no-otel``: the libraries are not installed.
    """
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        if sends is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            sends = OTLPSpanExporter
    except ImportError as error:
        raise UsageError(
            "expected OpenTelemetry to be installed, found it is not",
            code="serve/no-otel",
            hint='run `pip install "ketch[otel]"`',
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": NAME}))
    provider.add_span_processor(BatchSpanProcessor(sends()))
    return Tracing(provider)


def _attributes(
    request: Request, response: Response, route: str, answered: Answered | None
) -> dict[str, Any]:
    """Return what a span says; names are OpenTelemetry's where it has some."""
    said: dict[str, Any] = {
        "http.request.method": request.method,
        "http.route": f"/{route}",
        "http.response.status_code": response.status,
        "http.request.body.size": len(request.body),
    }
    if answered is None:
        return said
    parts = answered.parts
    return said | {
        "ketch.rows": len(answered.rows),
        "ketch.package": [part.contract.reference for part in parts],
        "ketch.digest": [str(part.contract.package.digest) for part in parts],
        "ketch.decision": [part.decision for part in parts],
        "ketch.arm": [part.arm for part in parts],
    }
