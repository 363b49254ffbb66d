from pathlib import Path

import pytest
from tests.decisions import Write

from ketch.monitor.decisions.beginning import begin
from ketch.monitor.decisions.segments import partitions


def test_modules_of_the_folder_one_serves_from_are_not_mistaken_for_those_it_needs(
    folder: Path, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ketch serve` is run where models are made, and there is a `secrets.py` there."""
    write(["ana"])
    project = tmp_path / "project"
    project.mkdir()
    for name in ("secrets", "msgspec", "duckdb", "queue"):
        (project / f"{name}.py").write_text("raise SystemExit(7)\n")
    monkeypatch.chdir(project)

    assert begin(folder, 760, 760).wait(60) == 0
    assert len(partitions(folder)) == 1
