"""Who may ask: bearer tokens, of which a file holds only the SHA-256.

A line of the file is ``sha256:<64 hex digits> NAME``; the name is for people, and empty
lines and those that begin with ``#`` say nothing. Whoever reads the file can let nobody in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from pathlib import Path

from ketch.errors import Finding, UsageError

_LINE = re.compile(r"sha256:([0-9a-f]{64})[ \t]+(\S.*)")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that are let in.

    Attributes:
        named: The SHA-256 of each, and whose it is.
    """

    named: tuple[tuple[bytes, str], ...]

    @classmethod
    def read(cls, file: Path) -> Tokens:
        """Read the tokens of a file.

        Raises:
            UsageError: ``serve/token-file``: it cannot be read, or holds none, or other lines.
        """
        try:
            lines = file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"expected a file of tokens, found: {error}",
                code="serve/token-file",
                where=str(file),
            ) from error
        return cls(_parsed(lines, file))

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
    if findings or not named:
        raise UsageError(
            f"expected a line for each token, found {len(findings)} that are none"
            if findings
            else "expected a token, found none",
            code="serve/token-file",
            where=str(file),
            hint="`printf %s TOKEN | sha256sum` says what to write",
            findings=findings,
        )
    return tuple(named)
