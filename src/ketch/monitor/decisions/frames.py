r"""Records in a file that is only ever added to, each of which stands and falls alone.

A record is ``RS CRC BODY LF``: the byte 0x1E, the CRC-32 of the body in 8 hexadecimal
digits, the body, a line feed. Neither 0x1E nor a line feed stands in a body (it is one
line of JSON), so wherever the bytes between are damaged, cut or torn, the next record is
found again: one damaged byte costs one record. This is RFC 7464 with a checksum.

>>> frame(b"{}")
b'\x1e2d2c1f11{}\n'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

AROUND = 10
"""Bytes of a record that are not its body."""
_RECORD = re.compile(rb"\x1e([0-9a-f]{8})([^\x1e\n]*)(\n?)")


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
    for found in _RECORD.finditer(content):
        check, body, _ = found.groups()
        if crc32(body) != int(check, 16):
            continue
        if found.start() > good:
            yield Damage(good, found.start())
        yield body
        good = found.end()
    if good < len(content):
        yield Damage(good, len(content))
