"""A response becomes bytes."""

from __future__ import annotations

from http import HTTPStatus

from ketch.serving.http.messages import Response

_STARTS = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\nx-content-type-options: nosniff\r\n"
    for status in HTTPStatus
}
_BODILESS = frozenset({204, 304})
_JOINED = 64 * 1024
"""Up to this size a body is copied behind its head; a larger one goes beside it."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = "connection: close\r\n"
KEEP = "connection: keep-alive\r\n"
"""Said to HTTP/1.0, whose connections end otherwise."""


def encoded(response: Response, date: str, connection: str, *, is_bare: bool) -> list[bytes]:
    """Return a response as it is sent: one piece when it is small.

    Args:
        response: The response.
        date: The header that says when, with its line's end.
        connection: The header that says how it goes on, with its line's end; may be empty.
        is_bare: Whether the body is left out, as in the answer to ``HEAD``.

    Raises:
        ValueError: A header would have become two, or is not Latin-1.
    """
    body = response.body
    kind = f"content-type: {response.media_type}\r\n" if response.media_type and body else ""
    length = "" if response.status in _BODILESS else f"content-length: {len(body)}\r\n"
    head = f"{_STARTS[response.status]}{date}{connection}{kind}{length}"
    lines = 3 + (connection != "") + (kind != "") + (length != "")
    for name, value in response.headers:
        head += f"{name}: {value}\r\n"
        lines += 1
    if head.count("\n") != lines or head.count("\r") != lines or "\0" in head:
        raise ValueError("a header holds the end of a line")
    start = f"{head}\r\n".encode("latin-1")
    if is_bare or not length:
        return [start]
    return [start + body] if len(body) <= _JOINED else [start, body]
