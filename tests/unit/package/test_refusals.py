"""What a folder may not hold; and the corpus of refused packages, all of its faults."""

import os
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ketch.errors import Finding
from ketch.package.code import analyse, entry_points, undeclared
from ketch.package.manifest import read_manifest
from ketch.package.refusals import LARGE_SCENARIO_BYTES, check_folder
from ketch.package.secrets.scan import scan

CORPUS = Path(__file__).parents[2] / "projects" / "refused"
CASES = sorted(path.parent.name for path in CORPUS.glob("*/refused.toml"))


def _make(folder: Path, things: Sequence[Mapping[str, str]]) -> None:
    """Make what git, or some file systems, cannot hold."""
    for thing in things:
        path = folder / thing["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if "symlink" in thing:
            path.symlink_to(thing["symlink"])
        elif "pipe" in thing:
            os.mkfifo(path)
        else:
            path.write_text(thing["content"], encoding="utf-8")


def _shipped(folder: Path, code: Sequence[str]) -> tuple[str, ...]:
    """Return what a package holds: its code, and its own files and folders."""
    found = {*code, "ketch.toml", "requirements.txt"}
    found.update(name for name in ("README.md",) if (folder / name).exists())
    for top in ("model", "scenarios"):
        for place, _, names in os.walk(folder / top):
            found.update((Path(place) / name).relative_to(folder).as_posix() for name in names)
    return tuple(sorted(found))


def _findings(folder: Path) -> tuple[Finding, ...]:
    manifest, findings = read_manifest(folder)
    assert manifest is not None, findings
    environment = manifest.environment
    declared = {*environment.variables, *environment.required, *environment.secrets}
    report = analyse(
        folder,
        entry_points(manifest),
        include=manifest.pipeline.include,
        variables=declared,
        python=environment.python,
    )
    shipped = _shipped(folder, report.files)
    return (
        *findings,
        *report.findings,
        *undeclared(report.imports, {}, python=environment.python),
        *check_folder(folder, shipped),
        *scan(folder, shipped),
    )


@pytest.mark.parametrize("case", CASES)
def test_a_package_with_one_fault_is_refused_for_it_and_nothing_else(
    case: str, tmp_path: Path
) -> None:
    expected = tomllib.loads((CORPUS / case / "refused.toml").read_text(encoding="utf-8"))
    folder = tmp_path / case
    shutil.copytree(CORPUS / case, folder)
    _make(folder, expected.get("make", ()))
    blocking = [finding for finding in _findings(folder) if finding.blocks]
    assert {finding.code for finding in blocking} == set(expected["codes"])
    if "where" in expected:
        assert blocking[0].where == expected["where"]
    assert all(finding.where for finding in blocking)


def test_the_corpus_is_there() -> None:
    assert len(CASES) >= 30


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
    (finding,) = check_folder(folder, ["scenarios/all.jsonl"])
    assert (finding.code, finding.blocks) == ("package/large-scenario", False)


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
