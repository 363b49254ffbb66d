"""What is wrong alike in many rows is said once, and nothing else is."""

from __future__ import annotations

import pytest

from ketch.cli.grouped import grouped
from ketch.cli.printer import Printer
from ketch.errors import Finding


def wrong(where: str, found: str = "`1`", code: str = "schema/wrong-type") -> Finding:
    return Finding(code, f"expected `string`, found {found}", where, "write it in quotes")


@pytest.mark.parametrize(
    ("form", "where"),
    [
        ("rows[{}].name", "rows[0-39].name"),
        ("rows.csv:{}: name", "rows.csv:0-39: name"),
        ("of 2026.parquet: row {}: name", "of 2026.parquet: row 0-39: name"),
        ("pipeline.py:{}", "pipeline.py:0-39"),
    ],
)
def test_one_wrong_column_is_one_finding(form: str, where: str) -> None:
    found = list(grouped(wrong(form.format(n), f"`{n}`") for n in range(40)))
    assert [(one.where, one.message) for one in found] == [
        (where, "expected `string`, found `0`, and 39 more like it")
    ]


def test_rows_that_are_apart_are_told_as_ranges() -> None:
    rows = (1, 2, 3, 7, 9, 10)
    (one,) = grouped(wrong(f"rows[{row}].name") for row in rows)
    assert one.where == "rows[1-3, 7, 9-10].name"
    (many,) = grouped(wrong(f"rows[{row}].name") for row in range(0, 40, 2))
    assert many.where == "rows[0, 2, 4, 6, 8, …].name"


def test_few_others_and_those_without_a_row_stay_as_they_are() -> None:
    findings = [
        wrong("rows[1].name"),
        wrong("rows[2].name"),
        wrong("rows[1].size"),
        wrong("rows[2].name", code="schema/null"),
        *(wrong("ketch.toml: inputs") for _ in range(3)),
    ]
    assert sorted(grouped(findings), key=str) == sorted(findings, key=str)


def test_forty_wrong_rows_are_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Printer().findings([wrong(f"rows.csv:{row}: name") for row in range(2, 42)])
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "rows.csv:2-41: name: expected `string`, found `1`, and 39 more like it" in told[0]
