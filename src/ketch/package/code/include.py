"""Files that a package lists beside the code that ketch finds: ``[pipeline] include``."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ketch.errors import Finding
from ketch.package.paths import printable

_SWEEPINGS = frozenset(["__pycache__", "node_modules"])


def expand(folder: Path, patterns: Sequence[str]) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Return the files that glob patterns name, and the patterns that name none.

    ``*`` stays inside a folder, ``**`` goes through folders, and the name of a folder
    stands for all it holds. Hidden files come only when the pattern spells their dot;
    byte code never does. Symbolic links are listed, not followed.

    Returns:
        Sorted paths relative to ``folder``, and findings with the codes
        ``package/include-outside`` and ``package/include-nothing``.
    """
    files: set[str] = set()
    findings: list[Finding] = []
    for number, pattern in enumerate(patterns):
        where = f"ketch.toml: pipeline.include[{number}]"
        if not _stays_inside(pattern):
            message = f"expected a pattern inside the package, found `{printable(pattern)}`"
            hint = "copy the files into the folder; write `/` between names, and `**` alone"
            findings.append(Finding("package/include-outside", message, where, hint))
            continue
        matched = {*_matches(folder, pattern)}
        if not matched:
            message = f"expected files for `{printable(pattern)}`, found none"
            hint = "patterns start at the folder of `ketch.toml`; `**` goes through folders"
            findings.append(Finding("package/include-nothing", message, where, hint))
        files |= matched
    return tuple(sorted(files)), tuple(findings)


def _stays_inside(pattern: str) -> bool:
    segments = pattern.split("/")
    odd = any(sign in pattern for sign in "\\:\0")
    plain = all(segment == "**" or "**" not in segment for segment in segments)
    named = bool(pattern.strip("/. "))
    return named and plain and bool(segments[0]) and ".." not in segments and not odd


def _matches(folder: Path, pattern: str) -> Iterator[str]:
    for match in _glob(folder, pattern.rstrip("/")):
        path = match.relative_to(folder)
        if not _is_wanted(path.parts, pattern):
            continue
        if match.is_dir() and not match.is_symlink():
            yield from _below(folder, match)
        else:
            yield path.as_posix()


def _glob(folder: Path, pattern: str) -> list[Path]:
    try:
        return list(folder.glob(pattern))
    except OSError:  # a name longer than a file can have
        return []


def _below(folder: Path, top: Path) -> Iterator[str]:
    for place, folders, names in os.walk(top):
        here = Path(place).relative_to(folder)
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        folders[:] = [name for name in folders if _is_wanted((name,), "")]
        for name in [*names, *links]:
            if _is_wanted((name,), ""):
                yield (here / name).as_posix()


def _is_wanted(parts: tuple[str, ...], pattern: str) -> bool:
    spelled = pattern.split("/")
    hidden = [part for part in parts if part.startswith(".")]
    if any(part in _SWEEPINGS or part.endswith((".pyc", ".pyo")) for part in parts):
        return False
    return all(any(_spells(segment) for segment in spelled) for _ in hidden)


def _spells(segment: str) -> bool:
    return segment.startswith(".") and segment != "."
