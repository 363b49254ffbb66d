"""People in a terminal, people in a log, and CI systems read the same findings."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.cells import cell_len
from tests.e2e.verify.desk import Desk

from ketch.cli.fit import WIDTH

pytestmark = pytest.mark.e2e

# Everything it says is long, coloured, or both.
NOISY = r"""
def run(_, rows):
    if rows[0]["x"] == 3:
        raise KeyError("\x1b[31mred\x00\x9b" + "long words " * 200)
    if rows[0]["x"] > 50:
        raise RuntimeError(f"{rows[0]['x']} " + "x" * 4_000 + "\n" * 50)
    return [{"y": ["item"] * 200 + [str(row["x"])]} for row in rows]
"""
SCENARIOS = [
    {"name": "kept", "inputs": {"x": 1}, "expected": {"y": [*["item"] * 200, "1"]}},
    {"name": "broken", "inputs": {"x": 2}, "expected": {"y": [*["item"] * 200, "3"]}},
    {"name": "raises", "inputs": {"x": 3}, "expected": {"y": []}},
    {"name": "n" * 200, "inputs": {"x": 3}, "expected": {"y": []}},
]


@pytest.fixture
def noisy(desk: Desk) -> Desk:
    desk.write(NOISY, SCENARIOS, outputs='y = "list<string>"')
    return desk


@pytest.mark.parametrize("columns", ["40", "300"])
def test_a_log_gets_a_hundred_columns_and_no_colour(
    noisy: Desk, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    done = noisy.ketch("verify", noisy.folder, status=1)
    lines = done.stdout.splitlines()
    assert max(map(cell_len, lines)) <= WIDTH
    assert len(lines) < 40
    assert all(letter.isprintable() or letter == "\n" for letter in done.stdout)
    assert done.stderr == ""
    assert '      row 0, `y[200]`: expected `"3"`, found `"2"`' in lines
    assert any(line.startswith("  ✗ extreme value: `x` = `1000`: `RuntimeError`") for line in lines)
    assert "Traceback" not in done.stdout


def test_ci_gets_one_test_case_for_each_scenario_and_each_probe(
    noisy: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "report.xml"
    report = json.loads(
        noisy.ketch("verify", noisy.folder, "--junit", file, "--json", status=1).stdout
    )
    suite = ET.fromstring(file.read_bytes()).find("testsuite")
    assert suite is not None
    cases = {(str(case.get("classname")), str(case.get("name"))): case for case in suite}
    named = [*report["scenarios"], *report["probes"]]
    assert len(cases) == len(suite) == len(named) == int(str(suite.get("tests")))
    for one in named:
        (case,) = [case for (_, name), case in cases.items() if name == one["name"]]
        outcome = None if one["passed"] else "failure" if one.get("required", True) else "skipped"
        assert [child.tag for child in case] == ([outcome] if outcome else [])
    raised = next(case for (_, name), case in cases.items() if name == "raises")
    assert "\\x1b[31mred\\x00" in str(raised[0].text)
    assert len(str(raised[0].get("message"))) <= 400


def test_a_junit_file_that_cannot_be_written_is_said_so(noisy: Desk, tmp_path: Path) -> None:
    done = noisy.ketch("verify", noisy.folder, "--junit", tmp_path / "no" / "r.xml", status=2)
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
