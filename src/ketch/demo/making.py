"""The projects of the demo, as their author makes them: copied, trained, changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ketch.demo.shop import DATA
from ketch.errors import PackageCodeError, UsageError
from ketch.files import explained

PROJECTS = ("top-sellers", "recommender")
POLICY = "route.toml"
MARK = ".ketch-demo"
LOCK = "requirements.lock"

_LIVED = ("registry.db", "registry.db-wal", "registry.db-shm", "decisions", "serving", "guard")
"""What a route leaves in a home; each demo begins its own."""


def set_the_stage(folder: Path) -> None:
    """Make the folder and the projects in it; what an earlier demo locked stays.

    Raises:
        UsageError: The folder holds something that no demo made.
    """
    with explained(folder):
        if folder.exists() and not (folder / MARK).exists() and any(folder.iterdir()):
            raise UsageError(
                f"expected an empty folder, found files in `{folder}`",
                code="demo/folder",
                hint="name another folder: `ketch demo --into FOLDER`",
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).touch()
        shutil.copyfile(DATA.parent / POLICY, folder / POLICY)
        for name in PROJECTS:
            _copy_project(name, folder / name)
        for name in _LIVED:
            _remove(folder / "home" / name)


def _copy_project(name: str, project: Path) -> None:
    """Copy a project as it is shipped; the lock of an earlier demo stays."""
    with _locked(project):
        shutil.rmtree(project, ignore_errors=True)
        unshipped = shutil.ignore_patterns("__pycache__", "model", "data")
        shutil.copytree(DATA.parent / "projects" / name, project, ignore=unshipped)


@contextmanager
def _locked(project: Path) -> Iterator[None]:
    """Give a project back the lock it had: what is locked needs no network."""
    lock = project / LOCK
    before = lock.read_bytes() if lock.exists() else None
    yield
    if before is not None:
        lock.write_bytes(before)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def training(project: Path) -> Iterator[Callable[[], None]]:
    """Run the project's own training script, which is no part of the package.

    Yields what waits for its end.
    """
    command = [sys.executable, "train.py", "--shop", str(DATA)]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True) as process:

        def wait() -> None:
            said = process.communicate()[1]
            if process.returncode != 0:
                raise PackageCodeError(
                    f"training stopped: {' '.join(said.strip().splitlines()[-1:])}",
                    code="demo/training",
                    where=str(project / "train.py"),
                    traceback=said,
                )

        try:
            yield wait
        finally:
            process.kill()


def another(project: Path, copy: Path, *edits: tuple[str, str, str]) -> None:
    """Copy a project, and make changes in it: a file, what it says, and what it is to say."""
    with _locked(copy):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(project, copy)
    for file, before, after in edits:
        _edit(copy / file, before, after)


def _edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    if before not in text:
        raise UsageError(f"expected `{before}` in `{file}`", code="demo/project")
    file.write_text(text.replace(before, after))
