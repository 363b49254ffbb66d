"""Who may ask: bearer tokens, of which a file holds only the SHA-256.

A line of the file is ``sha256:<64 hex digits> NAME``; the name is for people, and empty
lines and those that begin with ``#`` say nothing. Whoever reads the file can let nobody in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from pathlib import Path

from ketch.errors import Finding, UsageError

_LINE = re.compile(r"sha256:([0-9a-f]{64})[ \t]+(\S.*)")
_HINT = "`printf %s TOKEN | sha256sum` says what to write"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that are let in.

    Attributes:
        named: The SHA-256 of each, and whose it is.
    """

    named: tuple[tuple[bytes, str], ...]

    @classmethod
    def read(cls, file: Path, *, may_be_none: bool = False) -> Tokens:
        """Read the tokens of a file.

        Raises:
            UsageError: ``serve/token-file``: it cannot be read, or holds other lines, or none
                where there must be one.
        """
        try:
            lines = file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"expected a file of tokens, found: {getattr(error, 'strerror', None) or error}",
                code="serve/token-file",
                where=str(file),
            ) from error
        named = _parsed(lines, file)
        if not named and not may_be_none:
            raise UsageError(
                "expected a token, found none",
                code="serve/token-file",
                where=str(file),
                hint=_HINT,
            )
        return cls(named)

    @classmethod
    def read_again(cls, file: Path, *, pause_s: float = 1.0) -> Tokens:
        """Read a file that changed: one whose last token was taken out lets nobody in.

        A file that is being written is empty for a moment too, so one without a token is
        looked at again after a pause.

        Raises:
            UsageError: ``serve/token-file``: it cannot be read, or holds other lines.
        """
        tokens = cls.read(file, may_be_none=True)
        if tokens.named:
            return tokens
        time.sleep(pause_s)
        return cls.read(file, may_be_none=True)

    def name_of(self, authorization: str) -> str | None:
        """Return whose token a header ``Authorization`` holds; None when it is nobody's."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        given = hashlib.sha256(token.strip().encode("latin-1", "replace")).digest()
        found = None
        for digest, name in self.named:  # all of them: time tells nothing
            if hmac.compare_digest(digest, given):
                found = name
        return found


def _parsed(lines: list[str], file: Path) -> tuple[tuple[bytes, str], ...]:
    named, findings = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        if match := _LINE.fullmatch(line.strip()):
            named.append((bytes.fromhex(match[1]), match[2]))
        else:  # the line may be a secret: it is not repeated
            message = "expected `sha256:<64 hex digits> NAME`, found another line"
            findings.append(Finding("serve/token-file", message, f"{file}:{number}"))
    if findings:
        raise UsageError(
            f"expected a line for each token, found {len(findings)} that are none",
            code="serve/token-file",
            where=str(file),
            hint=_HINT,
            findings=findings,
        )
    return tuple(named)
