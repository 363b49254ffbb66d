"""Traces, as a collector gets them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.gateways import serving
from tests.shop import NAME, ROWS, open_shop

pytestmark = pytest.mark.e2e

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@contextmanager
def collector(got: list[bytes]) -> Iterator[str]:
    """Take what is posted while the block lasts; yield the address."""

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def test_a_request_becomes_a_span_of_its_callers_trace(
    tmp_path: Path, author: Callable[..., Path]
) -> None:
    home = open_shop(tmp_path / "shop", tmp_path / "home", author)
    got: list[bytes] = []

    with collector(got) as url, serving(home, NAME, OTEL_EXPORTER_OTLP_ENDPOINT=url) as gateway:
        said = gateway.ask("/shop", ROWS, traceparent=PARENT)
        wrong = gateway.ask("/shop", {})
        assert gateway.stop() == 0

    spans = [
        span
        for content in got
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    first = next(span for span in spans if span.trace_id.hex() == PARENT.split("-")[1])
    known = {one.key: one.value for one in first.attributes}
    assert known["ketch.package"].array_value.values[0].string_value == NAME
    assert known["ketch.decision"].array_value.values[0].string_value in said.headers[
        "ketch-decision"
    ].split(", ")
    assert said.headers["traceparent"].split("-")[2] == first.span_id.hex()
    assert wrong.status == 400
    assert len(spans) == 2
