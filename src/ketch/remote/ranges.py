"""How long a thing is that a server has, and reading it from a position on."""

from __future__ import annotations

from collections.abc import Mapping

from ketch.package.paths import printable
from ketch.remote.readers import Parts
from ketch.remote.replies import malformed
from ketch.remote.wire import Stream
from ketch.store.base import Reader


def length_of(headers: Mapping[str, str], url: str) -> int:
    """Return the length that an answer tells.

    Raises:
        Unavailable: ``remote/malformed``: it tells none.
    """
    text = headers.get("content-length", "")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise malformed("a `Content-Length`, found none", url)
    return int(text)


def from_position(stream: Stream, position: int) -> Reader:
    """Return what reads from a position on, whatever part of it the server sent.

    Raises:
        Unavailable: ``remote/malformed``: it sent another part.
    """
    if stream.status == 416:  # nothing lies there
        return Parts(iter(()))
    if not position:
        return stream
    if stream.status == 206:
        said = stream.headers.get("content-range", "")
        if not said.startswith(f"bytes {position}-"):
            raise malformed(f"bytes from {position} on, found `{printable(said)[:80]}`", stream.url)
        return stream
    skipped = 0
    while skipped < position and (part := stream.read(position - skipped)):
        skipped += len(part)
    return stream
