"""Connections that do not wait for ever: uvicorn's, with an eye on the clock.

uvicorn ends idle connections, but a client that sends one byte of a header now and then,
or never takes its answer, would hold one for as long as it likes. Here a request must
have said what it wants within a time and a size, and an answer must be taken.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from ketch.hub.guard import HEADERS, Limits
from ketch.hub.oci.zerocopy import ZeroCopyProtocol
from ketch.remote.problem import MEDIA_TYPE


class HubProtocol(ZeroCopyProtocol):
    """One connection."""

    limits = Limits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hurry: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._raw_bytes = 0
        self._head_bytes = 0
        self._in_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Start the clock; one connection too many is closed."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            transport.abort()
            return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        for timer in (self._hurry, self._stuck):
            if timer is not None:
                timer.cancel()
        self._hurry = self._stuck = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes, of a head as long as it is not too large."""
        if not self._in_body:
            self._raw_bytes += len(data)
        super().data_received(data)
        if not self._in_body and self._raw_bytes > self.limits.header_bytes:
            self.send_400_response("the head of the request is too large")
        if self.parser is not None:
            self._watch()

    def on_message_begin(self) -> None:
        """Count the head of the next request."""
        super().on_message_begin()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Know what is asked."""
        self._in_body = True
        super().on_headers_complete()
        if len(self.pipeline) > self.limits.waiting:  # each of them takes memory
            self.transport.abort()
            raise ConnectionAbortedError

    def on_message_complete(self) -> None:
        """Know that the next bytes begin another request."""
        self._raw_bytes = 0
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, and not for ever."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._watch()

    def pause_writing(self) -> None:
        """Give a client that takes nothing some time."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(self.limits.silence_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: it takes something."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def send_400_response(self, msg: str) -> None:
        """Say that the bytes are no request; what follows them is not looked at."""
        if self.transport.is_closing():
            return
        told = {"type": "hub/request", "title": "UsageError", "status": 400, "code": "hub/request"}
        body = msgspec.json.encode({**told, "detail": msg})
        head = [f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}"]
        head += [f"content-length: {len(body)}", "connection: close"]
        head += [f"{name}: {value}" for name, value in HEADERS.items()]
        self.transport.write("\r\n".join([*head, "", ""]).encode() + body)
        self.transport.close()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self.limits.header_bytes:
            raise ValueError("the head of the request is too large")

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        """Start the clock when no request is at work, and stop it when one is."""
        if not self._is_idle():
            if self._hurry is not None:
                self._hurry.cancel()
                self._hurry = None
        elif self._hurry is None:
            self._hurry = self.loop.call_later(self.limits.header_s, self._too_late)

    def _too_late(self) -> None:
        self._hurry = None
        if self._is_idle():
            self.transport.abort()
