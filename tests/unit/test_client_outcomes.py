"""The client, telling outcomes to a gateway's own door, over connections that break."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ketch.client import Client
from ketch.errors import Refused, Unavailable, UsageError
from ketch.monitor.decisions import new_id
from ketch.monitor.outcomes import Outcomes, Recorded
from ketch.remote.problem import MEDIA_TYPE
from ketch.serving.doors.outcomes import read
from ketch.serving.doors.problems import body_of
from ketch.serving.http.messages import Request


@dataclass
class Told:
    """A gateway that records what it is told, and may lose its answer.

    Attributes:
        url: Where it is.
        outcomes: Where it records.
        breaks: How many answers it still loses, once all is recorded.
        waits: How long the client has waited before each further try.
    """

    url: str
    outcomes: Outcomes
    breaks: int = 0
    waits: list[float] = field(default_factory=list)

    def client(self) -> Client:
        return Client(self.url, sleep=self.waits.append)


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {"content-type": self.headers["content-type"]}
            try:
                done = gateway.outcomes.record(read(Request("POST", self.path, "", headers, body)))
            except Refused as error:
                self.answer(409, MEDIA_TYPE, body_of(error, 409))
                return
            if gateway.breaks:
                gateway.breaks -= 1
                self.close_connection = True
                return
            answer = {"recorded": done.new, "known": done.known}
            self.answer(200, "application/json", json.dumps(answer).encode())

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway = Told(f"http://127.0.0.1:{server.server_port}", Outcomes(tmp_path))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield gateway
    server.shutdown()
    thread.join()
    server.server_close()
    gateway.outcomes.close()


def test_an_outcome_whose_answer_is_lost_is_told_again_and_counts_once(told: Told) -> None:
    told.breaks = 2
    at = datetime(2026, 3, 1, tzinfo=UTC)
    with told.client() as client:
        assert not client.outcome("shop", "purchase", unit="ana", value=3, label=["tea"], at=at)
        assert told.waits == [0.25, 0.5]
        assert client.outcome("shop", "purchase", unit="ana", value=3, at=at)  # another event
    found = told.outcomes.of_route("shop")
    assert (found.value.tolist(), found.at.tolist()) == (
        [3.0, 3.0],
        [int(at.timestamp() * 1e6)] * 2,
    )


def test_a_decision_has_one_outcome_of_a_name(told: Told) -> None:
    decision = new_id()
    with told.client() as client:
        assert client.outcome("shop", "click", decision=decision)
        assert not client.outcome("shop", "click", decision=decision)
        with pytest.raises(Refused) as refused:
            client.outcome("shop", "click", decision=decision, value=2)
        assert client.outcomes([]) == Recorded(0, 0)
    assert refused.value.code == "outcomes/conflict"


def test_a_gateway_that_never_answers_is_not_asked_for_ever(told: Told) -> None:
    told.breaks = 99
    with told.client() as client, pytest.raises(Unavailable):
        client.outcome("shop", "click", decision=new_id())
    assert len(told.waits) == 3


def test_a_closed_client_says_so(told: Told) -> None:
    client = told.client()
    client.close()
    with pytest.raises(UsageError) as refused:
        client.outcome("shop", "click", decision=new_id())
    assert refused.value.code == "client/closed"
