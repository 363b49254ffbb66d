"""Which files of a folder count, which stay behind, and whether they hold still."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketch.authoring.listing import below, beside, look, refuse_changed
from ketch.errors import Unavailable


def write(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)


def test_files_are_listed_in_order_without_what_systems_leave_behind(tmp_path: Path) -> None:
    write(tmp_path, "model/b", "model/a/z", "model/a/.DS_Store", "model/__pycache__/x.pyc", "other")
    write(tmp_path, "model/.cache/x", "model/.hidden")
    assert below(tmp_path, "model") == ("model/.hidden", "model/a/z", "model/b")


def test_a_link_is_listed_and_nothing_behind_it(tmp_path: Path) -> None:
    write(tmp_path, "trained/weights", "model/x")
    (tmp_path / "model" / "large").symlink_to(tmp_path / "trained")
    (tmp_path / "linked").symlink_to(tmp_path / "trained")
    assert below(tmp_path, "model") == ("model/large", "model/x")
    assert below(tmp_path, "linked") == ("linked",)


def test_a_part_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert below(tmp_path, "model") == ()


def test_what_is_not_used_is_named_and_a_folder_of_it_once(tmp_path: Path) -> None:
    write(tmp_path, "pipeline.py", "train.py", "data/a.csv", "data/raw/b.csv", "notes/x", "notes/y")
    write(tmp_path, ".git/config", "__pycache__/x.pyc", ".env")
    assert beside(tmp_path, ["pipeline.py", "data/a.csv"]) == ("data/raw/", "notes/", "train.py")


def test_nothing_is_beside_a_package_that_uses_everything(tmp_path: Path) -> None:
    write(tmp_path, "a", "b/c")
    assert beside(tmp_path, ["a", "b/c"]) == ()


@pytest.mark.parametrize("change", ["written", "gone", "made", "replaced"])
def test_a_file_that_did_not_hold_still_is_named(tmp_path: Path, change: str) -> None:
    write(tmp_path, "a", "b")
    looks = look(tmp_path, ["a", "b", "c"])
    refuse_changed(tmp_path, looks)
    if change == "written":
        (tmp_path / "b").write_text("more than before")
    elif change == "gone":
        (tmp_path / "b").unlink()
    elif change == "made":
        (tmp_path / "c").write_text("")
    else:
        (tmp_path / "new").write_text("b")
        (tmp_path / "new").replace(tmp_path / "b")
    with pytest.raises(Unavailable) as caught:
        refuse_changed(tmp_path, looks)
    expected = "c" if change == "made" else "b"
    assert (caught.value.code, caught.value.where) == ("store/file-changed", expected)
    assert [finding.where for finding in caught.value.findings] == [expected]
