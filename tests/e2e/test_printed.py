"""What package code prints is passed on to whoever runs it, and kept by nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.shop import run_ketch

import ketch
from ketch.package import Reference
from ketch.runtime import Home
from ketch.store import attestations

pytestmark = pytest.mark.e2e

TALKS = """
import logging
import warnings

print("imported")


def run(_, rows):
    warnings.warn("a feature is old")
    logging.warning("scaled by %s", 1)
    print("rows", len(rows), "\\x1b[31m")
    if rows[0]["x"] == 13:
        raise KeyError("thirteen")
    return rows
"""
NAME = "talks:1.0.0"
SAID = ("imported", "UserWarning: a feature is old", "WARNING:root:scaled by 1", "rows 1 \\x1b[31m")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Path:
    """A package whose code prints, warns and logs."""
    folder = tmp_path_factory.mktemp("talks") / "talks"
    scenarios = [{"inputs": {"x": 1}, "expected": {"x": 1}}]
    declared = {"name": "talks", "inputs": 'x = { type = "int64", max = 99 }'}
    return author(folder, TALKS, scenarios=scenarios, outputs='x = "int64"', **declared)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    run_ketch(home, "pack", folder)
    return home


def marked(text: str) -> list[str]:
    """Return the lines that are shown as the package's own."""
    return [line.strip()[2:] for line in text.splitlines() if line.strip().startswith("│ ")]


def test_predict_passes_it_on_beside_the_answers(home: Home) -> None:
    done = run_ketch(home, "predict", NAME, "-", stdin=b'{"x": 1}')
    assert json.loads(done.stdout) == {"x": 1}
    said = done.stderr.decode()
    assert "the package printed:" in said
    for line in SAID:
        assert any(shown.endswith(line) for shown in marked(said)), (line, said)


def test_predict_passes_it_on_when_the_package_raises(home: Home) -> None:
    done = run_ketch(home, "predict", NAME, "-", "--json", stdin=b'{"x": 13}', status=1)
    assert json.loads(done.stdout)["code"] == "package-code/raised"
    assert "imported" in marked(done.stderr.decode())


def test_record_passes_it_on(home: Home, folder: Path) -> None:
    assert "imported" in marked(run_ketch(home, "record", folder).stderr.decode())


def test_it_is_passed_on_when_the_package_cannot_be_loaded(
    home: Home, tmp_path: Path, author: Callable[..., Path]
) -> None:
    source = (
        "print('got as far as here')\nraise RuntimeError('no further')\ndef run(_, rows): ...\n"
    )
    broken = author(
        tmp_path / "broken", source, inputs='x = "int64"', outputs='x = "int64"',
        scenarios=[{"inputs": {"x": 1}, "expected": {"x": 1}}],
    )  # fmt: skip
    recorded = run_ketch(home, "record", broken, status=1)
    assert "got as far as here" in marked(recorded.stderr.decode())
    report = run_ketch(home, "verify", broken, status=1)
    assert "got as far as here" in marked(report.stdout.decode())


def test_verify_reports_it_and_no_attestation_keeps_it(home: Home) -> None:
    report = run_ketch(home, "verify", NAME).stdout.decode()
    assert "the package printed, during scenarios:" in report
    assert "rows 1 \\x1b[31m" in marked(report)
    told = json.loads(run_ketch(home, "verify", NAME, "--json").stdout)
    assert set(told["printed"]) == {"scenarios", "probes"}
    assert "UserWarning: a feature is old" in told["printed"]["scenarios"]
    package = home.open(Reference.parse(NAME))
    kept = attestations(package.digest, home.store)
    assert kept
    assert all(b"a feature is old" not in one.to_bytes() for one in kept)
    assert all("printed" not in one.predicate for one in kept)


def test_results_are_one_line_in_a_notebook(home: Home, folder: Path) -> None:
    packed = ketch.pack(folder, home=home)
    recorded = ketch.record(folder, home=home)
    assert repr(packed) == f"<packed {NAME}, verified, {packed.package.digest.short}>"
    assert repr(packed.report) == f"<report: {NAME} keeps its contract>"
    assert repr(recorded) == "<recorded scenarios: 1 same>"


def test_a_report_about_personal_data_leaves_it_out(
    home: Home, tmp_path: Path, author: Callable[..., Path]
) -> None:
    source = "def run(_, rows):\n    print(rows)\n    return [{'n': 1} for _ in rows]\n"
    folder = author(
        tmp_path / "people", source, name="people",
        inputs='name = { type = "string", pii = true }', outputs='n = "int64"',
        scenarios=[{"inputs": {"name": "Zenobia"}, "expected": {"n": 1}}],
    )  # fmt: skip
    done = run_ketch(home, "verify", folder, "--json")
    assert json.loads(done.stdout)["printed"] == {}
    assert b"Zenobia" not in done.stdout + done.stderr
