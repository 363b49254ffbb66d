"""OpenTelemetry: one span a request, where somebody wants it.

Off, there is no tracer, and nothing of it is imported. It is on where OpenTelemetry's own
variables say where spans go; `pip install "ketch[otel]"` brings what sends them. A request
continues the trace that its ``traceparent`` names (W3C Trace Context), its answer names the
span, and the span says which package answered, as which arm, under which decision.
"""

from __future__ import annotations

import os
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
    ) -> None:
        """Record a request that was answered, and name its span in the answer.

        Args:
            request: As it came.
            response: As it goes; it gets a header.
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

    def close(self) -> None:
        """Send what has not been sent."""
        self._provider.shutdown()


def tracing_asked_for() -> Tracing | None:
    """Return what makes spans, if the variables of the process say where they go.

    Raises:
        UsageError: ``serve/no-otel``: the libraries are not installed.
    """
    to = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    traces_to = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return open_tracing() if to or traces_to else None


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
