"""What the gateway's HTTP costs beside that of others: the same echo on each.

    python bench/http_echo.py [--connections 64] [--seconds 2] [--rounds 5]

Five servers, each one process that answers 273 bytes with what it got:

- ``plain``: the least that uvloop and httptools can do; no limit, no check, no clock;
- ``ketch``: the gateway's connections and gate, an application that answers at once;
- ``ketch, awaited``: the same, and one that is an ``async def``;
- ``uvicorn``: a bare ASGI application, with uvloop and httptools;
- ``starlette``: an endpoint of starlette under the same uvicorn.

They take turns within a round. The load is one process with so many connections, each of
which asks again as soon as it is answered. Both share the machine, so the steadier figure
is the processor time of the server for a request. Ratios are medians of those within a
round. Needs the extra ``hub`` for the last two.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import select
import signal
import socket
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httptools
import uvloop

BODY = (b'{"a":1.5,"b":"text","rows":[' + b"1234567," * 40)[:272] + b"]"
REQUEST = (
    b"POST /shop HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1\r\nAccept: */*\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


@dataclass(frozen=True)
class Turn:
    """What one turn of a server took."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


def plain(listener: socket.socket) -> None:
    """Answer with the least that does."""

    class Echo(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            self.parser = httptools.HttpRequestParser(self)

        def data_received(self, data: bytes) -> None:
            self.parser.feed_data(data)

        def on_message_begin(self) -> None:
            self.body = b""

        def on_body(self, data: bytes) -> None:
            self.body += data

        def on_message_complete(self) -> None:
            head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(self.body)
            self.transport.write(head + self.body)

    async def main() -> None:
        await asyncio.get_running_loop().create_server(Echo, sock=listener)
        await asyncio.Event().wait()

    uvloop.run(main())


def ketch(listener: socket.socket, *, awaited: bool = False) -> None:
    """Answer as the gateway does."""
    from ketch.serving.doors.problems import problem
    from ketch.serving.http.gate import Gate
    from ketch.serving.http.messages import Request, Response
    from ketch.serving.http.server import serve_http

    def echo(request: Request) -> Response:
        return Response(200, request.body)

    async def later(request: Request) -> Response:
        return Response(200, request.body)

    async def main() -> None:
        app = later if awaited else echo
        how = {"admit": Gate().admit, "refuse": lambda error, _: problem(error)}
        async with serve_http(app, [listener], **how):
            await asyncio.Event().wait()

    uvloop.run(main())


def ketch_awaited(listener: socket.socket) -> None:
    """Answer as the gateway does, by an ``async def``."""
    ketch(listener, awaited=True)


def uvicorn(listener: socket.socket) -> None:
    """Answer by a bare ASGI application."""

    async def echo(_: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    _under_uvicorn(echo, listener)


def starlette(listener: socket.socket) -> None:
    """Answer by an endpoint of starlette."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def echo(request: Request) -> Response:
        return Response(await request.body(), media_type="application/json")

    routes = [Route("/shop", echo, methods=["POST"])]
    _under_uvicorn(Starlette(routes=routes), listener)


def _under_uvicorn(app: Any, listener: socket.socket) -> None:
    from uvicorn import Config, Server

    how = {"loop": "uvloop", "http": "httptools", "ws": "none", "lifespan": "off"}
    config = Config(app, access_log=False, log_config=None, **how)
    Server(config).run(sockets=[listener])


SERVERS: dict[str, Callable[[socket.socket], None]] = {
    "plain": plain,
    "ketch": ketch,
    "ketch, awaited": ketch_awaited,
    "uvicorn": uvicorn,
    "starlette": starlette,
}


def load(port: int, connections: int, seconds: float) -> tuple[int, list[float]]:
    """Ask for a time; return how many answers came, and how long each took."""
    poll, length = select.epoll(), answer_bytes(port)
    by_fd = {}
    for _ in range(connections):
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(REQUEST)
        by_fd[one.fileno()] = [one, 0, time.perf_counter()]
        poll.register(one, select.EPOLLIN)
    took = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for fd, _ in poll.poll(1.0):
            state = by_fd[fd]
            data = state[0].recv(65_536)
            assert data, "the server closed a connection"
            state[1] += len(data)
            if state[1] >= length:
                assert state[1] == length
                now = time.perf_counter()
                took.append(now - state[2])
                state[0].sendall(REQUEST)
                state[1:] = [0, now]
    for one, *_ in by_fd.values():
        one.close()
    return len(took), took


def answer_bytes(port: int) -> int:
    """Return how long an answer is: all of them are the same."""
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(REQUEST)
        answer = b""
        while not answer.endswith(BODY):
            answer += one.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return len(answer)


def turn(server: Callable[[socket.socket], None], connections: int, seconds: float) -> Turn:
    """Run one server, and ask it."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2_048)
    process = multiprocessing.get_context("fork").Process(target=server, args=(listener,))
    process.start()
    port = listener.getsockname()[1]
    listener.close()
    assert process.pid is not None
    try:
        load(port, connections, 0.5)
        before = cpu_s(process.pid)
        count, took = load(port, connections, seconds)
        spent = cpu_s(process.pid) - before
    finally:
        process.kill()
        process.join()
    took.sort()
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    return Turn(count / seconds, p50 * 1e3, p99 * 1e3, spent / count * 1e6)


def cpu_s(pid: int) -> float:
    """Return the seconds of processor that a process took."""
    spent_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        spent_ns += int((task / "schedstat").read_text().split()[0])
    return spent_ns / 1e9


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(arguments)
    rounds = [
        {name: turn(server, given.connections, given.seconds) for name, server in SERVERS.items()}
        for _ in range(given.rounds)
    ]
    told = {}
    for name in SERVERS:
        turns = [one[name] for one in rounds]
        told[name] = {
            "requests_per_s": round(statistics.median(one.rate for one in turns)),
            "p50_ms": round(statistics.median(one.p50_ms for one in turns), 2),
            "p99_ms": round(statistics.median(one.p99_ms for one in turns), 2),
            "cpu_us": round(statistics.median(one.cpu_us for one in turns), 1),
            "rate_of_plain": _ratio(rounds, name, "rate"),
            "cpu_of_plain": _ratio(rounds, name, "cpu_us"),
        }
        print(f"{name:<16} {told[name]}")
    print(json.dumps(told))


def _ratio(rounds: Sequence[dict[str, Turn]], name: str, what: str) -> float:
    ratios = [getattr(one[name], what) / getattr(one["plain"], what) for one in rounds]
    return round(statistics.median(ratios), 2)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
