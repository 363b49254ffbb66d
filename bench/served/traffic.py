"""Callers: connections that ask on a schedule, and tell when each answer came.

Latency is counted from when a request was due, not from when a late caller got round to
it, so that a stall is told as long as it was.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class Answer:
    """What came back.

    Attributes:
        due: When it was to be asked, on ``time.perf_counter``.
        done: When it had come, or the connection had ended.
        status: Of HTTP; 0 when there is none.
        head: The headers, as they came.
        body: The body.
    """

    due: float
    done: float
    status: int
    head: bytes = b""
    body: bytes = b""

    @property
    def took_s(self) -> float:
        """How long it took."""
        return self.done - self.due

    def header(self, name: bytes) -> str:
        """Return a header; empty when it is not there."""
        at = self.head.lower().find(b"\r\n" + name.lower() + b": ")
        if at < 0:
            return ""
        return self.head[at + len(name) + 4 :].split(b"\r\n", 1)[0].decode()


class Connection(asyncio.Protocol):
    """One connection that asks one request at a time."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes, bytes]] | None = None
        self._transport: asyncio.Transport | None = None
        self.is_open = False

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Return a connection to a port of this machine."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, "127.0.0.1", port)
        return connection

    async def ask(self, request: bytes, due: float) -> Answer:
        """Send a request, and return its answer."""
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        if self._transport is None or not self.is_open:
            return Answer(due, time.perf_counter(), 0)
        self._transport.write(request)
        status, head, body = await self._answer
        return Answer(due, time.perf_counter(), status, head, body)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # of a stream
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0 or self._answer is None or self._answer.done():
            return
        head = bytes(self._data[:end]) + b"\r\n"
        at = head.lower().find(b"content-length: ")
        size = int(head[at + 16 : head.find(b"\r\n", at)])
        if len(self._data) >= end + 4 + size:
            body = bytes(self._data[end + 4 : end + 4 + size])
            del self._data[: end + 4 + size]
            self._answer.set_result((int(head[9:12]), head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((0, b"", b""))


def request_of(path: str, body: bytes) -> bytes:
    """Return the bytes of a request."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


Asks = Callable[[int], tuple[bytes, object]]
"""Given a number, returns a request and what is to be known about it when it is answered."""

Takes = Callable[[int, object, Answer], None]
"""Given the session, what was to be known, and the answer."""


async def sessions(
    port: int,
    asks: Asks,
    takes: Takes,
    *,
    count: int,
    until: Callable[[], bool],
    rate: float | None = None,
) -> None:
    """Have so many sessions ask one after the other, each on its own connection.

    Args:
        port: Whom they ask.
        asks, takes: What they ask, and who is told the answers.
        count: How many sessions.
        until: Whether it is enough.
        rate: Requests a second of all together; None for as fast as they are answered.
    """
    number = iter(range(1 << 62))
    began = time.perf_counter()

    async def one(session: int) -> None:
        connection = await Connection.open(port)
        every = 0.0 if rate is None else count / rate
        due = began + every * session / count
        while not until():
            now = time.perf_counter()
            if rate is None:
                due = now
            elif due > now:
                await asyncio.sleep(due - now)
            request, known = asks(next(number))
            answer = await connection.ask(request, due)
            takes(session, known, answer)
            due += every
            if not connection.is_open:
                connection = await Connection.open(port)
        connection.close()

    await asyncio.gather(*(one(session) for session in range(count)))


async def crowd(
    port: int, asks: Asks, takes: Takes, *, rate: float, seconds: float, seed: int = 7
) -> None:
    """Have callers come by chance, whether or not those before them were answered.

    Each takes a connection that nobody uses, or opens one: how many there are depends on
    how long answers take.
    """
    draw = random.Random(seed)
    free: list[Connection] = []
    at_work: set[asyncio.Task[None]] = set()

    async def one(number: int, due: float) -> None:
        request, known = asks(number)
        try:
            connection = free.pop() if free else await Connection.open(port)
        except OSError:
            takes(number, known, Answer(due, time.perf_counter(), 0))
            return
        answer = await connection.ask(request, due)
        takes(number, known, answer)
        if connection.is_open:
            free.append(connection)

    due = began = time.perf_counter()
    number = 0
    while due < began + seconds:
        now = time.perf_counter()
        if due > now:
            await asyncio.sleep(due - now)
        task = asyncio.create_task(one(number, due))
        at_work.add(task)
        task.add_done_callback(at_work.discard)
        number += 1
        due += draw.expovariate(rate)
    await _all(at_work)
    for connection in free:
        connection.close()


async def _all(tasks: set[asyncio.Task[None]]) -> None:
    while tasks:
        await asyncio.wait(tasks)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of others do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
