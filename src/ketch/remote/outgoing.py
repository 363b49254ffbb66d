"""Blobs on their way to a remote, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from ketch.package.blobs import Stored


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A blob on its way to a remote.

    Attributes:
        stored: Its digest and size.
        open: Opens its content, as often as it is asked; it can be sought in.
    """

    stored: Stored
    open: Callable[[], BinaryIO]

    @classmethod
    def of_file(cls, stored: Stored, path: Path) -> Self:
        """Return a blob that lies in a file."""
        return cls(stored, lambda: path.open("rb"))
