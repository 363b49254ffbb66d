"""Hostile folders are refused before anything is stored, run, or written anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.hostile.folder_ground import Folder, device, make
from tests.conformance.hostile.folders import FOLDERS
from tests.conformance.hostile.ground import require_short, within

from ketch.authoring import Options, init, pack, record
from ketch.authoring.gather import gather
from ketch.errors import KetchError, UsageError
from ketch.runtime import Home

LONGEST_S = 20.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that is right, with files around it that nobody may touch."""
    made = tmp_path / "outside" / "project"
    make(made)
    (made.parent / "requirements.txt").write_text("untouched")
    yield made
    assert sorted(path.name for path in made.parent.iterdir()) == ["project", "requirements.txt"]
    assert (made.parent / "requirements.txt").read_text() == "untouched"


def refusal(folder: Path, home: Path) -> KetchError:
    """Return the error with which packing refuses a folder, which stays as it is."""
    before = _listing(folder)
    with pytest.raises(KetchError) as caught, within(LONGEST_S):
        pack(folder, home=Home(home), options=Options(offline=True))
    require_short(caught.value)
    assert _listing(folder) == before
    assert not list(Home(home).store.digests()), "something was stored"
    return caught.value


@pytest.mark.parametrize("case", FOLDERS, ids=[case.name for case in FOLDERS])
def test_it_is_refused(case: Folder, folder: Path, tmp_path: Path) -> None:
    case.change(folder)
    error = refusal(folder, tmp_path / "home")
    blocking = {one.code for one in error.findings if one.blocks}
    assert any(code.startswith(tuple(case.codes.split())) for code in blocking), blocking


def test_the_folder_that_the_cases_change_is_right(folder: Path) -> None:
    """Otherwise a refusal would prove nothing."""
    assert gather(folder).findings == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_refused(folder: Path, tmp_path: Path) -> None:
    device("model/null")(folder)
    assert {one.code for one in refusal(folder, tmp_path / "home").findings} == {
        "package/special-file"
    }


@pytest.mark.parametrize("target", ["scenarios", "scenarios/one.json"])
def test_recording_writes_through_no_link(folder: Path, tmp_path: Path, target: str) -> None:
    outside = tmp_path / "elsewhere"
    (folder / target).rename(outside)
    (folder / target).symlink_to(outside)
    with pytest.raises(KetchError) as caught, within(LONGEST_S):
        record(folder, home=Home(tmp_path / "home"), options=Options(offline=True))
    assert {one.code for one in caught.value.findings} == {"package/symlink"}
    assert not outside.is_dir() or [path.name for path in outside.iterdir()] == ["one.json"]


def test_a_new_package_is_written_through_no_link(tmp_path: Path) -> None:
    outside, target = tmp_path / "elsewhere", tmp_path / "new"
    outside.mkdir()
    target.mkdir()
    (target / "scenarios").symlink_to(outside)
    with pytest.raises(UsageError) as caught:
        init(target)
    assert caught.value.code == "init/exists"
    assert list(outside.iterdir()) == []
    assert [path.name for path in target.iterdir()] == ["scenarios"]


def _listing(folder: Path) -> dict[str, tuple[int, int, int]]:
    found = {}
    for place, names, files in os.walk(folder):
        for name in (*names, *files):
            path = Path(place, name)
            seen = path.lstat()
            found[str(path)] = (seen.st_mode, seen.st_size, seen.st_mtime_ns)
    return found


def test_no_two_cases_have_one_name() -> None:
    assert len({case.name for case in FOLDERS}) == len(FOLDERS)
