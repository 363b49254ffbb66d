"""One worker on the event loop: asked once, answers once, watched all the time.

A worker that has loaded its package and answered its scenarios gives its socket to a lane.
Nothing here waits: what ends a worker, and what finds out how it ended, runs in a thread.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from ketch.errors import Unavailable
from ketch.runtime import Worker
from ketch.serving.workers.frames import Frames
from ketch.serving.workers.queue import Piece


@dataclass(slots=True)
class Hired:
    """A worker that may take traffic.

    Attributes:
        worker: It has loaded its package, and nobody talks to it.
        running: Ends it, and lets go of what it held.
        start_s: How long it took to start.
        call_s: How long the quickest of its scenarios took.
        limit_bytes: How much memory it may hold for itself.
    """

    worker: Worker
    running: ExitStack
    start_s: float
    call_s: float
    limit_bytes: int


class Owner(Protocol):
    """Who asks the worker of a lane."""

    def hired(self, lane: Lane) -> None:
        """Take a worker that may be asked from now on."""

    def released(self, lane: Lane) -> None:
        """Ask a worker no more: it is leaving."""

    def replied(self, lane: Lane, body: bytes | bytearray) -> None:
        """Take the reply to the call at work."""

    def ended(self, lane: Lane, problem: Unavailable | None) -> None:
        """Take the news that the worker ended, or broke the protocol."""


class Lane(asyncio.Protocol):
    """One worker, of which one call at a time is asked.

    Attributes:
        hired: The worker.
        since: When it began to take traffic.
        pieces: What it is asked at this moment.
        began, until: When that call began, and when its time is up.
        calls: How many calls it has answered.
        held_bytes: What it holds for itself, as last seen.
        is_leaving: Whether it gets no more calls.
        has_ended: Whether it is gone, or about to be.
    """

    def __init__(self, hired: Hired, owner: Owner) -> None:
        self.hired = hired
        self.pid = hired.worker.pid
        self.since = time.monotonic()
        self.pieces: list[Piece] = []
        self.began = 0.0
        self.until = 0.0
        self.calls = 0
        self.held_bytes = 0
        self.is_leaving = False
        self.has_ended = False
        self._awaits = False
        self._owner = owner
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._end: int | None = None

    async def open(self) -> None:
        """Take the worker's socket, and watch its process.

        Raises:
            OSError: It has ended already.
        """
        worker = self.hired.worker
        await self._loop.create_unix_connection(lambda: self, sock=worker.hand_over())
        self._end = worker.end
        if self._end is not None:
            self._loop.add_reader(self._end, self._gone, None)

    @property
    def is_busy(self) -> bool:
        """Whether a call is at work."""
        return bool(self.pieces)

    def ask(self, frame: tuple[bytes, ...], pieces: list[Piece], now: float, until: float) -> None:
        """Begin a call."""
        self.pieces, self.began, self.until = pieces, now, until
        self._awaits = True
        if self._transport is not None:
            self._transport.writelines(frame)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to the worker."""
        self._transport = transport  # type: ignore[assignment] # of a stream

    def data_received(self, data: bytes) -> None:
        """Take what the worker sends: nothing that was not asked for."""
        try:
            body = self._frames.add(data)
        except Unavailable as problem:
            self._gone(problem)
            return
        if body is not None and not self.has_ended:
            if not self._awaits:
                self._gone(_unasked())
                return
            self._awaits = False
            self.calls += 1
            self._owner.replied(self, body)

    def eof_received(self) -> None:
        """Take a hang-up as the end."""
        self._gone(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take a broken connection as the end."""
        del exc
        if not self._loop.is_closed():
            self._gone(None)

    def stop(self) -> list[Piece]:
        """Hang up, and watch no longer; return what was at work."""
        self.has_ended = True
        pieces, self.pieces = self.pieces, []
        if self._end is not None:
            self._loop.remove_reader(self._end)
            self._end = None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        return pieces

    def _gone(self, problem: Unavailable | None) -> None:
        if not self.has_ended:
            self._owner.ended(self, problem)


def _unasked() -> Unavailable:
    return Unavailable("the worker answered what nobody asked", code="worker/protocol")
