import csv
import io

import pytest

from ketch.schema import Field, check_columns, parse_fields, read_text_rows


def field(declaration: object) -> tuple[Field, ...]:
    fields, findings = parse_fields({"x": declaration}, "inputs")
    assert findings == ()
    return fields


@pytest.mark.parametrize(
    ("declaration", "cell", "value"),
    [
        ("bool", "true", True),
        ("bool", "False", False),
        ("int64", "-7", -7),
        ("int64", "+007", 7),
        ("float64", "3", 3),
        ("float64", "3.", 3.0),
        ("float64", "-.5e3", -500.0),
        ("string", "", ""),
        ("string", " 1 ", " 1 "),
        ("string", "null", "null"),
        ("date32", "2024-02-29", "2024-02-29"),
        ("list<int64>", "[1, 2]", [1, 2]),
        ("struct<a: int64>", '{"a": 1}', {"a": 1}),
        ({"type": "int64", "nullable": True}, "", None),
        ({"type": "string", "nullable": True}, "", None),
        ({"type": "int64", "optional": True}, "", None),
    ],
)
def test_a_cell_is_read_by_its_fields_type(declaration: object, cell: str, value: object) -> None:
    rows, findings = read_text_rows(field(declaration), [{"x": cell}])
    assert findings == ()
    assert rows == [{"x": value}]
    assert type(rows[0]["x"]) is type(value)


@pytest.mark.parametrize(
    ("declaration", "cell", "code"),
    [
        ("bool", "1", "wrong-type"),
        ("bool", "yes", "wrong-type"),
        ("int64", "3.0", "wrong-type"),
        ("int64", "1,000", "wrong-type"),
        ("int64", " 1", "wrong-type"),
        ("int64", "1_000", "wrong-type"),
        ("int64", "٣", "wrong-type"),
        ("int64", "9" * 5000, "wrong-type"),
        ("int64", "", "null"),
        ("float64", "", "null"),
        ("float64", "nan", "wrong-type"),
        ("float64", "inf", "wrong-type"),
        ("float64", "1,5", "wrong-type"),
        ("bool", "", "null"),
        ("date32", "", "null"),
        ("list<int64>", "", "null"),
        ("list<int64>", "1;2", "wrong-type"),
        ("list<float64>", "[NaN]", "wrong-type"),
    ],
)
def test_a_cell_that_does_not_spell_its_type_is_a_finding(
    declaration: object, cell: str, code: str
) -> None:
    rows, findings = read_text_rows(field(declaration), [{"x": cell}], first=4)
    assert rows == []
    assert [(one.code, one.where) for one in findings] == [(f"schema/{code}", "rows[4].x")]


def test_every_wrong_cell_is_told() -> None:
    fields, _ = parse_fields({"a": "int64", "b": "bool"}, "inputs")
    _, findings = read_text_rows(fields, [{"a": "x", "b": "y"}, {"a": "1", "b": "z"}])
    assert [one.where for one in findings] == ["rows[0].a", "rows[0].b", "rows[1].b"]


def test_rows_with_too_few_or_too_many_cells_are_findings() -> None:
    reader = csv.DictReader(io.StringIO("a,b\n1,2\n1\n1,2,3\n"))
    fields, _ = parse_fields({"a": "int64", "b": "int64"}, "inputs")
    _, findings = read_text_rows(fields, list(reader))
    assert [one.code for one in findings] == ["schema/wrong-cells"] * 2
    assert [one.where for one in findings] == ["rows[1].b", "rows[2]"]


def test_a_numeric_looking_string_stays_text() -> None:
    assert read_text_rows(field("string"), [{"x": "007"}])[0] == [{"x": "007"}]


def test_personal_data_in_a_cell_is_not_shown() -> None:
    _, findings = read_text_rows(field({"type": "int64", "pii": True}), [{"x": "ann@example.org"}])
    assert "ann" not in findings[0].message


def test_the_columns_of_a_file_are_checked_once() -> None:
    fields, _ = parse_fields(
        {"hour": "int64", "day": "int64", "note": {"type": "string", "optional": True}}, "inputs"
    )
    findings = list(check_columns(fields, ["day", "day", "Hour"], "data.csv"))
    assert [(one.code, one.hint) for one in findings] == [
        ("schema/duplicate-column", None),
        ("schema/missing-field", "`Hour` is there; is it the same under another name?"),
        ("schema/unknown-field", "did you mean `hour`?"),
    ]
    assert list(check_columns(fields, ["hour", "day"], "data.csv")) == []
