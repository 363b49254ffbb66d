"""A folder, a reference and an archive are verified alike, and each is left as it should be."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.verify.desk import Desk

from ketch.authoring import pack
from ketch.package import Reference
from ketch.runtime import Home

pytestmark = pytest.mark.e2e

RIGHT = "def run(_, rows):\n    return [{'y': row['x']} for row in rows]\n"
WRONG = "def run(_, rows):\n    return [{'y': row['x'] + 1} for row in rows]\n"
SCENARIOS = [{"inputs": [{"x": 1}, {"x": 2}], "expected": [{"y": 1}, {"y": 2}]}]


def looks(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return all that can be seen of a folder, without its access times."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (folder, *folder.rglob("*")):
        stat = path.stat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (stat.st_mode, stat.st_mtime_ns, stat.st_ino, content)
    return found


def has_fields(report: Mapping[str, Any]) -> None:
    assert {"digest", "passed", "scenarios", "probes", "first_divergence"} <= set(report)
    for scenario in report["scenarios"]:
        assert {"name", "passed", "differences"} <= set(scenario)
        for difference in scenario["differences"]:
            assert {"step", "field", "expected", "found"} <= set(difference)
    for probe in report["probes"]:
        assert {"name", "passed"} <= set(probe)


def test_the_three_kinds_of_target_give_the_same_fields_and_digest(
    desk: Desk, tmp_path: Path
) -> None:
    desk.write(RIGHT, SCENARIOS)
    archive = tmp_path / "shop.oci.tar"
    packed = desk.json("pack", desk.folder, "-o", archive)
    reports = [
        desk.json("verify", target)
        for target in (
            desk.folder,
            f"{desk.name}:1.0.0",
            f"{desk.name}@{packed['digest']}",
            archive,
        )
    ]
    for report in reports:
        has_fields(report)
        assert report["passed"] is True
        assert report["digest"] == packed["digest"]
    assert len({tuple(sorted(report)) for report in reports}) == 1


def test_the_three_kinds_of_target_name_the_step_that_moved(desk: Desk, tmp_path: Path) -> None:
    desk.write(RIGHT, SCENARIOS)
    pack(desk.folder, home=desk.home)
    desk.write(WRONG, SCENARIOS)
    toml = desk.folder / "ketch.toml"
    toml.write_text(toml.read_text().replace('"1.0.0"', '"1.1.0"'))
    archive = tmp_path / "wrong.oci.tar"
    pack(desk.folder, home=desk.home, verified=False, archive=archive)
    for target in (desk.folder, f"{desk.name}:1.1.0", archive):
        report = desk.json("verify", target, status=1)
        has_fields(report)
        assert report["first_divergence"]["step"] == "pipeline:run"
        assert report["first_divergence"]["field"] == "y"
        (scenario,) = report["scenarios"]
        assert [one["expected"] for one in scenario["differences"]] == [1, 2]
        assert {one["step"] for one in scenario["differences"]} == {"pipeline:run"}


@pytest.mark.parametrize("code", [RIGHT, WRONG, "raise RuntimeError('no')\n" + RIGHT])
def test_verifying_a_folder_never_changes_it(desk: Desk, code: str) -> None:
    desk.write(code, SCENARIOS)
    before = looks(desk.folder)
    for _ in range(2):
        desk.ketch("verify", desk.folder, status=0 if code == RIGHT else 1)
    assert looks(desk.folder) == before
    assert desk.home.store.resolve(f"{desk.name}:1.0.0") is None


def test_a_folder_that_cannot_be_written_is_verified(desk: Desk) -> None:
    desk.write(RIGHT, SCENARIOS)
    for path in (*desk.folder.rglob("*"), desk.folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert desk.prove().passed
    finally:
        for path in (desk.folder, *desk.folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


def archived(desk: Desk, tmp_path: Path, code: str) -> Path:
    """Return an archive of an unverified package; nothing else is left of it."""
    desk.write(code, SCENARIOS)
    archive = tmp_path / "came-by-mail.oci.tar"
    elsewhere = Home(tmp_path / "elsewhere")
    pack(desk.folder, home=elsewhere, verified=False, archive=archive)
    shutil.rmtree(desk.folder)
    return archive


def test_the_package_of_an_archive_gets_its_name_once_it_kept_its_contract(
    desk: Desk, tmp_path: Path
) -> None:
    archive, name = archived(desk, tmp_path, RIGHT), f"{desk.name}:1.0.0"
    assert f"  ! `{name}` is in the store now" in desk.ketch("verify", archive).stdout
    assert desk.prove(name).passed
    assert "in the store now" not in desk.ketch("verify", archive).stdout


def test_the_package_of_an_archive_that_breaks_its_contract_gets_no_name(
    desk: Desk, tmp_path: Path
) -> None:
    archive = archived(desk, tmp_path, WRONG)
    desk.ketch("verify", archive, status=1)
    assert desk.home.store.resolve(f"{desk.name}:1.0.0") is None


def test_a_name_that_is_taken_is_left_alone_and_said_to_be(desk: Desk, tmp_path: Path) -> None:
    archive, name = archived(desk, tmp_path, RIGHT), f"{desk.name}:1.0.0"
    desk.write(RIGHT + "# another\n", SCENARIOS)
    mine = pack(desk.folder, home=desk.home).package
    report = desk.json("verify", archive)
    assert report["passed"] is True
    (note,) = report["notes"]
    assert note == (
        f"`{name}` is another package here; this one stays without a name, "
        f"as `{desk.name}@{report['digest']}`"
    )
    assert desk.home.resolve(Reference.parse(name)) == mine.digest
    assert desk.prove(f"{desk.name}@{report['digest']}").passed


SIX = "import six\n\ndef run(_, rows):\n    return [{'y': six.__version__} for _ in rows]\n"


def test_an_old_package_is_verified_with_the_libraries_and_python_it_was_locked_with(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Later the requirements say something else; the package says what it said."""
    desk.write(
        SIX,
        [{"inputs": {"x": 1}, "expected": {"y": "1.16.0"}}],
        outputs='y = "string"',
        files={"requirements.txt": "six==1.16.0\n"},
    )
    old = pack(desk.folder, home=desk.home)
    assert old.verified
    desk.write(
        SIX,
        [{"inputs": {"x": 1}, "expected": {"y": "1.17.0"}}],
        outputs='y = "string"',
        files={"requirements.txt": "six==1.17.0\n"},
    )
    toml = desk.folder / "ketch.toml"
    toml.write_text(toml.read_text().replace('"1.0.0"', '"1.1.0"'))
    assert pack(desk.folder, home=desk.home).verified

    report = desk.prove(f"{desk.name}:1.0.0")
    assert (report.passed, report.digest) == (True, old.package.digest)
    # With its environment at hand, no network is needed …
    assert desk.prove(f"{desk.name}:1.0.0", offline=True).passed
    # … and without it, ketch says what is missing rather than that the package is bad.
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty-cache"))
    shutil.rmtree(desk.home.path / "envs")
    told = desk.ketch("verify", f"{desk.name}:1.0.0", "--offline", status=3)
    assert "error:" in told.stderr
    assert "six" in told.stderr
    assert "hint:" in told.stderr
    assert len(desk.json("inspect", f"{desk.name}:1.0.0")["attestations"]) == 3
    refused = desk.json("verify", f"{desk.name}:1.0.0", "--offline", status=3)
    assert (refused["code"], refused["status"]) == ("env/not-cached", 503)


@pytest.mark.parametrize(
    ("target", "status"), [("nowhere/", 2), ("gone.oci.tar", 2), ("nobody:1.0", 2), ("shop", 2)]
)
def test_what_is_not_there_is_wrong_usage_and_no_verdict(
    desk: Desk, target: str, status: int
) -> None:
    error = desk.json("verify", target, status=status)
    assert {"title", "status", "code"} <= set(error)


def test_a_file_that_is_no_archive_is_refused(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "note.oci.tar").write_text("no archive")
    assert "code" in desk.json("verify", tmp_path / "note.oci.tar", status=1)
