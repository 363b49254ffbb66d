"""A package folder that is right, and the tools that put something hostile into it."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Change = Callable[[Path], object]

TOML = """
[package]
name = "hello"
version = "1.0.0"
owner = "growth@shop.example"
[pipeline]
steps = ["pipeline:predict"]
[inputs]
name = "string"
[outputs]
greeting = "string"
"""
SCENARIO = '{"name": "one", "inputs": {"name": "Ann"}, "expected": {"greeting": "Ann"}}\n'
CODE = "def predict(model, rows):\n    return [{'greeting': row['name']} for row in rows]\n"
RIGHT = {
    "ketch.toml": TOML,
    "README.md": "# hello\n",
    "pipeline.py": CODE,
    "requirements.txt": "",
    "model/weights.bin": "weights",
    "scenarios/one.json": SCENARIO,
}


@dataclass(frozen=True)
class Folder:
    """A hostile folder, and the codes of which each must be among its findings."""

    name: str
    codes: str
    change: Change


def make(folder: Path) -> None:
    """Write the folder that is right."""
    for path, text in RIGHT.items():
        write(path, text)(folder)


def write(path: str | bytes, content: str | bytes) -> Change:
    """Return the change that puts a file there."""

    def change(folder: Path) -> None:
        file = folder / os.fsdecode(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        _clear(file)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    return change


def toml(text: str, old: str = "", new: str = "") -> Change:
    """Return the change of ``ketch.toml``: more of it, or something else in place of a part."""
    assert old in TOML
    return write("ketch.toml", (TOML.replace(old, new) if old else TOML) + text)


def link(path: str, target: str) -> Change:
    """Return the change that puts a symbolic link there."""

    def change(folder: Path) -> None:
        _clear(folder / path)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(target)

    return change


def fifo(path: str) -> Change:
    """Return the change that puts a pipe there, into which nobody writes."""

    def change(folder: Path) -> None:
        _clear(folder / path)
        os.mkfifo(folder / path)

    return change


def sparse(path: str, size: int) -> Change:
    """Return the change that puts a file of zeros there, which takes no room."""

    def change(folder: Path) -> None:
        write(path, b"")(folder)
        os.truncate(folder / path, size)

    return change


def bound_socket(path: str) -> Change:
    """Return the change that puts a socket there."""

    def change(folder: Path) -> None:
        here = Path.cwd()
        os.chdir((folder / path).parent)  # the name of a socket has 107 characters at most
        try:
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(Path(path).name)
        finally:
            os.chdir(here)

    return change


def folder_at(path: str) -> Change:
    """Return the change that puts a folder there."""

    def change(folder: Path) -> None:
        _clear(folder / path)
        (folder / path).mkdir(parents=True)

    return change


def all_of(*changes: Change) -> Change:
    """Return several changes as one."""

    def change(folder: Path) -> None:
        for each in changes:
            each(folder)

    return change


def many(count: int, path: str, content: str) -> Change:
    """Return the change that puts many files there; ``{}`` is the number of each."""
    return all_of(*(write(path.format(n), content.format(n, n + 1)) for n in range(count)))


def requirements(text: str) -> Change:
    """Return the change of ``requirements.txt``."""
    return write("requirements.txt", text)


def instead(name: str, text: str) -> Change:
    """Return the change that has another file in place of ``requirements.txt``."""
    return all_of(lambda folder: (folder / "requirements.txt").unlink(), write(name, text))


def aliases(levels: int) -> str:
    """Return YAML in which every list holds the one before nine times."""
    names = "abcdefghij"[:levels]
    lines = [f"{names[0]}: &{names[0]} [{', '.join('x' * 9)}]"]
    for before, name in itertools.pairwise(names):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    return "\n".join([*lines, f"dependencies: *{names[-1]}", ""])


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def device(path: str) -> Change:
    """Return the change that puts a device there; only root may."""
    return lambda folder: os.mknod(folder / path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
