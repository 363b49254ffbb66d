"""Content digests: the names that cannot lie."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from ketch.errors import ManifestError
from ketch.package.paths import printable

_PATTERN = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A SHA-256 content digest, written ``sha256:<64 lowercase hex digits>``.

    ``Digest.parse(str(d)) == d`` for every digest ``d``. No other algorithm is
    accepted: a second name for the same bytes would be a second way to be wrong.
    """

    hex: str

    @classmethod
    def parse(cls, text: str, *, where: str | None = None) -> Self:
        """Read a digest.

        Raises:
            ManifestError: ``text`` is not written exactly as above.
        """
        match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ManifestError(
                f"expected `sha256:<64 hex digits>`, found `{printable(str(text))}`",
                code="package/digest-syntax",
                where=where,
            )
        return cls(match[1])

    @classmethod
    def of(cls, content: bytes | memoryview) -> Self:
        """Return the digest of some bytes."""
        return cls(hashlib.sha256(content).hexdigest())

    def __str__(self) -> str:
        return f"sha256:{self.hex}"

    @property
    def short(self) -> str:
        """The first twelve hex digits, for people; never for looking things up."""
        return self.hex[:12]
