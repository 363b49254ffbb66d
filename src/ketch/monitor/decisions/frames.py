r"""Records in a file that is only ever added to, each of which stands and falls alone.

A record is ``RS CRC BODY LF``: the byte 0x1E, the CRC-32 of the body in 8 hexadecimal
digits, the body, a line feed. Neither 0x1E nor a line feed stands in a body (it is one
line of JSON), so wherever the bytes between are damaged, cut or torn, the next record is
found again: one damaged byte costs one record. This is RFC 7464 with a checksum.

>>> frame(b"{}")
b'\x1e2d2c1f11{}\n'
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

_START, _END = b"\x1e", b"\n"

AROUND = 10
"""Bytes of a record that are not its body."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no record: written wrongly, torn off, or changed since.

    Attributes:
        start, end: Where they are in the file.
    """

    start: int
    end: int


def frame(body: bytes) -> bytes:
    """Return a record."""
    return b"\x1e%08x%b\n" % (crc32(body), body)


def read(content: bytes) -> Iterator[bytes | Damage]:
    """Yield the bodies of all intact records in order, and the damage between them."""
    good = 0  # everything before it has been told
    start = content.find(_START)
    while start >= 0:
        following = content.find(_START, start + 1)
        stop = following if following >= 0 else len(content)
        end = content.find(_END, start, stop)
        end = stop if end < 0 else end + 1
        body = content[start + 9 : end - 1 if content[end - 1] == 0x0A else end]
        if content[start + 1 : start + 9] == b"%08x" % crc32(body):
            if start > good:
                yield Damage(good, start)
            yield body
            good = end
        start = following
    if good < len(content):
        yield Damage(good, len(content))
