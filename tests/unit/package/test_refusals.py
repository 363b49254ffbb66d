"""What a folder may not hold."""

import os
from pathlib import Path

import pytest

from ketch.package.refusals import LARGE_SCENARIO_BYTES, check_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a README and a model."""
    (tmp_path / "README.md").write_text("# A model\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model/weights.bin").write_bytes(b"0")
    return tmp_path


def test_a_plain_folder_passes(folder: Path) -> None:
    assert check_folder(folder, ["README.md", "model/weights.bin"]) == ()


def test_a_folder_reached_by_a_link_passes(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder, target_is_directory=True)
    assert check_folder(link, ["model/weights.bin"]) == ()


def test_paths_outside_are_refused_without_a_look(folder: Path) -> None:
    findings = check_folder(folder, ["../README.md", "/etc/passwd", "a\0b", "a//b"])
    assert {finding.code for finding in findings} == {"package/path-syntax"}


def test_a_listed_file_must_be_there_and_be_a_file(folder: Path) -> None:
    findings = check_folder(folder, ["gone.bin", "model"])
    assert [(finding.code, finding.where) for finding in findings] == [
        ("package/missing-file", "gone.bin"),
        ("package/special-file", "model"),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_must_be_readable(folder: Path) -> None:
    (folder / "model/weights.bin").chmod(0)
    (finding,) = check_folder(folder, ["model/weights.bin"])
    assert finding.code == "package/unreadable"


def test_a_large_scenario_is_advice(folder: Path) -> None:
    (folder / "scenarios").mkdir()
    with (folder / "scenarios/all.jsonl").open("wb") as file:
        file.truncate(LARGE_SCENARIO_BYTES + 1)
    (finding,) = check_folder(folder, [], read=["scenarios/all.jsonl"])
    assert (finding.code, finding.blocks) == ("package/large-scenario", False)


def test_what_is_only_read_may_have_any_name_but_must_be_a_file(folder: Path) -> None:
    (folder / "scenarios").mkdir()
    (folder / "scenarios/größe.json").write_text("{}")
    (folder / "scenarios/link.json").symlink_to("größe.json")
    findings = check_folder(folder, [], read=["scenarios/größe.json", "scenarios/link.json"])
    assert [(one.code, one.where) for one in findings] == [
        ("package/symlink", "scenarios/link.json")
    ]


def test_all_faults_of_a_folder_are_found_at_once(folder: Path) -> None:
    (folder / "README.md").unlink()
    (folder / "model/link").symlink_to("weights.bin")
    (folder / "a.ipynb").write_text("{}")
    findings = check_folder(folder, ["model/link", "a.ipynb", "A.ipynb", "nul"])
    assert {finding.code for finding in findings} == {
        "package/readme-missing",
        "package/path-clash",
        "package/symlink",
        "package/notebook",
        "package/missing-file",
        "package/path-syntax",
    }
    assert all(finding.hint for finding in findings)
