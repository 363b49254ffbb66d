import json
import math
import time

import pytest

from ketch.errors import Finding
from ketch.schema import Decoder, Field, decode, parse_fields, parse_json
from ketch.schema.decode import Row


def fields(**declared: object) -> tuple[Field, ...]:
    found, findings = parse_fields(declared, "inputs")
    assert findings == ()
    return found


def decode_one(declaration: object, value: object) -> tuple[object, Finding | None]:
    """Decode one value of one field; return it, or its only finding."""
    rows, findings = decode(fields(x=declaration), [{"x": value}])
    assert len(findings) <= 1
    assert len(rows) + len(findings) == 1
    return (rows[0]["x"], None) if rows else (None, findings[0])


class TestFaultsMeasuredInMlflow:
    """Each silent coercion of research/features.md section 3 is an error, or right, here."""

    def test_a_fraction_in_an_integer_is_an_error(self) -> None:
        _, finding = decode_one("int64", 1.7)
        assert finding == Finding(
            "schema/wrong-type",
            "expected `int64`, found `1.7`",
            "rows[0].x",
            "round it where it is made, or declare the field `float64`",
        )

    def test_the_text_false_in_a_boolean_is_an_error(self) -> None:
        _, finding = decode_one("bool", "false")
        assert finding == Finding(
            "schema/wrong-type",
            'expected `bool`, found `"false"`',
            "rows[0].x",
            "write it without quotes",
        )

    @pytest.mark.parametrize("declaration", ["bool", "string", "int64", "float64", "date32"])
    def test_null_in_a_required_field_is_an_error(self, declaration: str) -> None:
        _, finding = decode_one(declaration, None)
        assert finding is not None
        assert finding.code == "schema/null"
        assert finding.message == f"expected `{declaration}`, found `null`"

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_nan_is_an_error_and_never_leaves(self, value: float) -> None:
        _, finding = decode_one("float64", value)
        assert finding is not None
        assert finding.code == "schema/not-finite"
        json.dumps(finding.to_json(), allow_nan=False)

    def test_a_bare_nan_is_not_json(self) -> None:
        with pytest.raises(Exception, match="expected JSON"):
            parse_json(b'{"x": NaN}')

    def test_a_timestamp_with_z_is_an_instant(self) -> None:
        value, finding = decode_one("timestamp[us, UTC]", "2024-01-01T00:00:00Z")
        assert (value, finding) == ("2024-01-01T00:00:00Z", None)

    def test_a_timestamp_with_z_in_a_local_time_is_an_error_that_says_what_to_declare(self) -> None:
        _, finding = decode_one("timestamp[us]", "2024-01-01T00:00:00Z")
        assert finding is not None
        assert finding.code == "schema/bad-timestamp"
        assert finding.hint == "leave the offset out, or declare the field `timestamp[us, UTC]`"

    @pytest.mark.parametrize("value", [0, 1, 3, -(2**53)])
    def test_every_integer_a_double_can_hold_is_a_double(self, value: int) -> None:
        decoded, finding = decode_one("float64", value)
        assert finding is None
        assert type(decoded) is float
        assert decoded == value

    def test_integers_with_a_missing_value_stay_integers(self) -> None:
        nullable = fields(x={"type": "int64", "nullable": True})
        rows, findings = decode(nullable, [{"x": 2**53 + 1}, {"x": None}])
        assert findings == ()
        assert [(type(row["x"]), row["x"]) for row in rows] == [
            (int, 2**53 + 1),
            (type(None), None),
        ]

    def test_an_extra_column_is_an_error_with_the_nearest_name(self) -> None:
        rows, findings = decode(fields(hour="int64", day="int64"), [{"hour": 1, "hours": 2}])
        assert rows == []
        assert [(one.code, one.where, one.hint) for one in findings] == [
            ("schema/missing-field", "rows[0].day", None),
            ("schema/unknown-field", "rows[0].hours", None),
        ]
        rows, findings = decode(fields(hour="int64"), [{"Hour": 1}])
        assert [(one.code, one.hint) for one in findings] == [
            ("schema/missing-field", "`Hour` is there; is it the same under another name?"),
            ("schema/unknown-field", "did you mean `hour`?"),
        ]


