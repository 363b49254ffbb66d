"""Bytecode is compiled from sources, ahead of the imports that need it, and nothing is run."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ketch.env import Environment, Interpreter, bytecode, compiling
from ketch.package import Digest
from ketch.testing.workers import interpreters

PROGRAM = Path(bytecode.__file__).with_name("compiler.py")
LIBRARY = {
    "shop/__init__.py": "from . import prices\nfrom .carts import *\nimport tools.deep.hammer",
    "shop/prices.py": "from . import taxes as t\nfrom ._impl import (round_up)",
    "shop/taxes.py": "",
    "shop/carts.py": "try:\n    import absent\nexcept ImportError:\n    from shop.lines import Line",
    "shop/lines.py": "if 1 > 0:\n    import gifts\nLine = int",
    "shop/_impl/__init__.py": "def round_up():\n    import never",
    "shop/unused.py": "",
    "tools/__init__.py": "",
    "tools/deep/hammer.py": "import json",
    "gifts.py": "",
    "never.py": "",
}
FORESEEN = set(LIBRARY) - {"shop/unused.py", "never.py"}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, source in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return folder


def compile_with(python: str | Path, folder: Path, *names: str) -> None:
    program = [python, "-I", "-S", PROGRAM, str(os.getpid()), "forwards", folder]
    subprocess.run([*program, *names], check=True)


def compiled(folder: Path) -> set[str]:
    """Return the sources below a folder that have bytecode."""
    files = folder.rglob("__pycache__/*.pyc")
    return {
        (path.parents[1] / f"{path.name.partition('.')[0]}.py").relative_to(folder).as_posix()
        for path in files
    }


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: path.name)
def test_every_python_compiles_what_an_import_needs(tmp_path: Path, python: Path) -> None:
    library = write(tmp_path, LIBRARY)
    compile_with(python, library, "shop")
    assert compiled(library) == FORESEEN
    # The import works without compiling anything: Python accepts the bytecode as its own.
    program = (
        "import sys; from importlib.machinery import SourceFileLoader as Loader;"
        "Loader.source_to_code = None; sys.path.insert(0, sys.argv[1]); import shop"
    )
    subprocess.run([python, "-I", "-S", "-c", program, library], check=True)


def test_nothing_is_run(tmp_path: Path) -> None:
    write(tmp_path, {"loud.py": f"open({str(tmp_path / 'ran')!r}, 'w')\nimport sitecustomize"})
    write(tmp_path, {"sitecustomize.py": f"open({str(tmp_path / 'ran')!r}, 'w')"})
    compile_with(sys.executable, tmp_path, "loud")
    assert compiled(tmp_path) == {"loud.py", "sitecustomize.py"}
    assert not (tmp_path / "ran").exists()


def test_what_does_not_compile_is_passed_over(tmp_path: Path) -> None:
    sources = {"old.py": "print 'x'", "deep.py": f"x = {'(' * 10_000}", "zero.py": "\0"}
    write(tmp_path, {**sources, "good.py": "import old, deep, zero, good, absent.more"})
    compile_with(sys.executable, tmp_path, "old", "good", "deep")
    assert compiled(tmp_path) == {"good.py"}


def test_bytecode_that_is_there_is_neither_read_nor_replaced(tmp_path: Path) -> None:
    write(tmp_path, {"shop.py": "import other", "other.py": ""})
    there = Path(importlib.util.cache_from_source(str(tmp_path / "shop.py")))
    write(tmp_path, {there.relative_to(tmp_path).as_posix(): "what marshal must never see"})
    compile_with(sys.executable, tmp_path, "shop")
    assert there.read_text() == "what marshal must never see"
    assert compiled(tmp_path) == {"shop.py"}


def test_nothing_outside_the_environment_is_touched(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"a.py": "", "b/c.py": ""})
    library = write(tmp_path / "library", {"good.py": ""})
    (library / "linked.py").symlink_to(outside / "a.py")
    (library / "b").symlink_to(outside / "b")
    names = (f"{outside}/a", "..outside.a", "../outside/a", "linked", "b.c", "", ".", "good")
    compile_with(sys.executable, library, *names)
    assert compiled(outside) == set()
    assert compiled(library) == {"good.py"}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """An environment of the running Python with the library above."""
    running = Path(sys.executable).resolve()
    here = Interpreter(running, platform.python_version(), "cpython", running, running)
    made = Environment(tmp_path / "environment", Digest.of(b""), "0" * 32, here)
    write(made.site_packages, LIBRARY)
    return made


def compile_whole(environment: Environment, *modules: str, imported: Sequence[str] = ()) -> None:
    """Compile until nothing is needed, taken up again if this machine is too slow."""
    deadline = time.monotonic() + 30
    while True:
        with compiling(environment, modules) as work:
            if not work.is_needed:
                return
            work.add(imported)
            assert not work.is_needed
        assert time.monotonic() < deadline


def test_the_second_time_nothing_is_needed(environment: Environment) -> None:
    compile_whole(environment, "shop")
    assert compiled(environment.site_packages) == FORESEEN
    with compiling(environment, ["shop"]) as work:
        assert not work.is_needed
    with compiling(environment, ["shop", "never"]) as work:
        assert work.is_needed


def test_what_was_not_foreseen_is_compiled_after_it(environment: Environment) -> None:
    compile_whole(environment, "shop", imported=["never", "shop.unused"])
    assert compiled(environment.site_packages) == set(LIBRARY)


def test_what_was_interrupted_is_taken_up_again(environment: Environment) -> None:
    """A worker that did not start tells nothing about what it would have imported."""
    with compiling(environment, ["shop"]):
        pass
    with compiling(environment, ["shop"]) as work:
        assert work.is_needed


def test_it_ends_with_the_process_that_began_it(environment: Environment) -> None:
    many = {f"m{at}.py": f"import m{at + 1}\nx = {list(range(2_000))}" for at in range(600)}
    write(environment.site_packages, many)
    begin = "import os, sys, subprocess as s; a = sys.argv; a[5] = str(os.getpid()); print(s.Popen(a[1:]).pid)"
    place = str(environment.site_packages)
    command = [sys.executable, "-I", "-S", str(PROGRAM), "0", "forwards", place, "m0"]
    done = subprocess.run(
        [sys.executable, "-c", begin, *command], stdout=subprocess.PIPE, check=True
    )
    deadline = time.monotonic() + 20
    while Path("/proc", done.stdout.decode().strip(), "exe").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(compiled(environment.site_packages)) < len(many)
