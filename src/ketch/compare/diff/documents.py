"""The documents of two packages: by file, and line by line where they are text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

from ketch.compare.diff.files import Files
from ketch.compare.diff.lines import Lines, Text, line_diff, split

MOST_TEXT_BYTES = 1_000_000
"""Larger documents are told by size and digest."""

Read = Callable[[str], bytes]
"""Returns the content of a file by its path."""


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents that are not the same, and how the text of those that changed did."""

    files: Files
    lines: Mapping[str, Lines]

    def mirrored(self) -> Self:
        """Return the way from ``b`` to ``a``."""
        lines = {path: found.mirrored() for path, found in self.lines.items()}
        return replace(self, files=self.files.mirrored(), lines=lines)

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        lines = {path: found.to_json() for path, found in self.lines.items()}
        return {**self.files.to_json(), "lines": lines}


def diff_documents(files: Files, read_a: Read, read_b: Read) -> Documents:
    """Return how documents differ; only those that changed and are small enough are read."""
    return Documents(files, dict(_lines(files, read_a, read_b)))


def _lines(files: Files, read_a: Read, read_b: Read) -> Iterator[tuple[str, Lines]]:
    for change in files.changes:
        a, b = change.a, change.b
        if a is None or b is None or a.digest == b.digest:
            continue
        if max(a.size_bytes, b.size_bytes) > MOST_TEXT_BYTES:
            continue
        contents = read_a(a.path), read_b(b.path)
        if not any(b"\0" in content for content in contents):
            was, now = (Text(split(content.decode("utf-8", "replace"))) for content in contents)
            yield change.path, line_diff(was, now)
