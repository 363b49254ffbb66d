"""The values of a session: what is asked, how patiently, what comes back, and what may pass."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ketch.errors import KetchError
from ketch.remote.replies import json_of


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a session waits, and how often it tries.

    Attributes:
        connect_s: For a connection, in seconds.
        silence_s: For the next byte in either direction, in seconds.
        reply_s: For the whole of a reply that is held in memory, in seconds.
        tries: How often a call is made that may be repeated.
        wait_s: Before the second try; then twice that, and so on.
        longest_wait_s: The most, also when the server asks for more.
    """

    connect_s: float = 10.0
    silence_s: float = 60.0
    reply_s: float = 300.0
    tries: int = 4
    wait_s: float = 0.25
    longest_wait_s: float = 20.0


class Body(Protocol):
    """What is sent: as many bytes as it says, and from the start whenever it is iterated."""

    @property
    def length(self) -> int:
        """How many bytes there are."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """Yield all of them."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Attributes:
        status: The HTTP status: below 400, or one that the caller allowed.
        headers: By name, in any case of letters.
        content: The body.
        url: Where it came from, after redirects.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str

    def json(self) -> object:
        """Return the body as JSON, read strictly.

        Raises:
            Unavailable: ``remote/malformed``: it is none.
        """
        return json_of(self.content, self.url)


@dataclass(frozen=True, slots=True)
class Call:
    """A request, as the caller put it."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Body | None = None
    allow: Collection[int] = ()
    elsewhere: bool = False


class Passing(Exception):
    """An error that another try may not meet.

    Args:
        error: What to raise when there is no other try.
        wait_s: How long the server wants to be left alone, in seconds.
        is_unheard: Whether the server surely did nothing.
    """

    def __init__(
        self, error: KetchError, *, wait_s: float | None = None, is_unheard: bool = False
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.wait_s = wait_s
        self.is_unheard = is_unheard
