"""Spans of OpenTelemetry, as its own exporter gets them."""

from __future__ import annotations

import time

import pytest
from tests.contracts import DECISION, answered, contract, request

from ketch.serving.http.messages import Response
from ketch.serving.tracing import Tracing, open_tracing, tracing_asked_for

otel = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")

SHOP = contract({"name": "string"})
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def exporter() -> object:
    return otel.InMemorySpanExporter()


def told(exporter: object, response: Response, **headers: str) -> Response:
    tracing: Tracing = open_tracing(lambda: exporter)
    asked = request([{"name": "a"}, {"name": "b"}], **headers)
    asked.arrived = time.monotonic() - 0.25
    given = answered(SHOP, [{}, {}]) if response.status == 200 else None
    tracing.told(asked, response, "shop", given)
    tracing.close()
    return response


def test_a_request_is_one_span_that_says_who_answered(exporter: object) -> None:
    told(exporter, Response(200))

    (span,) = exporter.get_finished_spans()  # type: ignore[attr-defined] # the library is optional
    assert span.name == "POST /shop"
    assert span.attributes["ketch.package"] == ("hello:1.0.0",)
    assert span.attributes["ketch.decision"] == (DECISION,)
    assert span.attributes["ketch.arm"] == ("prod",)
    assert span.attributes["ketch.rows"] == 2
    assert span.attributes["http.response.status_code"] == 200
    assert 0.25 <= (span.end_time - span.start_time) / 1e9 < 5


def test_a_request_continues_its_trace_and_the_answer_names_the_span(exporter: object) -> None:
    reply = told(exporter, Response(200), traceparent=PARENT)

    (span,) = exporter.get_finished_spans()  # type: ignore[attr-defined] # the library is optional
    trace, number = f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"
    assert trace == PARENT.split("-")[1]
    assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
    assert dict(reply.headers)["traceparent"] == f"00-{trace}-{number}-01"


@pytest.mark.parametrize(
    "parent", ["", "x", "00-0-0-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"]
)
def test_a_parent_that_is_none_begins_a_new_trace(exporter: object, parent: str) -> None:
    told(exporter, Response(200), traceparent=parent)

    (span,) = exporter.get_finished_spans()  # type: ignore[attr-defined] # the library is optional
    assert span.parent is None


@pytest.mark.parametrize(("status", "is_error"), [(400, False), (503, True)])
def test_what_the_gateway_cannot_answer_is_an_error_of_the_span(
    exporter: object, status: int, is_error: object
) -> None:
    told(exporter, Response(status))

    (span,) = exporter.get_finished_spans()  # type: ignore[attr-defined] # the library is optional
    assert span.status.is_ok is not is_error
    assert "ketch.package" not in span.attributes


def test_nothing_is_traced_unless_it_is_said_where_spans_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)

    assert tracing_asked_for() is None
