"""The two headers that name a part of a blob: what is asked for, and what is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ketch.errors import UsageError
from ketch.package.paths import printable

_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*")
_CHUNK = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Span:
    """Some bytes of a blob, by their first and their last, both included."""

    first: int
    last: int

    @property
    def count(self) -> int:
        """How many bytes that are; none, when the last comes before the first."""
        return self.last + 1 - self.first


def asked(header: str | None, size: int) -> Span:
    """Return the part of a blob that ``Range`` asks for, as RFC 9110 §14 says.

    A unit that nobody knows, several ranges, or no range at all ask for everything.

    Raises:
        UsageError: ``oci/range``: no byte of the blob is among them.
    """
    match = _RANGE.fullmatch(header) if header else None
    if match is None or match[1] == match[2] == "":
        return Span(0, size - 1)
    if match[1] == "":
        found = Span(max(0, size - int(match[2])), size - 1)
    else:
        last = int(match[2]) if match[2] else size - 1
        if last < int(match[1]) and match[2]:
            return Span(0, size - 1)  # no range at all, by the grammar
        found = Span(int(match[1]), min(last, size - 1))
    if found.count <= 0:
        raise UsageError(
            f"expected a part of {size} bytes, found `{printable(header or '')}`", code="oci/range"
        )
    return found


def chunk(header: str | None, *, offset: int) -> Span | None:
    """Return the part of an upload that ``Content-Range`` announces; None without one.

    Raises:
        UsageError: ``oci/chunk``: it does not begin where the last one ended, or is not
            written ``FIRST-LAST`` (distribution-spec, "Pushing a blob in chunks").
    """
    if header is None:
        return None
    match = _CHUNK.fullmatch(header)
    span = Span(int(match[1]), int(match[2])) if match else None
    if span is None or span.count <= 0 or span.first != offset:
        raise UsageError(
            f"expected a chunk from byte {offset} on, found `{printable(header)}`",
            code="oci/chunk",
            hint="`GET` the upload to see how far it is, and go on from there",
        )
    return span


def progress(offset: int) -> str:
    """Return how far an upload is, as ``Range`` says it.

    The header names the last byte there is, so it says the same of nothing and of one.
    """
    return f"0-{max(0, offset - 1)}"
