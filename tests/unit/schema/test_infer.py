import pytest

from ketch.schema import Row, infer_fields


def guess(*values: object) -> tuple[str | None, list[str]]:
    """Return the type guessed for one column of values, and the codes of the findings."""
    rows: list[Row] = [{"x": value} for value in values]
    fields, findings = infer_fields(rows)
    return (str(fields[0].type) if fields else None), [one.code for one in findings]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((True, False), "bool"),
        ((1, 2), "int64"),
        ((1, 2**63), "uint64"),
        ((1, 2.5), "float64"),
        ((1.0, 2.0), "float64"),
        (("a", ""), "string"),
        (([1], [2, 3]), "list<int64>"),
        (([[1, 2.5]], []), "list<list<float64>>"),
        (({"a": 1, "b": None}, {"a": 2, "b": "x"}), "struct<a: int64, b: string?>"),
    ],
)
def test_the_type_is_the_narrowest_that_holds_all(
    values: tuple[object, ...], expected: str
) -> None:
    assert guess(*values) == (expected, [])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("2024-01-01", "2024-02-29"), "date32"),
        (("2024-01-01T00:00:00Z", "2024-01-01T00:00:00+01:00"), "timestamp[us, UTC]"),
        (("2024-01-01 10:00",), "timestamp[us]"),
        (("2024-01-01T00:00:00.123456789Z",), "timestamp[ns, UTC]"),
        ((None, None), "string"),
        (([], []), "list<string>"),
    ],
)
def test_an_unsafe_guess_comes_with_advice(values: tuple[object, ...], expected: str) -> None:
    assert guess(*values) == (expected, ["schema/unsure"])


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ((1, "a"), "schema/mixed-types"),
        ((True, 1), "schema/mixed-types"),
        (([1], 1), "schema/mixed-types"),
        (([1, None],), "schema/null"),
        ((-1, 2**63), "schema/out-of-range"),
        ((2**53 + 1, 0.5), "schema/out-of-range"),
        ((float("nan"),), "schema/out-of-range"),
        (({"a": 1}, {}), "schema/missing-field"),
        (({},), "schema/mixed-types"),
        (({"1": 2},), "schema/bad-name"),
    ],
)
def test_what_no_type_holds_is_left_out_with_a_blocking_finding(
    values: tuple[object, ...], code: str
) -> None:
    assert guess(*values) == (None, [code])


def test_null_makes_nullable_and_absence_makes_optional() -> None:
    fields, findings = infer_fields([{"a": 1, "b": None}, {"b": 2}])
    assert findings == ()
    assert [(one.name, one.nullable, one.optional) for one in fields] == [
        ("a", True, True),
        ("b", True, False),
    ]


def test_a_name_outside_the_grammar_is_left_out() -> None:
    fields, findings = infer_fields([{"a/b": 1, "c": 1}])
    assert [one.name for one in fields] == ["c"]
    assert [one.code for one in findings] == ["schema/bad-name"]


def test_bottomless_examples_are_refused() -> None:
    value: object = 1
    for _ in range(40):
        value = [value]
    assert guess(value)[0] is None
