"""The list of the pieces of a large blob, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ketch.errors import ManifestError
from ketch.package.digest import Digest
from ketch.schema.parse import canonical_json, parse_json

PIECE_BYTES = 16 * 1024 * 1024
"""The size of every piece but the last."""

_LARGEST = 256 * 1024 * 1024
_MOST = 1_000_000
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a blob: its digest and its size in bytes."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Pieces:
    """All pieces of a blob, in order; ``Pieces.parse(p.to_bytes()) == p``."""

    listed: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """The size of the blob in bytes."""
        return sum(piece.size for piece in self.listed)

    def after(self, position: int) -> list[tuple[int, Piece, int]]:
        """Return what holds the blob from a position on: number, piece, where to start in it."""
        found, end = [], 0
        for number, piece in enumerate(self.listed):
            begin, end = end, end + piece.size
            if end > position:
                found.append((number, piece, max(0, position - begin)))
        return found

    def to_bytes(self) -> bytes:
        """Return the canonical text."""
        listed = [{"digest": str(each.digest), "size": each.size} for each in self.listed]
        return canonical_json({"format": _FORMAT, "pieces": listed})

    @classmethod
    def parse(cls, content: bytes, *, where: str) -> Self:
        """Read a list.

        Raises:
            ManifestError, UsageError: It is none.
        """
        body = parse_json(content, max_bytes=len(content), where=where)
        listed = body.get("pieces") if isinstance(body, dict) else None
        if not isinstance(body, dict) or body.get("format") != _FORMAT:
            raise ManifestError(f"expected pieces of format {_FORMAT}", where=where)
        if not isinstance(listed, list) or len(listed) > _MOST:
            raise ManifestError(f"expected a list of at most {_MOST} pieces", where=where)
        return cls(tuple(_piece(one, where) for one in listed))


def _piece(body: object, where: str) -> Piece:
    size = body.get("size") if isinstance(body, dict) else None
    digest = body.get("digest") if isinstance(body, dict) else None
    if type(size) is not int or not 0 < size <= _LARGEST or not isinstance(digest, str):
        raise ManifestError(
            f"expected `digest` and a `size` of at most {_LARGEST} bytes", where=where
        )
    return Piece(Digest.parse(digest, where=where), size)
