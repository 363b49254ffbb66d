"""The files of a package folder: which there are, which stay behind, which hold still."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from ketch.errors import Finding, Unavailable

_SWEEPINGS = frozenset({".DS_Store", "Thumbs.db", ".gitkeep", ".gitignore", "__pycache__"})

Looks = Mapping[str, os.stat_result | None]
"""Path in the folder → how the file looked when it was read; ``None`` for one not there."""


def below(folder: Path, part: str) -> tuple[str, ...]:
    """Return every file below a part of the folder, sorted, with ``/``.

    Hidden folders and what systems leave behind do not count. A symbolic link counts as
    a file, whatever it leads to, and so does a folder that may not be read: nothing is
    looked for behind them.
    """
    if (folder / part).is_symlink():
        return (part,)
    found: list[str] = []

    def keep_unread(problem: OSError) -> None:
        if not isinstance(problem, FileNotFoundError | NotADirectoryError):
            found.append(Path(problem.filename).relative_to(folder).as_posix())

    for place, folders, names in os.walk(folder / part, onerror=keep_unread):
        here = Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [name for name in folders if _counts(name) and not name.startswith(".")]
        listed = [name for name in (*names, *links) if _counts(name)]
        inside = here.relative_to(folder).as_posix()
        found += [name if inside == "." else f"{inside}/{name}" for name in listed]
    return tuple(sorted(found))


def beside(folder: Path, used: Iterable[str]) -> tuple[str, ...]:
    """Return what lies in the folder and is not used: the project around the package.

    A folder of which nothing is used is named once, with a ``/`` at its end.

    Args:
        folder: The package folder.
        used: Files, relative to the folder.
    """
    files = frozenset(used)
    places = {path.rpartition("/")[0] for path in files}
    folders = places | {str(parent) for place in places for parent in PurePosixPath(place).parents}
    return tuple(_beside(folder, "", files, folders))


def look(folder: Path, paths: Iterable[str]) -> Looks:
    """Return how files look now."""
    return {path: _look(folder, path) for path in paths}


def refuse_changed(folder: Path, looks: Looks) -> None:
    """Raise when a file is no longer what was looked at.

    Raises:
        Unavailable: ``store/file-changed``; every such file is in the findings.
    """
    changed = [path for path, seen in looks.items() if not _same(seen, _look(folder, path))]
    if not changed:
        return
    message = "expected a file at rest, found it changed while it was read"
    raise Unavailable(
        f"expected a folder at rest, found `{changed[0]}` changed while it was read",
        code="store/file-changed",
        where=changed[0],
        hint="wait until the program that writes it is done, then run the same again",
        findings=[Finding("store/file-changed", message, path) for path in changed],
    )


def _beside(
    folder: Path, place: str, files: Collection[str], folders: Collection[str]
) -> Iterator[str]:
    try:
        with os.scandir(folder / place) as entries:
            listed = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:
        return  # what is used of it has been looked at
    for name, is_folder in listed:
        path = f"{place}{name}"
        if not _counts(name) or name.startswith(".") or path in files:
            continue
        if path in folders:
            yield from _beside(folder, f"{path}/", files, folders)
        else:
            yield f"{path}/" if is_folder else path


def _look(folder: Path, path: str) -> os.stat_result | None:
    try:
        return os.stat(f"{folder}/{path}")  # noqa: PTH116 - a path object takes as long again
    except OSError:
        return None


def _same(one: os.stat_result | None, other: os.stat_result | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.st_ino, one.st_size, one.st_mtime_ns) == (
        other.st_ino,
        other.st_size,
        other.st_mtime_ns,
    )


def _counts(name: str) -> bool:
    return name not in _SWEEPINGS
