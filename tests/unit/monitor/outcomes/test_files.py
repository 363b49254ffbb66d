"""Files of outcomes: whatever the format the same outcomes, and all of them or none."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ketch.errors import UsageError
from ketch.monitor.outcomes import Outcome, Outcomes, Recorded
from ketch.monitor.outcomes.decoding import Form
from ketch.monitor.outcomes.files import File, import_file, send_file

FORM = Form("shop", "purchase", {"unit": "shopper", "at": "bought_at", "key": "order"})
ROWS: list[dict[str, Any]] = [
    {"shopper": f"u{n}", "bought_at": f"2026-03-0{n + 1}T12:00:00.5Z", "value": n / 2, "order": n}
    for n in range(3)
]


def write(folder: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"rows.{kind}"
    if kind == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl", "parquet"])
def test_a_file_is_the_same_outcomes_in_every_format(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, "jsonl" if kind == "parquet" else kind, ROWS)
    if kind == "parquet":
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
            columns = 'shopper, bought_at::TIMESTAMPTZ AS bought_at, value, "order"'
            source = f"SELECT {columns} FROM read_json('{path}')"
            path = tmp_path / "rows.parquet"
            con.execute(f"COPY ({source}) TO '{path}'")
    with Outcomes(tmp_path / "decisions") as outcomes:
        assert import_file(File(path, FORM), outcomes) == Recorded(3, 0)
        assert import_file(File(path, FORM), outcomes) == Recorded(0, 3)
        same = [
            Outcome(
                *("shop", "purchase", datetime(2026, 3, n + 1, 12, 0, 0, 500_000, UTC), str(n)),
                value=n / 2,
                unit=f"u{n}",
            )
            for n in range(3)
        ]
        assert outcomes.record(same) == Recorded(0, 3)


def test_a_file_with_wrong_rows_is_refused_with_all_of_them(tmp_path: Path) -> None:
    wrong = [{**row, "value": "much" if n else row["value"]} for n, row in enumerate(ROWS)]
    wrong += [{**ROWS[0], "shopper": ""}, {**ROWS[0], "value": 5}]
    path = write(tmp_path, "csv", wrong)
    with Outcomes(tmp_path / "decisions") as outcomes:
        with pytest.raises(UsageError) as refused:
            import_file(File(path, FORM), outcomes)
        assert outcomes.after(0) == []
    places = [one.where for one in refused.value.findings]
    assert places == [f"{path}:3: value", f"{path}:4: value", f"{path}:5", f"{path}:6"]


def test_a_file_that_contradicts_itself_or_the_log_is_refused_at_its_line(tmp_path: Path) -> None:
    twice = write(tmp_path, "jsonl", [*ROWS, {**ROWS[0], "value": 9}])
    with Outcomes(tmp_path / "decisions") as outcomes:
        for _ in range(2):
            with pytest.raises(UsageError) as refused:
                import_file(File(twice, FORM), outcomes)
            assert [(one.where, one.code) for one in refused.value.findings] == [
                (f"{twice}:4", "outcomes/conflict")
            ]
        assert outcomes.after(0) == []
        outcomes.record([Outcome("shop", "purchase", key="1", unit="u1", value=7)])
        path = write(tmp_path, "csv", ROWS)
        with pytest.raises(UsageError) as refused:
            import_file(File(path, FORM), outcomes)
        assert [one.where for one in refused.value.findings] == [f"{path}:3"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_that_nobody_reads_is_told_before_any_row(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"rows.{kind}"
    with duckdb.connect() as con:
        row = "'ana' AS shopper, now() AS bought_at, 1 AS \"order\", 3 AS vlaue"
        con.execute(f"COPY (SELECT {row}) TO '{path}'")
    with Outcomes(tmp_path / "decisions") as outcomes, pytest.raises(UsageError) as refused:
        import_file(File(path, FORM), outcomes)
    assert refused.value.code == "schema/unknown-field"
    assert refused.value.hint == "did you mean `value`?"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_that_was_named_and_is_not_there_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"rows.{kind}"
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT 'ana' AS shopper, 1 AS key) TO '{path}'")
    form = Form("shop", "purchase", {"unit": "shoper"})
    with Outcomes(tmp_path / "decisions") as outcomes, pytest.raises(UsageError) as refused:
        import_file(File(path, form), outcomes)
    assert refused.value.message == "expected a column `shoper`, found none"
    assert "`shopper` is there" in (refused.value.hint or "")


def test_columns_of_which_nobody_said_what_they_are_are_told_with_what_can_be_done(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("unit,country\nana,DE\n")
    with Outcomes(tmp_path / "decisions") as outcomes, pytest.raises(UsageError) as refused:
        import_file(File(path, Form("shop")), outcomes)
    hints = [one.hint or "" for one in refused.value.findings]
    assert "--name-column" in hints[0]
    assert hints[1].startswith("leave it out of the file")


def test_a_cell_is_a_label_in_json_or_as_it_stands(tmp_path: Path) -> None:
    labels = ['["tea", "milk"]', "tea", "3", ""]
    rows = [{**ROWS[0], "order": n, "label": label} for n, label in enumerate(labels)]
    with Outcomes(tmp_path / "decisions") as outcomes:
        import_file(File(write(tmp_path, "csv", rows), FORM), outcomes)
        assert [one.label for one in outcomes.after(0)] == ['["tea","milk"]', '"tea"', "3", None]


def test_a_file_is_sent_in_pieces_as_the_gateway_takes_them(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "order": n} for n in range(2_500)]
    sent: list[list[dict[str, Any]]] = []

    def send(many: Any) -> Recorded:
        sent.append(list(many))
        return Recorded(len(many), 0)

    assert send_file(File(write(tmp_path, "csv", rows), FORM), send) == Recorded(2_500, 0)
    assert [len(piece) for piece in sent] == [1_000, 1_000, 500]
    assert sent[0][0] == {
        "route": "shop",
        "name": "purchase",
        "at": "2026-03-01T12:00:00.500000Z",
        "key": "0",
        "value": 0.0,
        "unit": "u0",
    }


def test_two_members_are_not_read_from_one_column() -> None:
    with pytest.raises(UsageError) as refused:
        Form("shop", "purchase", {"unit": "id", "key": "id"}).checked()
    assert refused.value.code == "outcomes/columns"
