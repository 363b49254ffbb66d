"""``ketch decisions`` on logs that are written here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.decisions import HERE, decision

from ketch.cli.main import main
from ketch.monitor.decisions import DecisionLog
from ketch.monitor.decisions.frames import frame
from ketch.monitor.outcomes.ledger import Outcomes
from ketch.monitor.outcomes.outcome import Outcome
from ketch.runtime import Home

Run = Callable[..., Any]


def written(folder: Path, units: list[str | None]) -> list[str]:
    log = DecisionLog(folder, HERE)
    made = [decision(unit) for unit in units]
    assert all(map(log.record, made))
    log.close()
    return [one.id for one in made]


@pytest.fixture
def ids(home: Home) -> list[str]:
    """Decisions of ana, ben, nobody and ana in the log of the home."""
    return written(home.path / "decisions", ["ana", "ben", None, "ana"])


@pytest.fixture
def run(ids: list[str], capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the verb; return the JSON that it prints."""
    del ids

    def told(*arguments: str, status: int = 0) -> Any:
        capsys.readouterr()
        assert main(["decisions", *arguments, "--json"]) == status
        return json.loads(capsys.readouterr().out)

    return told


def listed(answer: Any) -> list[str]:
    return [one["decision"] for one in answer["decisions"]]


def test_the_newest_come_first_and_can_be_chosen(ids: list[str], run: Run) -> None:
    assert listed(run()) == ids[::-1]
    assert listed(run("--unit", "ana", "--since", "1h")) == [ids[3], ids[0]]
    assert listed(run("--route", "search")) == []
    assert listed(run("--until", "2026-01-01")) == []
    assert listed(run("--limit", "2")) == [ids[3], ids[2]]


def test_sql_joins_decisions_with_their_outcomes(home: Home, ids: list[str], run: Run) -> None:
    with Outcomes(home.path / "decisions") as ledger:
        ledger.record([Outcome("recommendations", "purchase", decision=ids[1], value=9.5)])
    sql = "SELECT id, value FROM decisions JOIN outcomes ON decision = id"
    assert run("--sql", sql) == {"columns": ["id", "value"], "rows": [[ids[1], 9.5]]}
    assert run("--sql", sql, "--limit", "1", status=2)["code"] == "usage/arguments"
    assert run("--sql", "SELEC 1", status=2)["code"] == "decisions/query"


def test_an_export_holds_what_was_asked_for(ids: list[str], run: Run, tmp_path: Path) -> None:
    lines, table = tmp_path / "a.jsonl", tmp_path / "a.parquet"
    assert run("--unit", "ben", "--export", str(lines))["rows"] == 1
    assert json.loads(lines.read_text())["inputs"] == {"shopper": "ben", "hour": 3}
    assert run("--export", str(table))["rows"] == 4
    with duckdb.connect() as con:
        found = con.execute(f"SELECT id FROM '{table}' ORDER BY id").fetchall()
    assert [one for (one,) in found] == ids
    assert run("--export", str(tmp_path / "a.xls"), status=2)["code"] == "decisions/export"
    assert run("--sql", "DROP TABLE hot", "--export", str(lines), status=2)["code"]
    assert json.loads(lines.read_text())["id"] == ids[1]  # as it was
    assert sorted(tmp_path.glob(".*")) == []


def test_several_logs_are_read_as_one_each_by_its_own_key(
    home: Home, ids: list[str], run: Run, tmp_path: Path
) -> None:
    other = written(tmp_path / "other", ["ana", "eve"])
    logs = ("--log", str(home.path), str(tmp_path / "other"))
    assert listed(run(*logs)) == [*other[::-1], *ids[::-1]]
    assert listed(run("--unit", "ana", *logs)) == [other[0], ids[3], ids[0]]
    assert run("--sql", "SELECT count(*) FROM decisions", *logs)["rows"] == [[6]]
    assert run("--log", str(tmp_path), status=2)["code"] == "decisions/no-log"


def test_damage_is_listed_and_is_a_failure(home: Home, run: Run) -> None:
    assert run("--check") == {"findings": []}
    (hot,) = (home.path / "decisions" / "hot").glob("*.log")
    hot.write_bytes(hot.read_bytes() + frame(b"{}")[:-4])
    (finding,) = run("--check", status=1)["findings"]
    assert finding["code"] == "decisions/damaged"
