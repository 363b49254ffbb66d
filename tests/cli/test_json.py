"""With ``--json``, stdout is one JSON value with at least the fields that programs rely on."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ketch.cli.main import VERBS

PROJECTS = Path(__file__).parents[1] / "projects"
KETCH = Path(sys.executable).with_name("ketch")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package, the same one broken, rows, and a ketch home that holds the first."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(PROJECTS / "thermometer", folder / "good")
    shutil.copytree(PROJECTS / "thermometer", folder / "bad")
    code = folder / "bad" / "pipeline.py"
    code.write_text(code.read_text().replace("* 1.8", "* 1.9"))
    (folder / "rows.json").write_text('[{"place": null, "celsius": 0}]')
    assert ketch(folder, "pack", "good")["verified"] is True
    return folder


def ketch(folder: Path, *arguments: str, status: int = 0) -> Any:
    """Run ketch and return what it printed, which must be one JSON value."""
    variables = {**os.environ, "KETCH_HOME": str(folder / "home")}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [KETCH, *arguments, "--json"],
        cwd=folder,
        env=variables,
        capture_output=True,
        check=False,
    )
    assert done.returncode == status, done.stderr.decode()
    return json.loads(done.stdout)


def has(value: Mapping[str, Any], *names: str) -> None:
    assert set(names) <= set(value), f"no {set(names) - set(value)} in {sorted(value)}"


def test_init_tells_path_and_findings(shop: Path) -> None:
    made = ketch(shop, "init", "new")
    has(made, "path", "findings")
    assert Path(shop, made["path"]).is_dir()


def test_pack_tells_name_version_digest_size_and_components(shop: Path) -> None:
    packed = ketch(shop, "pack", "good", "-o", "good.oci.tar")
    has(packed, "name", "version", "digest", "size_bytes", "verified", "components", "findings")
    assert (packed["name"], packed["version"]) == ("thermometer", "1.0.0")
    assert packed["digest"].startswith("sha256:")
    assert {"code", "environment", "params", "schema", "scenarios"} <= set(packed["components"])
    assert Path(shop, "good.oci.tar").is_file()


def test_pack_of_a_package_that_breaks_its_contract_says_that_it_is_not_verified(
    shop: Path,
) -> None:
    packed = ketch(shop, "pack", "bad", status=1)
    assert packed["verified"] is False
    assert packed["report"]["passed"] is False


@pytest.mark.parametrize("target", ["good", "thermometer:1.0.0"])
def test_verify_tells_scenarios_and_probes(shop: Path, target: str) -> None:
    report = ketch(shop, "verify", target)
    has(report, "digest", "passed", "scenarios", "probes", "first_divergence")
    assert report["passed"] is True
    assert report["first_divergence"] is None
    for scenario in report["scenarios"]:
        has(scenario, "name", "passed", "differences")
    for probe in report["probes"]:
        has(probe, "name", "passed")


def test_verify_tells_each_difference_and_the_first_divergence(shop: Path) -> None:
    report = ketch(shop, "verify", "bad", status=1)
    failed = [scenario for scenario in report["scenarios"] if not scenario["passed"]]
    assert [scenario["name"] for scenario in failed] == ["two-places"]
    for difference in failed[0]["differences"]:
        has(difference, "step", "field", "expected", "found")
    divergence = report["first_divergence"]
    has(divergence, "step", "field")
    assert (divergence["step"], divergence["field"]) == ("pipeline:convert", "fahrenheit")


def test_record_tells_what_changed_and_which_files_were_written(shop: Path) -> None:
    shutil.copytree(PROJECTS / "thermometer", shop / "recorded")
    recorded = ketch(shop, "record", "recorded")
    has(recorded, "scenarios", "files")
    assert {one["change"] for one in recorded["scenarios"]} == {"same", "error"}


def test_inspect_tells_everything(shop: Path) -> None:
    told = ketch(shop, "inspect", "thermometer:1.0.0")
    has(told, "name", "version", "digest", "owner", "components", "pipeline", "inputs", "outputs")
    has(told, "params", "environment", "data", "scenarios", "attestations", "readme")
    assert told["attestations"][0]["passed"] is True


def test_list_tells_each_package(shop: Path) -> None:
    listed = ketch(shop, "list")
    assert [one["name"] for one in listed] == ["thermometer"]
    has(listed[0], "name", "version", "digest", "size_bytes", "owner", "route")


def test_predict_answers_as_the_schema_says(shop: Path) -> None:
    assert ketch(shop, "predict", "thermometer:1.0.0", "rows.json") == [
        {"fahrenheit": 32.0, "freezes": True}
    ]
    answered = ketch(shop, "predict", "thermometer:1.0.0", "rows.json", "-o", "out.csv")
    assert answered == {"rows": 1, "output": "out.csv"}


def test_env_fsck_gc_and_doctor_tell_what_they_found(shop: Path) -> None:
    listed = ketch(shop, "env", "list")
    has(listed[0], "key", "lock", "python", "packages", "size_bytes", "last_used")
    has(ketch(shop, "env", "gc", "--dry-run"), "environments", "size_bytes")
    has(ketch(shop, "fsck"), "clean", "blobs", "size_bytes", "damaged", "set_aside", "findings")
    has(ketch(shop, "gc", "--dry-run"), "blobs", "environments", "leftovers", "freed_bytes")
    for check in ketch(shop, "doctor"):
        has(check, "name", "ok", "detail", "hint", "required")


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "env"])
def test_wrong_usage_of_a_verb_is_told_as_json_too(shop: Path, verb: str) -> None:
    error = ketch(shop, verb, "--no-such-flag", status=2)
    has(error, "title", "status", "code", "hint")
    assert error["code"] == "usage/arguments"
