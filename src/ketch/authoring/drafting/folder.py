"""Writing a drafted folder: nothing is ever overwritten, and a failure leaves nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from ketch.errors import UsageError
from ketch.files import explained

FIXED = ("ketch.toml", "pipeline.py", "README.md", "requirements.txt", "requirements.lock")
"""What every drafted folder holds."""


def refuse_existing(folder: Path, paths: Iterable[str]) -> None:
    """Raise when a file would be overwritten, or written through a link to elsewhere.

    Raises:
        UsageError: ``init/exists``, with everything that is in the way.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"expected a folder, found the file `{folder}`", code="init/exists")
    there = [path for path in paths if os.path.lexists(folder / path) or _leaves(folder, path)]
    if there:
        named = ", ".join(f"`{path}`" for path in there[:10])
        raise UsageError(
            f"expected a folder without {named}",
            code="init/exists",
            where=str(folder),
            hint="`ketch init` overwrites nothing: choose another folder",
        )


def _leaves(folder: Path, path: str) -> bool:
    """Whether a folder on the way to a file is a symbolic link."""
    return any((folder / parent).is_symlink() for parent in PurePosixPath(path).parents[:-1])


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Yield a private folder beside or in the one to be written, gone afterwards.

    Raises:
        Unavailable: ``disk/…``: it cannot be written there.
    """
    parent = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.is_dir())
    with explained(parent):
        staged = Path(tempfile.mkdtemp(prefix=".ketch-init-", dir=parent))
        try:
            yield staged
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def kept_in_place(folder: Path, source: Path | None) -> frozenset[str]:
    """Return what stays as it is when a project becomes a package where it lies."""
    if source is None or not source.is_dir() or not folder.is_dir():
        return frozenset()
    if not source.samefile(folder):
        return frozenset()
    own = ("README.md", "requirements.txt", "pipeline.py")
    return frozenset(name for name in own if (folder / name).is_file())


def drop_present(staged: Path, folder: Path, kept: frozenset[str]) -> None:
    """Remove from a staged folder what is there already: what is kept, and equal files."""
    for path in [path for path in staged.rglob("*") if path.is_file()]:
        name = path.relative_to(staged).as_posix()
        there = folder / name
        is_copy = name.startswith("model/") or path.suffix == ".py"
        if name in kept or (is_copy and there.is_file() and _same(path, there)):
            path.unlink()
    if "requirements.txt" in kept:
        (staged / "requirements.lock").unlink(missing_ok=True)


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


def _same(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        while block := left.read(1 << 20):
            if block != right.read(1 << 20):
                return False
    return True
