"""The one question that a worker is asked while it serves, as a frame of its protocol."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from ketch.errors import Unavailable
from ketch.runtime.protocol import MAX_FRAME, garbled
from ketch.schema import Row

_HEADER = struct.Struct(">I")
_BEFORE = b'{"op":"predict","rows":['
_AFTER = b'],"trace":false}'
_AROUND = len(_BEFORE) + len(_AFTER)
_SMALL = 16 * 1024

encode_rows = msgspec.json.Encoder().encode
"""Returns rows as JSON: a list, as :func:`question` takes it."""


def question(lists: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return a frame that asks the rows of several lists, in order, in pieces to be sent.

    Each list is what :func:`encode_rows` made of rows that a decoder passed, never bytes of
    a caller: those could close the list, and shift every answer after it by one.

    Raises:
        Unavailable: It is larger than a frame can be (``worker/too-large``).
    """
    rows = lists[0][1:-1] if len(lists) == 1 else b",".join([one[1:-1] for one in lists])
    size = len(rows) + _AROUND
    if size > MAX_FRAME:
        raise Unavailable(
            f"expected a request of at most {MAX_FRAME} bytes, found {size}",
            code="worker/too-large",
            hint="send fewer rows at a time",
        )
    frame = (_HEADER.pack(size), _BEFORE, rows, _AFTER)
    return frame if size > _SMALL else (b"".join(frame),)


def encoded(rows: Sequence[Row]) -> bytes:
    """Return rows as :func:`question` takes them."""
    return encode_rows(rows)


class Frames:
    """Puts the bytes that a worker sends together to frames."""

    __slots__ = ("_kept", "_size")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._size = -1

    def add(self, data: bytes) -> bytes | bytearray | None:
        """Return the body of the frame that these bytes complete, if they do.

        Raises:
            Unavailable: More follows than one frame, or the frame is too large: a worker
                that was asked once answers once.
        """
        if not self._kept and len(data) > 4 and len(data) == _HEADER.unpack_from(data)[0] + 4:
            return data[4:]
        # Grown as bytes arrive: an announced size alone must not cost memory.
        self._kept += data
        if self._size < 0:
            if len(self._kept) < 4:
                return None
            (self._size,) = _HEADER.unpack_from(self._kept)
            if self._size > MAX_FRAME:
                raise garbled(f"a frame of {self._size} bytes")
        have = len(self._kept) - 4
        if have < self._size:
            return None
        if have > self._size:
            raise garbled("more than one frame")
        body, self._kept, self._size = self._kept[4:], bytearray(), -1
        return body