@pytest.mark.parametrize(
    ("declaration", "value", "decoded"),
    [
        ("bool", False, False),
        ("int8", -128, -128),
        ("uint64", 2**64 - 1, 2**64 - 1),
        ("float64", 0.1, 0.1),
        ("float32", 3.4028235e38, 3.4028235e38),
        ("float16", 2**11, 2048.0),
        ("float32", 2**100, float(2**100)),
        ("string", "", ""),
        ("string", "é😀\x00", "é😀\x00"),
        ("binary", "AAE=", "AAE="),
        ("binary", "", ""),
        ("date32", "2024-02-29", "2024-02-29"),
        ("timestamp[us, UTC]", "2024-01-01T01:30:00.120+01:30", "2024-01-01T00:00:00.120Z"),
        ("timestamp[us]", "2024-01-01 00:00", "2024-01-01T00:00:00"),
        ("list<int64>", [], []),
        ("list<float64>", [1, 2.5], [1.0, 2.5]),
        ("struct<a: int64, b: string?>", {"b": None, "a": 1}, {"a": 1, "b": None}),
        ("tensor<float32, [-1, 2]>", [[1, 2], [3, 4]], [[1.0, 2.0], [3.0, 4.0]]),
        ("tensor<float32, [-1, 2]>", [], []),
        ("tensor<bool, [2]>", [True, False], [True, False]),
        ({"type": "int64", "min": 0, "max": 23}, 23, 23),
        ({"type": "list<int64>", "min": 0}, [0, 5], [0, 5]),
        ({"type": "string", "values": ["a"], "nullable": True}, None, None),
        ({"type": "string", "max_length": 2}, "é😀", "é😀"),
    ],
)
def test_a_value_of_its_type_decodes(declaration: object, value: object, decoded: object) -> None:
    found, finding = decode_one(declaration, value)
    assert finding is None
    assert found == decoded
    assert type(found) is type(decoded)


@pytest.mark.parametrize(
    ("declaration", "value", "code"),
    [
        ("bool", 0, "wrong-type"),
        ("int64", True, "wrong-type"),
        ("int64", 1.0, "wrong-type"),
        ("int64", "1", "wrong-type"),
        ("int64", 2**63, "out-of-range"),
        pytest.param("int64", 10**5000, "out-of-range", id="huge"),
        ("uint8", -1, "out-of-range"),
        ("float64", True, "wrong-type"),
        ("float64", "1.5", "wrong-type"),
        ("float64", 2**53 + 1, "precision"),
        ("float64", 10**400, "precision"),
        ("float32", 2**24 + 1, "precision"),
        ("float16", 70_000, "precision"),
        ("float32", 1e39, "out-of-range"),
        ("float16", 65_520.0, "out-of-range"),
        ("string", 5, "wrong-type"),
        ("string", "\ud800", "wrong-type"),
        ("binary", "AAE", "bad-base64"),
        ("binary", "AAF=", "bad-base64"),
        ("binary", "AA-_", "bad-base64"),
        ("binary", "é", "bad-base64"),
        ("binary", [1], "wrong-type"),
        ("date32", "2023-02-29", "bad-date"),
        ("date32", "20240229", "bad-date"),
        ("date32", "2024-W01-1", "bad-date"),
        ("date32", "2024-02-29T00:00:00", "bad-date"),
        ("date32", 19_000, "wrong-type"),
        ("timestamp[us, UTC]", "2024-01-01T00:00:00", "bad-timestamp"),
        ("timestamp[us, UTC]", 1_700_000_000, "wrong-type"),
        ("timestamp[s, UTC]", "2024-01-01T00:00:00.5Z", "precision"),
        ("list<int64>", {"0": 1}, "wrong-type"),
        ("list<int64>", "12", "wrong-type"),
        ("list<string>", ["a", None], "null"),
        ("struct<a: int64>", [1], "wrong-type"),
        ("struct<a: int64>", {"a": None}, "null"),
        ("tensor<float32, [2, 2]>", [[1, 2], [3]], "bad-shape"),
        ("tensor<float32, [-1, -1]>", [[1, 2], [3]], "bad-shape"),
        ("tensor<float32, [2, 2]>", [1, 2], "bad-shape"),
        ("tensor<float32, [2]>", [1, 2, 3], "bad-shape"),
        ("tensor<float32, [1]>", [[1]], "wrong-type"),
        ({"type": "int64", "max": 23}, 24, "out-of-range"),
        ({"type": "float64", "min": 0}, -0.5, "out-of-range"),
        ({"type": "date32", "min": "2024-01-01"}, "2023-12-31", "out-of-range"),
        (
            {"type": "timestamp[ms, UTC]", "max": "2024-01-01T00:00:00Z"},
            "2024-01-01T00:00:00.001Z",
            "out-of-range",
        ),
        ({"type": "string", "values": ["red", "green"]}, "gren", "not-allowed"),
        ({"type": "list<string>", "max_items": 1}, ["a", "b"], "too-many-items"),
        ({"type": "list<string>", "max_length": 1}, ["ab"], "too-long"),
        ({"type": "binary", "max_length": 1}, "AAE=", "too-long"),
    ],
)
def test_a_value_of_another_type_is_one_typed_finding(
    declaration: object, value: object, code: str
) -> None:
    _, finding = decode_one(declaration, value)
    assert finding is not None
    assert finding.code == f"schema/{code}"


