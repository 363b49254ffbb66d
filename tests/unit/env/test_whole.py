"""An environment counts only when everything in it was written to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketch.env import Environment, Environments, LockedPackage, make_lock
from ketch.env.whole import BLOCK, check_whole
from ketch.errors import Unavailable

from .conftest import Index

LARGE = "x" * (3 * BLOCK + 5)


@pytest.fixture
def environment(tmp_path: Path, index: Index, running_python: str) -> Environment:
    digest = index.add("tiny", files={"tiny.py": "", "large.txt": LARGE, "half.txt": LARGE})
    lock = make_lock(running_python, [LockedPackage("tiny", "1.0", "", (digest,))])
    return Environments(tmp_path / "envs").ensure(lock)


def cut(path: Path, size: int) -> None:
    content = path.read_bytes()[:size]
    path.unlink()  # uv's cache holds the same file
    path.write_bytes(content)


def test_a_whole_one_is_whole(environment: Environment) -> None:
    check_whole(environment)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("pyvenv.cfg", 0),
        ("lib/*/site-packages/tiny-1.0.dist-info/RECORD", 0),
        ("lib/*/site-packages/tiny-1.0.dist-info/RECORD", 30),
        ("lib/*/site-packages/tiny-1.0.dist-info/METADATA", 0),
        ("lib/*/site-packages/large.txt", 2 * BLOCK),
    ],
)
def test_a_file_that_was_cut_short_is_named(environment: Environment, name: str, size: int) -> None:
    (path,) = environment.path.glob(name)
    cut(path, size)
    with pytest.raises(Unavailable, match=path.name) as caught:
        check_whole(environment)
    assert (caught.value.code, caught.value.where) == ("env/cut-short", str(path))


def test_a_wheel_that_tells_a_wrong_size_is_believed_to_be_whole(environment: Environment) -> None:
    cut(environment.site_packages / "half.txt", 2 * BLOCK + 1)
    check_whole(environment)


def test_a_file_that_a_wheel_lists_and_lacks_is_no_fault_of_the_disk(
    environment: Environment,
) -> None:
    (environment.site_packages / "large.txt").unlink()
    check_whole(environment)
