"""The parent's side of the worker protocol: frames, and replies that are believed.

The protocol itself is the docstring of ``_worker/worker.py``. A worker runs the code of
a package, so all it sends is hostile until it has been read here: a length within
bounds, strict JSON, and exactly the members and types that the operation promises.
"""

import select
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from ketch.errors import Unavailable

MAX_FRAME = 256 * 2**20
"""Most bytes of a frame, either way."""

_HEADER = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the sandbox, and whether it is up.

    Attributes:
        layer: Its name, such as ``landlock`` or ``seccomp``.
        active: Whether it holds.
        detail: What it does, or why it is not up.
    """

    layer: str
    active: bool
    detail: str

    def to_json(self) -> dict[str, object]:
        """Return the form that attestations and ``ketch doctor --json`` show."""
        return {"layer": self.layer, "active": self.active, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class StepTime:
    """How long one step took, in milliseconds."""

    step: str
    ms: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a package answered.

    Attributes:
        rows: One row in JSON form for each input row; not yet checked by the schema.
        steps: Time spent in each step, in the order of the pipeline.
        trace: What each step returned, when it was asked for; see ``package.trace``.
        rss_bytes: Most memory the worker has held since it started.
    """

    rows: list[dict[str, object]]
    steps: tuple[StepTime, ...]
    trace: tuple[dict[str, object], ...]
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Started:
    """The reply to ``start``."""

    python: str
    protocol: int
    sandbox: tuple[Layer, ...]
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Done:
    """The reply to an operation that returns nothing; a failure has no ``rss_bytes``."""

    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The reply to ``compare``."""

    result: bool | str
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """The reply to ``evaluate``."""

    metrics: dict[str, float]
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Modules:
    """The reply to ``modules``."""

    modules: tuple[str, ...]
    uncompiled: tuple[str, ...]
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Failure:
    """What package code raised, as data; and, when traced, what its steps returned before."""

    type: str
    message: str
    traceback: str
    step: str | None
    refusal: bool
    trace: tuple[dict[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Failure
    trace: tuple[dict[str, object], ...] = ()


Reply = TypeVar("Reply", Started, Done, Answer, Verdict, Metrics, Modules)


def encode_frame(message: Mapping[str, object]) -> bytes:
    """Return a request as a frame.

    Raises:
        Unavailable: It is larger than a frame can be (``worker/too-large``).
    """
    body = msgspec.json.encode(message)
    if len(body) > MAX_FRAME:
        raise Unavailable(
            f"expected a request of at most {MAX_FRAME} bytes, found {len(body)}",
            code="worker/too-large",
            hint="send fewer rows at a time",
        )
    return _HEADER.pack(len(body)) + body


def decode_reply(body: bytes | bytearray, kind: type[Reply]) -> Reply | Failure:
    """Read a reply, or the failure that came in its place.

    Raises:
        Unavailable: It is neither, or not strict JSON (``worker/protocol``).
    """
    try:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.ValidationError:  # a failure, perhaps
            failed = msgspec.json.decode(body, type=_Failed)
            return replace(failed.error, trace=failed.trace)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as unexpected:
        raise garbled(str(unexpected)) from unexpected


def garbled(detail: str) -> Unavailable:
    """Return the error for a worker that does not speak the protocol."""
    return Unavailable(
        f"expected a reply in the worker's protocol, found something else: {detail}",
        code="worker/protocol",
        hint="package code has written to the worker's own socket, or damaged its process",
    )


class DeadlineExceeded(Exception):
    """The other side did not answer in time."""


class Closed(Exception):
    """The other side is gone."""


class Channel:
    """One end of the conversation, with deadlines.

    Args:
        end: A connected stream socket, owned from now on.
        pidfd: A descriptor that becomes readable when the worker ends, or None: a
            child that the worker left behind may keep its end of the socket open.
    """

    def __init__(self, end: socket.socket, pidfd: int | None) -> None:
        self._socket = end
        self._socket.setblocking(False)
        self._pidfd = pidfd

    def send(self, frame: bytes, *, until: float) -> None:
        """Send a frame; ``until`` is a time of the monotonic clock.

        Raises:
            DeadlineExceeded: It took longer.
            Closed: The worker is gone.
        """
        view = memoryview(frame)
        while view:
            view = view[self._send(view, until) :]

    def receive(self, *, until: float) -> bytearray:
        """Return the body of the one reply to a frame; it raises as :meth:`send` does.

        Raises:
            Unavailable: The reply announces more bytes than a frame can have.
        """
        (size,) = _HEADER.unpack(self._receive(_HEADER.size, until))
        if size > MAX_FRAME:
            raise garbled(f"a frame of {size} bytes")
        return self._receive(size, until)

    def give(self) -> socket.socket:
        """Give the socket away; here nobody answers from now on."""
        given = socket.socket(fileno=self._socket.detach())
        given.setblocking(False)
        return given

    def fileno(self) -> int:
        """Return the descriptor that becomes readable with a reply, or when nobody is there."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hang up, which asks the worker to end."""
        self._socket.close()

    def _send(self, view: memoryview, until: float) -> int:
        while True:
            try:
                return self._socket.send(view, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                self._wait(select.POLLOUT, until)
            except OSError as gone:
                raise Closed from gone

    def _receive(self, size: int, until: float) -> bytearray:
        # Grown as bytes arrive: an announced size alone must not cost memory.
        content = bytearray()
        while len(content) < size:
            try:
                part = self._socket.recv(min(size - len(content), 1 << 20))
            except BlockingIOError:
                self._wait(select.POLLIN, until)
                continue
            except OSError as gone:
                raise Closed from gone
            if not part:
                raise Closed
            content += part
        return content

    def _wait(self, event: int, until: float) -> None:
        poll = select.poll()
        poll.register(self._socket, event)
        if self._pidfd is not None:
            poll.register(self._pidfd, select.POLLIN)
        left = until - time.monotonic()
        ready = poll.poll(max(0.0, left) * 1_000)
        if not ready:
            raise DeadlineExceeded
        if all(fd == self._pidfd for fd, _ in ready):
            # The worker has ended, and nothing that it sent before is left to read.
            raise Closed
