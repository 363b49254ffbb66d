"""Writing a drafted folder: nothing is ever overwritten, and a failure leaves nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ketch.errors import UsageError
from ketch.package import PackageName
from ketch.package.names import check_name

FIXED = ("ketch.toml", "pipeline.py", "README.md", "requirements.txt", "requirements.lock")
"""What every drafted folder holds."""


def package_name(wanted: str | None, folder: Path) -> str:
    """Return the name of a package: the one wanted, or one made of the folder's.

    Raises:
        UsageError: ``wanted`` is no package name.
    """
    if wanted is not None:
        return str(PackageName.parse(wanted))
    text = folder.resolve().name.lower()
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in text)
    parts = [part for part in plain[:64].split("-") if part]
    name = "-".join(parts)
    return name if name and not check_name(name) else "model"


def refuse_existing(folder: Path, paths: Iterable[str]) -> None:
    """Raise when a file would be overwritten.

    Raises:
        UsageError: ``init/exists``, with everything that is in the way.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"expected a folder, found the file `{folder}`", code="init/exists")
    there = [path for path in paths if os.path.lexists(folder / path)]
    if there:
        named = ", ".join(f"`{path}`" for path in there[:10])
        raise UsageError(
            f"expected a folder without {named}",
            code="init/exists",
            where=str(folder),
            hint="`ketch init` overwrites nothing: choose another folder",
        )


def move_into(staged: Path, folder: Path) -> tuple[str, ...]:
    """Move everything that was staged into a folder; return the paths, sorted.

    Each file is linked to its name, which fails where one is, and then unlinked. What
    was moved already is taken back when a later one fails.

    Raises:
        UsageError: ``init/exists``: a file is in the way.
    """
    files = {
        path.relative_to(staged).as_posix(): path for path in staged.rglob("*") if path.is_file()
    }
    refuse_existing(folder, sorted(files))
    moved: list[Path] = []
    try:
        for name, path in sorted(files.items()):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _place(path, target)
            moved.append(target)
    except FileExistsError as problem:
        _take_back(moved)
        message = f"expected a folder without `{problem.filename2 or problem.filename}`"
        raise UsageError(message, code="init/exists", where=str(folder)) from problem
    except BaseException:
        _take_back(moved)
        raise
    return tuple(sorted(files))


def write_all(folder: Path, contents: Mapping[str, str]) -> None:
    """Write texts into a new folder."""
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _place(path: Path, target: Path) -> None:
    try:
        target.hardlink_to(path)
    except FileExistsError:
        raise
    except OSError:  # a filesystem without links
        with path.open("rb") as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy)


def _take_back(moved: Iterable[Path]) -> None:
    for path in moved:
        with suppress(OSError):
            path.unlink()
