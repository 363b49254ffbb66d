"""Bytecode that a worker compiled, moved into its environment.

uv installs no bytecode, and without it scikit-learn takes 7 s to import. A worker may
not write to the environment it shares with other packages, so it leaves what it
compiled, before any code of the package ran, beside its scratch files; the parent moves
it to where Python looks.
"""

import os
import re
import shutil
import stat
from contextlib import suppress
from pathlib import Path

FOLDER = ".bytecode"
"""Where the worker leaves it, inside its scratch folder."""

_NAME = re.compile(r"[^/]+\.cpython-\d+(\.opt-[12])?\.pyc")


def adopt_bytecode(scratch: Path, environment: Path) -> int:
    """Move the bytecode of an environment's modules into it; return how many files.

    Only regular files named as bytecode is, for folders the environment already has,
    are taken. Each appears at once, so that other workers never read half of one.
    """
    source = scratch / FOLDER
    adopted = 0
    for folder, _, names in os.walk(source):
        part = Path(folder).relative_to(source)
        target = environment / part
        if part.name != "__pycache__" or not _is_inside(target.parent, environment):
            continue
        for name in names:
            if _NAME.fullmatch(name) and _move(Path(folder, name), target):
                adopted += 1
    shutil.rmtree(source, ignore_errors=True)
    return adopted


def _is_inside(folder: Path, environment: Path) -> bool:
    return folder.is_dir() and folder.resolve().is_relative_to(environment.resolve())


def _move(file: Path, folder: Path) -> bool:
    if not stat.S_ISREG(file.lstat().st_mode) or folder.is_symlink():
        return False
    with suppress(OSError):  # a read-only environment is no reason to fail
        folder.mkdir(exist_ok=True)
        file.chmod(0o644)
        try:
            file.replace(folder / file.name)
        except OSError:  # another filesystem
            partial = folder / f".{file.name}.{os.getpid()}"
            shutil.copyfile(file, partial, follow_symlinks=False)
            partial.replace(folder / file.name)
        return True
    return False
