"""Rows of a file, of which each package gets the columns that it declares."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.contracts import contract

from ketch.compare.trial.measures import read_wanted
from ketch.compare.trial.right import right_of_file
from ketch.compare.trial.validation import read_validation
from ketch.errors import UsageError
from ketch.package import Package

OUTPUTS = {"price": "float64", "items": {"type": "list<string>"}, "kind": "string"}


def package(**inputs: object) -> Package:
    return contract(inputs, OUTPUTS).package


OLD = package(size="float64")
NEW = package(size="float64", colour="string")

CSV = """order,size,colour,paid,bought,was
1,2.5,red,5.5,"[""tea"", ""mug""]",7
2,x,red,1,tea,8
3,4,blue,,,
"""


def test_each_package_gets_its_columns_and_what_is_right_is_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(CSV)
    wanted = read_wanted(
        ["price:rmse:paid", "items:ndcg@5:bought", "kind:accuracy:was"], (OLD, NEW)
    )
    found = read_validation(path, (OLD, NEW), [one.target for one in wanted])
    rows = [row for question in found.asked.questions for row in question.rows]
    assert rows == [{"colour": "red", "size": 2.5}, {"colour": "blue", "size": 4.0}]
    assert found.asked.left_out == 1
    assert found.asked.notes[0] == "columns that no package takes: `order`"
    assert found.asked.notes[1].startswith("the first row that is refused:")
    right = right_of_file(found, wanted, OLD)
    labels = {name: [json.loads(one.label or "") for (one,) in right[name][:1]] for name in right}
    assert labels == {"paid": [5.5], "bought": [["tea", "mug"]], "was": ["7"]}
    assert [told[1] for told in right.values()] == [(), (), ()]


def test_json_means_the_same_rows_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"order": 1, "size": 2.5, "colour": "red", "paid": 5.5}\n'
        '{"order": 3, "size": 4, "colour": "blue", "paid": null}\n'
    )
    found = read_validation(path, (OLD, NEW), ["paid"])
    assert [row for one in found.asked.questions for row in one.rows] == [
        {"colour": "red", "size": 2.5},
        {"colour": "blue", "size": 4.0},
    ]
    assert found.columns == {"paid": [5.5, None]}


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("pade", "expected a column `pade`, found none"),
        ("size", "expected a column that is no input, found `size`"),
    ],
)
def test_a_column_that_cannot_say_what_was_right_is_refused(
    tmp_path: Path, wanted: str, says: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(CSV)
    with pytest.raises(UsageError) as caught:
        read_validation(path, (OLD, NEW), [wanted])
    assert (caught.value.code, caught.value.message) == ("compare/column", says)


def test_where_nobody_accepts_a_row_it_is_said_why(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("size\nlarge\n")
    with pytest.raises(UsageError) as caught:
        read_validation(path, (OLD, OLD), [])
    assert caught.value.code == "compare/no-inputs"
    assert caught.value.findings
    path.write_text("size\n1,2\n")
    with pytest.raises(UsageError, match="one for each column"):
        read_validation(path, (OLD, OLD), [])


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("price", "expected `OUTPUT:MEASURE:TARGET`, found `price`"),
        ("prise:rmse:paid", "expected an output of `shop:1.0.0`, found `prise`"),
        ("price:rms:paid", "found `rms`"),
        ("price:rmse@3:paid", "expected `@` after precision or ndcg only"),
    ],
)
def test_a_metric_that_cannot_be_measured_is_refused(said: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_wanted([said], (OLD, NEW))
    assert caught.value.code == "compare/metric"
    assert says in caught.value.message.replace(OLD.reference, "shop:1.0.0")


def test_metrics_are_named_as_short_as_they_are_told_apart() -> None:
    said = ["price:rmse:paid", "price:mae:paid", "kind:accuracy:was", "items:accuracy:was"]
    names = [one.name for one in read_wanted(said, (OLD,))]
    assert names == ["rmse", "mae", "kind:accuracy", "items:accuracy"]
    with pytest.raises(UsageError, match="each metric once"):
        read_wanted(["price:rmse:paid", "price:rmse:paid"], (OLD,))
