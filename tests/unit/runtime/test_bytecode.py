"""Only bytecode, and only for folders the environment has, is moved into it."""

from pathlib import Path

import pytest

from ketch.runtime.bytecode import FOLDER, adopt_bytecode


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    (tmp_path / "env" / "lib" / "numpy").mkdir(parents=True)
    return tmp_path / "env"


def left_behind(scratch: Path, name: str, content: bytes = b"bytecode") -> Path:
    path = scratch / FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_bytecode_is_moved_beside_its_module(tmp_path: Path, environment: Path) -> None:
    name = "lib/numpy/__pycache__/core.cpython-311.pyc"
    left_behind(tmp_path, name)
    assert adopt_bytecode(tmp_path, environment) == 1
    assert (environment / name).read_bytes() == b"bytecode"
    assert not (tmp_path / FOLDER).exists()


def test_newer_bytecode_takes_the_place_of_older(tmp_path: Path, environment: Path) -> None:
    name = "lib/numpy/__pycache__/core.cpython-311.pyc"
    for content in (b"old", b"new"):
        left_behind(tmp_path, name, content)
        adopt_bytecode(tmp_path, environment)
    assert (environment / name).read_bytes() == b"new"


@pytest.mark.parametrize(
    "name",
    [
        "lib/numpy/__pycache__/evil.py",
        "lib/numpy/__pycache__/core.so",
        "lib/numpy/core.cpython-311.pyc",
        "lib/absent/__pycache__/core.cpython-311.pyc",
        "bin/python",
    ],
)
def test_nothing_else_is_moved(tmp_path: Path, environment: Path, name: str) -> None:
    left_behind(tmp_path, name)
    assert adopt_bytecode(tmp_path, environment) == 0
    assert files_in(environment) == set()


def test_links_are_neither_moved_nor_followed(tmp_path: Path, environment: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (environment / "lib" / "link").symlink_to(outside)
    (environment / "lib" / "numpy" / "__pycache__").symlink_to(outside)
    left_behind(tmp_path, "lib/link/__pycache__/a.cpython-311.pyc")
    left_behind(tmp_path, "lib/numpy/__pycache__/b.cpython-311.pyc")
    secret = tmp_path / "secret"
    secret.write_text("token")
    (environment / "lib" / "scipy").mkdir()
    linked = tmp_path / FOLDER / "lib" / "scipy" / "__pycache__" / "c.cpython-311.pyc"
    linked.parent.mkdir(parents=True)
    linked.symlink_to(secret)
    assert adopt_bytecode(tmp_path, environment) == 0
    assert files_in(outside) == set()


def test_a_worker_that_left_nothing_adds_nothing(tmp_path: Path, environment: Path) -> None:
    assert adopt_bytecode(tmp_path, environment) == 0