def test_an_optional_name_may_be_absent_and_a_nullable_one_may_not() -> None:
    declared = fields(a={"type": "int64", "optional": True}, b={"type": "int64", "nullable": True})
    assert decode(declared, [{"b": None}]) == ([{"a": None, "b": None}], ())
    assert decode(declared, [{"a": None, "b": 1}]) == ([{"a": None, "b": 1}], ())
    _, findings = decode(declared, [{"a": 1}])
    assert [one.where for one in findings] == ["rows[0].b"]


def test_members_stand_in_the_declared_order() -> None:
    rows, _ = decode(fields(b="int64", a="int64"), [{"a": 1, "b": 2}])
    assert list(rows[0]) == ["b", "a"]


def test_the_row_given_is_not_changed() -> None:
    row: Row = {"x": [1, 2]}
    rows, _ = decode(fields(x="list<float64>"), [row])
    assert rows == [{"x": [1.0, 2.0]}]
    assert all(type(item) is int for item in row["x"])  # type: ignore[attr-defined]


def test_all_that_is_wrong_in_all_rows_is_told_once_each() -> None:
    declared = fields(a="int64", b="struct<c: list<bool>, d: string>", e="string")
    rows: list[object] = [
        {"a": 1, "b": {"c": [True], "d": ""}, "e": ""},
        {"a": "1", "b": {"c": [True, 0, None], "D": ""}, "e": 3},
        7,
        {"a": 1.5},
    ]
    found, findings = decode(declared, rows)
    assert found == []
    assert sorted(str(finding.where) for finding in findings) == [
        "rows[1].a",
        "rows[1].b.D",
        "rows[1].b.c[1]",
        "rows[1].b.c[2]",
        "rows[1].b.d",
        "rows[1].e",
        "rows[2]",
        "rows[3].a",
        "rows[3].b",
        "rows[3].e",
    ]


def test_rows_are_numbered_from_the_first_in_the_file() -> None:
    _, findings = Decoder(fields(a="int64")).decode([{"a": 1}, {"a": "x"}], first=1000)
    assert [finding.where for finding in findings] == ["rows[1001].a"]


@pytest.mark.parametrize("rows", [None, 3, "rows", {"a": 1}])
def test_rows_that_are_no_list_are_a_finding(rows: object) -> None:
    found, findings = decode(fields(a="int64"), rows)
    assert found == []
    assert [finding.where for finding in findings] == ["rows"]


def test_after_a_hundred_findings_the_rest_is_counted() -> None:
    _, findings = decode(fields(a="int64"), [{"a": "x"}] * 250)
    assert len(findings) == 101
    assert findings[-1] == Finding("schema/more", "and 150 more", "rows")


def test_the_rest_is_counted_inside_values_too() -> None:
    _, findings = decode(fields(a="list<list<int64>>"), [{"a": [["x"] * 150] * 2}] * 3)
    assert findings[-1].message == "and 800 more"


def test_hostile_names_cost_little() -> None:
    declared = fields(**{f"column_{number}": "int64" for number in range(300)})
    row = {f"colunm_{number}": 1 for number in range(50_000)}
    started = time.perf_counter()
    _, findings = decode(declared, [row])
    assert time.perf_counter() - started < 2
    assert findings[-1].code == "schema/more"


def test_wrong_values_deep_inside_are_looked_at_once() -> None:
    deep = "list<" * 15 + "int64" + ">" * 15
    value: object = "x"
    for _ in range(15):
        value = [value]
    started = time.perf_counter()
    for _ in range(100):
        decode_one(deep, value)
    assert time.perf_counter() - started < 2


def test_personal_data_is_not_shown() -> None:
    declared = fields(
        mail={"type": "string", "pii": True, "max_length": 3},
        age={"type": "list<int64>", "pii": True, "max": 150},
    )
    _, findings = decode(declared, [{"mail": "ann@example.org", "age": [41.5, 999, "41"]}])
    text = json.dumps([finding.to_json() for finding in findings])
    assert len(findings) == 4
    assert "ann" not in text
    assert "41" not in text
    assert "999" not in text


def test_a_long_value_is_cut_in_the_message() -> None:
    _, finding = decode_one("int64", "é" * 10_000)
    assert finding is not None
    assert len(finding.message) < 100
