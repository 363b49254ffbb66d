"""Paths inside a package: the few that mean the same on every system.

A package is packed on one machine and laid out on another, so a path is held to what
Linux, macOS, Windows, tar and an OCI annotation all read alike:

- relative, ``/`` between segments, at most 16 segments and 512 characters;
- a segment starts with a letter, a digit or ``_``, goes on with those or ``. + @ = , -``
  or a space, ends in neither a dot nor a space, and has at most 128 characters;
- no segment is a name that Windows keeps for a device (``con``, ``nul.txt``).

There is no ``..``, no leading dot and no backslash, so a path cannot leave its folder.
ASCII only: the same accented letter has two spellings in Unicode, and systems differ in
which one they keep.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ketch.errors import Finding, ManifestError
from ketch.schema.problems import printable as printable  # noqa: PLC0414 - the layers above import it from here

LONGEST_SEGMENT = 128
LONGEST_PATH = 512
DEEPEST = 16

_ALLOWED = re.compile(r"[A-Za-z0-9_.+@=, -]*")
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))]
)


@dataclass(frozen=True, slots=True, order=True)
class PackagePath:
    """A relative POSIX path inside a package, such as ``model/weights.bin``.

    ``PackagePath.parse(str(p)) == p`` for every path ``p``.
    """

    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, *, where: str | None = None) -> Self:
        """Read a path.

        Raises:
            ManifestError: ``text`` breaks the grammar; it carries every finding.
        """
        findings = check_path(text, where=where)
        if findings:
            first = findings[0]
            raise ManifestError(
                first.message,
                code=first.code,
                where=first.where,
                hint=first.hint,
                findings=findings,
            )
        return cls(tuple(text.split("/")))

    @property
    def name(self) -> str:
        """The last segment."""
        return self.parts[-1]

    def under(self, folder: Path) -> Path:
        """Return where the path lies below a folder of this machine."""
        return folder.joinpath(*self.parts)

    def __str__(self) -> str:
        return "/".join(self.parts)


def check_path(text: str, *, where: str | None = None) -> tuple[Finding, ...]:
    """Return everything that is wrong with a path, code ``package/path-syntax``.

    Args:
        text: The path as written.
        where: What the findings point at; the path itself by default.
    """
    at = where if where is not None else printable(text)
    return tuple(
        Finding("package/path-syntax", message, at, hint) for message, hint in _problems(text)
    )


def clashes(paths: Iterable[str]) -> tuple[Finding, ...]:
    """Return the paths that cannot lie in one folder on every system.

    Two paths clash when they differ only in case, in any segment, when one names a
    file and the other a folder, or when they are the same. Code ``package/path-clash``.
    """
    seen: dict[str, tuple[str, bool]] = {}
    findings: dict[str, Finding] = {}
    for path in paths:
        for entry, is_file in _entries(path):
            folded = entry.lower()
            known = seen.get(folded)
            if known is None:
                seen[folded] = (entry, is_file)
            elif is_file or known != (entry, False):
                findings.setdefault(folded, _clash(known, (entry, is_file)))
                break
    return tuple(findings.values())


def unreadable(path: str, problem: OSError) -> Finding:
    """Return what to say of a file or folder that cannot be read, code ``package/unreadable``."""
    reason = (problem.strerror or "not readable").lower()
    shown = printable(path)
    hint = f"`chmod u+rX {shown}`" if isinstance(problem, PermissionError) else None
    return Finding("package/unreadable", f"expected to read it, found: {reason}", shown, hint)


def _problems(text: str) -> Iterator[tuple[str, str]]:
    """Yield what was expected and found, and what to do about it."""
    segments = text.split("/")
    if not text:
        yield "expected a path, found nothing", "name a file inside the package"
        return
    if len(text) > LONGEST_PATH:
        yield (
            f"expected a path of at most {LONGEST_PATH} characters, found {len(text)}",
            "shorten the names of its folders",
        )
    if len(segments) > DEEPEST:
        yield (
            f"expected at most {DEEPEST} segments, found {len(segments)}",
            "move the file up",
        )
    for segment in dict.fromkeys(segments):
        if problem := _segment_problem(segment):
            yield problem


@functools.lru_cache(maxsize=4096)  # the folders of a large package are the same few
def _segment_problem(segment: str) -> tuple[str, str] | None:
    shown = printable(segment)
    if not segment:
        return (
            "expected names between single `/`, found an empty one",
            "write the path relative to the package, such as `model/weights.bin`",
        )
    if segment in (".", ".."):
        return (
            f"expected a path inside the package, found a `{segment}` segment",
            "copy the file into the folder",
        )
    if not _ALLOWED.fullmatch(segment):
        return (
            f"expected ASCII letters, digits, spaces and `_ . + - @ = ,`, found `{shown}`",
            f"rename it, for example to `{_renamed(segment)}`",
        )
    if not (segment[0].isalnum() or segment[0] == "_"):
        return (
            f"expected a name that starts with a letter, a digit or `_`, found `{shown}`",
            f"rename it, for example to `{_renamed(segment)}`, or leave the file out",
        )
    if segment[-1] in ". ":
        return (
            f"expected a name that ends in neither a dot nor a space, found `{shown}`",
            "Windows drops that character; rename the file",
        )
    if segment.partition(".")[0].rstrip(" ").lower() in _DEVICES:
        return f"`{shown}` is a device on Windows, not a file", "rename the file"
    if len(segment) > LONGEST_SEGMENT:
        return (
            f"expected a name of at most {LONGEST_SEGMENT} characters, found {len(segment)}",
            "shorten the name",
        )
    return None


def _entries(path: str) -> Iterator[tuple[str, bool]]:
    """Yield each folder of a path, then the file, with whether it is the file."""
    segments = path.split("/")
    for depth in range(1, len(segments) + 1):
        yield "/".join(segments[:depth]), depth == len(segments)


def _clash(first: tuple[str, bool], second: tuple[str, bool]) -> Finding:
    shown = printable(second[0])
    if first[0] != second[0]:
        message = f"`{printable(first[0])}` and `{shown}` differ only in case"
        hint = "Windows and macOS keep one of the two; rename one"
    elif first[1] and second[1]:
        message, hint = f"`{shown}` is there twice", "list it once"
    else:
        message, hint = f"`{shown}` is a file and a folder", "rename one"
    return Finding("package/path-clash", message, shown, hint)


def _renamed(segment: str) -> str:
    kept = re.sub(r"[^A-Za-z0-9_.+@=,-]+", "_", segment).lstrip(".+@=,-").rstrip(".")
    return kept[:LONGEST_SEGMENT] or "renamed"
