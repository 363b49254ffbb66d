"""Clients that are slow, silent, greedy or many: the hub lets go of them, not of others."""

from __future__ import annotations

import re
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.hubs import ask

from ketch.hub.guard import Limits
from ketch.hub.inside import opened
from ketch.hub.serve import serve
from ketch.hub.settings import Settings

pytestmark = pytest.mark.faults

QUICK = Limits(requests=8, connections=60, header_s=0.6, silence_s=0.6, threads=4, goodbye_s=2)


REQUEST = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def running(home: Path, limits: Limits) -> Iterator[str]:
    """Serve a hub in a thread of this process, with limits of the test's own."""
    ready, ended, found = threading.Event(), threading.Event(), []

    def listening(url: str) -> None:
        found.append(url)
        ready.set()

    def run() -> None:
        with opened(home) as inside:
            settings = Settings(port=0, limits=limits)
            serve(inside, settings, person="otto", listening=listening, until=ended)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(20)
        yield found[0]
    finally:
        ended.set()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("hub"), QUICK) as found:
        yield found


def connect(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def ended_after(line: socket.socket) -> tuple[float, bytes]:
    """Return how long a connection lasts, and what it says."""
    began, said = time.monotonic(), b""
    try:
        while part := line.recv(65536):
            said += part
    except ConnectionError:
        pass
    return time.monotonic() - began, said


def test_who_says_nothing_is_let_go(url: str) -> None:
    with connect(url) as line:
        lasted, said = ended_after(line)
    assert (lasted < 3, said) == (True, b"")


def test_a_head_that_comes_letter_by_letter_is_not_waited_for(url: str) -> None:
    with connect(url) as line:
        began = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011, PT012
            for letter in b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 500:
                line.sendall(bytes([letter]))
                time.sleep(0.02)
        assert time.monotonic() - began < 5


def test_a_second_head_on_a_connection_is_not_waited_for_either(url: str) -> None:
    with connect(url) as line:
        line.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 200")
        line.sendall(b"G")
        lasted, said = ended_after(line)
    assert 0.3 < lasted < 3
    assert b"HTTP" not in said


def test_a_body_that_stands_still_is_told_so(url: str) -> None:
    head = b"POST /api/v1/audit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with connect(url) as line:
        line.sendall(head + b"Content-Length: 100\r\n\r\n{")
        lasted, said = ended_after(line)
    assert lasted < 5
    assert said.startswith(b"HTTP/1.1 408")
    assert b"hub/slow" in said


def test_who_takes_no_answer_is_let_go(url: str) -> None:
    """The answers pile up only as far as the sockets hold them."""
    with connect(url) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(10)
        began = time.monotonic()
        with pytest.raises(ConnectionError):  # noqa: PT012
            while time.monotonic() - began < 30:
                line.sendall(REQUEST * 4)
                time.sleep(0.01)


def test_a_connection_does_not_gather_requests(url: str) -> None:
    with connect(url) as line:
        line.sendall(REQUEST * QUICK.waiting)
        lasted, said = ended_after(line)
    assert said.count(b"HTTP/1.1 200") == QUICK.waiting
    with connect(url) as line:
        line.settimeout(10)
        with pytest.raises(ConnectionError):  # noqa: PT012
            for _ in range(100):
                line.sendall(REQUEST * 1000)
    assert lasted < 5


def test_one_connection_too_many_is_closed(url: str) -> None:
    with ExitStack() as open_:
        lines = [open_.enter_context(connect(url)) for _ in range(QUICK.connections + 20)]
        time.sleep(0.2)
        for line in lines:
            line.setblocking(False)
        closed = sum(_is_closed(line) for line in lines)
        assert 20 <= closed < QUICK.connections
    time.sleep(0.5)
    assert ask(url, "GET", "/livez").status == 200


def test_one_request_too_many_is_asked_to_come_again(url: str) -> None:
    head = b"POST /api/v1/audit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with ExitStack() as open_:
        for _ in range(QUICK.requests):
            line = open_.enter_context(connect(url))
            line.sendall(head + b"Content-Length: 100\r\n\r\n{")
        time.sleep(0.2)
        answer = ask(url, "GET", "/api/v1/me")
        assert (answer.status, answer.json["code"]) == (503, "hub/busy")
        assert int(answer.headers["retry-after"]) >= 1
    time.sleep(0.3)
    assert ask(url, "GET", "/api/v1/me").status == 200


def test_good_clients_hardly_notice_hundreds_of_slow_ones(tmp_path: Path) -> None:
    with running(tmp_path, Limits()) as url:
        ask(url, "GET", "/api/v1/routes")
        before = statistics.median(times(url))
        with ExitStack() as open_:
            for _ in range(300):
                line = open_.enter_context(connect(url))
                line.sendall(b"GET /livez HTTP/1.1\r\nX: ")
            meanwhile = statistics.median(times(url))
        assert meanwhile < 5 * before + 0.05


def times(url: str) -> list[float]:
    """Return how long requests take, in seconds."""
    found = []
    for _ in range(30):
        began = time.monotonic()
        assert ask(url, "GET", "/api/v1/routes").status == 200
        found.append(time.monotonic() - began)
    return found


def _is_closed(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_the_log_of_all_this_has_no_traceback(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    ask(url, "GET", "/livez")
    assert not re.search("Traceback", capfd.readouterr().err)
