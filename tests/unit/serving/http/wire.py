"""A real server on a thread, and clients that send bytes as they like."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import uvloop

from ketch.errors import KetchError
from ketch.serving.doors.problems import problem
from ketch.serving.http.gate import Gate
from ketch.serving.http.limits import Limits
from ketch.serving.http.listener import Listener
from ketch.serving.http.messages import Application, Request, Response
from ketch.serving.http.server import Server, serve_http

QUICK = Limits(farewell_s=0.01, goodbye_s=5.0, linger_s=0.5)
WAITS_S = 10.0


@dataclass
class Answer:
    """A response as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection, byte by byte."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(WAITS_S)
        self._read = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, data: bytes, *, bare: bool = False) -> Answer:
        self.send(data)
        return self.answer(bare=bare)

    def answer(self, *, bare: bool = False) -> Answer:
        """Read one response."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = 0 if bare else int(headers.get("content-length", 0))
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return Answer(int(first.split()[1]), headers, body)

    def rest(self) -> bytes:
        """Read to the end of the connection."""
        while True:
            try:
                self._more()
            except EOFError:
                return self._read

    def is_closed(self) -> bool:
        return self.rest() == b""

    def _more(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError
        self._read += data


@dataclass
class Running:
    """A server that runs."""

    address: tuple[str, int] | str
    server: Server
    loop: asyncio.AbstractEventLoop
    clients: list[socket.socket] = field(default_factory=list)
    _stop: Callable[[], None] = lambda: None

    def connect(self, **how: object) -> Client:
        if isinstance(self.address, str):
            one = socket.socket(socket.AF_UNIX)
            one.connect(self.address)
        else:
            one = socket.create_connection(self.address, timeout=WAITS_S)
        self.clients.append(one)
        return Client(one)

    def stop(self) -> None:
        """Tell it to end; it says goodbye first."""
        with suppress(RuntimeError):  # it has ended
            self.loop.call_soon_threadsafe(self._stop)


def refuse(error: KetchError, _: Request) -> Response:
    return problem(error)


def echo(request: Request) -> Response:
    return Response(200, request.body)


def get(path: str = "/", *headers: str, version: str = "1.1", method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def post(body: bytes, *headers: str, path: str = "/shop") -> bytes:
    return get(path, f"Content-Length: {len(body)}", *headers, method="POST") + body


@contextmanager
def serving(
    app: Application,
    *,
    limits: Limits = QUICK,
    gate: Gate | None = None,
    tls: ssl.SSLContext | None = None,
    unix: Path | None = None,
) -> Iterator[Running]:
    """Yield a server; at its end nothing of any request may be left behind."""
    if unix is None:
        sockets = list(Listener.open("127.0.0.1", 0).sockets)
    else:
        sockets = [socket.socket(socket.AF_UNIX)]
        sockets[0].bind(str(unix))
        sockets[0].listen()
    address = sockets[0].getsockname()
    found: list[Running] = []
    ready = threading.Event()

    async def main() -> None:
        stop = asyncio.Event()
        admit = (gate or Gate()).admit
        how = {"admit": admit, "refuse": refuse, "limits": limits, "tls": tls}
        async with serve_http(app, sockets, **how) as server:  # type: ignore[arg-type] # a dict of options
            found.append(Running(address, server, asyncio.get_running_loop(), _stop=stop.set))
            ready.set()
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(WAITS_S)
    running = found[0]
    try:
        yield running
    finally:
        for one in running.clients:
            one.close()
        if thread.is_alive():
            running.stop()
        thread.join(WAITS_S)
    assert not thread.is_alive()
    assert running.server.room.taken == 0
    assert not running.server.connections
    assert not running.server.quiet


def until(claim: Callable[[], bool], waits_s: float = WAITS_S) -> None:
    """Wait until something holds."""
    end = time.monotonic() + waits_s
    while not claim():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.005)


def limits(**how: float) -> Limits:
    return replace(QUICK, **how)  # type: ignore[arg-type] # names of its fields
