"""A request that arrived whole, and the response that goes out whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(slots=True)
class Request:
    """One request, read to its end and within every limit.

    Attributes:
        method: In upper case.
        path: Decoded once; it begins with ``/``.
        query: What follows the ``?``, as it was sent.
        headers: By name in lower case; the last of those that came twice.
        body: The whole body.
        arrived: When its first byte came, on the monotonic clock, in seconds.
        secure: Whether it came through TLS.
        route: The name of the route that it asked, once that is known; for the books.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    arrived: float = 0.0
    secure: bool = False
    route: str = ""

    @property
    def media_type(self) -> str:
        """The media type of the body, in lower case and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(slots=True)
class Response:
    """One response.

    Attributes:
        status: Such as 200.
        body: The whole body.
        media_type: Of the body; None where there is none.
        headers: More of them, names as they are written.
    """

    status: int = 200
    body: bytes = b""
    media_type: str | None = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Application: TypeAlias = Callable[[Request], Response | Awaitable[Response]]
"""Answers requests; what it raises is answered as a fault and told in the log."""
