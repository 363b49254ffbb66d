"""Rows of a file, of which each package gets the columns that it declares."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.contracts import contract

from ketch.compare.trial.measures import read_wanted
from ketch.compare.trial.options import Options
from ketch.compare.trial.right import right_of_file
from ketch.compare.trial.sheet import sheet_of
from ketch.compare.trial.slicing import slices_of
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
TRUE_OR_FALSE = contract({"size": "float64"}, {"is_dear": "bool"}).package


def test_each_package_gets_its_columns_and_what_is_right_is_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(CSV)
    wanted = read_wanted(
        ["price:rmse:paid", "items:ndcg@5:bought", "kind:accuracy:was"], (OLD, NEW)
    )
    found = read_validation(path, (OLD, NEW), [one.target for one in wanted])
    rows = [row for question in found.asked.questions for row in question.rows]
    assert rows == [{"colour": "red", "size": 2.5}, {"colour": "blue", "size": 4.0}]
    assert [one.row(0) for one in found.asked.questions] == ["`rows.csv`", "`rows.csv`, row 2"]
    assert found.asked.left_out == 1
    assert found.asked.notes == ("columns that no package takes: `order`",)
    assert found.asked.refused == 'rows[1].size: expected `float64`, found `"x"`'
    right = right_of_file(found, wanted, OLD)
    labels = {name: [json.loads(one.label or "") for (one,) in right[name][:1]] for name in right}
    assert labels == {"rmse": [5.5], "ndcg@5": [["tea", "mug"]], "accuracy": ["7"]}
    assert [told[1] for told in right.values()] == [(), (), ()]


def test_a_column_of_csv_is_sliced_by_its_numbers_and_one_of_names_is_told_to_have_no_slices(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.csv"
    lines = [f"1,{at}.5,name {at},{at % 2 == 0}\n" for at in range(40)]
    path.write_text("size,weight,name,sold\n" + "".join(lines))
    sheet = sheet_of(Options(inputs=path, slices=("weight", "name", "sold")), (OLD, OLD), ())
    found = {name: slices_of(name, sheet.column(name)) for name in sheet.slices}
    assert [one.says for one in found["weight"]] == [
        "0.5 to 9.5",
        "10.5 to 19.5",
        "20.5 to 29.5",
        "30.5 to 39.5",
    ]
    assert [one.says for one in found["sold"]] == ["false", "true"]
    assert [note for note in sheet.asked.notes if note.startswith("no slices of `name`")]
    assert len(sheet.asked.notes) == 1


def test_true_and_false_in_csv_are_read_as_inputs_are(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("size,dear\n1,True\n2,FALSE\n3,true\n")
    wanted = read_wanted(["is_dear:accuracy:dear"], (TRUE_OR_FALSE,))
    found = read_validation(path, (TRUE_OR_FALSE,), ["dear"])
    right = right_of_file(found, wanted, TRUE_OR_FALSE)
    assert [told.label for (told,) in right["accuracy"]] == ["true", "false", "true"]


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
    two = ["price:rmse:paid", "price:rmse:asked", "price:mae:paid"]
    names = [one.name for one in read_wanted(two, (OLD,))]
    assert names == ["price:rmse:paid", "price:rmse:asked", "mae"]
    with pytest.raises(UsageError, match="each metric once"):
        read_wanted(["price:rmse:paid", "price:rmse:paid"], (OLD,))
