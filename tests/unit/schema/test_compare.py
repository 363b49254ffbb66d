import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.schema import Field, Row, compare, parse_fields, rows_that_differ
from ketch.schema.compare import CompareFunction, Difference


def differences(
    declaration: object,
    expected: object,
    found: object,
    functions: dict[str, CompareFunction] | None = None,
) -> list[str]:
    """Return the paths that differ between two values of one field."""
    return [one.field for one in details(declaration, expected, found, functions)]


def details(
    declaration: object,
    expected: object,
    found: object,
    functions: dict[str, CompareFunction] | None = None,
) -> tuple[Difference, ...]:
    return compare(field(declaration), [{"x": expected}], [{"x": found}], functions)


def field(declaration: object) -> tuple[Field, ...]:
    fields, findings = parse_fields({"x": declaration}, "outputs")
    assert findings == ()
    return fields


def test_floats_are_exact_unless_a_tolerance_is_declared() -> None:
    assert details("float64", 0.3, 0.1 + 0.2) == (
        Difference(0, "x", 0.3, 0.1 + 0.2, "expected `0.3`, found `0.30000000000000004`"),
    )
    assert differences({"type": "float64", "rtol": 1e-9}, 0.3, 0.1 + 0.2) == []


def test_a_difference_says_how_far_beyond_the_tolerance() -> None:
    (difference,) = details({"type": "float64", "rtol": 1e-6, "atol": 0.0001}, 1.0, 1.5)
    assert difference.message == (
        "expected `1.0`, found `1.5`, `0.5` away, more than rtol `1e-06` and atol `0.0001` allows"
    )


def test_the_tolerance_is_relative_to_the_expected_value() -> None:
    declared = {"type": "float64", "rtol": 0.1}
    assert differences(declared, 100.0, 110.0) == []
    assert differences(declared, 0.0, 1e-300) == ["x"]


def test_float32_values_are_equal_when_they_round_to_the_same_float32() -> None:
    assert differences("float32", 0.1, 0.10000000149011612) == []
    assert differences("float64", 0.1, 0.10000000149011612) == ["x"]


def test_tolerance_reaches_every_float_inside_and_nothing_else() -> None:
    declared = {"type": "list<struct<n: int64, at: tensor<float64, [2]>>>", "atol": 0.1}
    expected = [{"n": 1, "at": [0.0, 1.0]}, {"n": 2, "at": [0.0, 1.0]}]
    found = [{"n": 1, "at": [0.05, 1.0]}, {"n": 3, "at": [0.0, 1.2]}]
    assert differences(declared, expected, found) == ["x[1].n", "x[1].at[1]"]


@pytest.mark.parametrize(
    ("declaration", "expected", "found"),
    [
        ("bool", True, 1),
        ("int64", 1, 1.0),
        ("int64", 1, True),
        ("float64", 1.0, True),
        ("float64", 1.0, "1.0"),
        ({"type": "int64", "nullable": True}, None, 0),
        ({"type": "string", "nullable": True}, "", None),
        ("list<int64>", [1], [True]),
        ("list<int64>", [], None),
        ("list<int64>", [1, 2], [1]),
    ],
)
def test_values_of_unlike_kinds_differ(
    declaration: object, expected: object, found: object
) -> None:
    assert differences(declaration, expected, found) in (["x"], ["x[0]"])


@pytest.mark.parametrize(
    ("declaration", "expected", "found"),
    [
        ("float64", 1, 1.0),
        ("float64", 0.0, -0.0),
        ("timestamp[us, UTC]", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00"),
        ("list<timestamp[us]>", ["2024-01-01T00:00:00"], ["2024-01-01 00:00:00.000"]),
        ({"type": "int64", "nullable": True}, None, None),
    ],
)
def test_one_value_in_two_notations_is_equal(
    declaration: object, expected: object, found: object
) -> None:
    assert differences(declaration, expected, found) == []


def test_a_set_ignores_order_and_duplicates() -> None:
    declared = {"type": "list<string>", "compare": "set"}
    assert differences(declared, ["a", "b"], ["b", "a", "b"]) == []
    (difference,) = details(declared, ["a", "b", "c"], ["a", "d"])
    assert difference.message == (
        'the items differ: 2 missing, such as `"b"`; 1 not expected, such as `"d"`'
    )


def test_a_set_may_hold_anything() -> None:
    declared = {"type": "list<struct<a: float64>>", "compare": "set"}
    assert differences(declared, [{"a": 1}, {"a": 2.0}], [{"a": 2}, {"a": 1.0}]) == []


def test_a_ranking_counts_the_first_items_in_order() -> None:
    declared = {"type": "list<string>", "compare": "ranking@2"}
    assert differences(declared, ["a", "b", "c"], ["a", "b", "d"]) == []
    assert differences(declared, ["a", "b"], ["b", "a"]) == ["x[0]"]
    assert differences(declared, ["a", "b"], ["a"]) == ["x[1]"]
    assert differences(declared, ["a"], ["a"]) == []


def test_a_function_of_the_package_decides() -> None:
    declared = {"type": "string", "compare": "checks:alike"}
    alike: dict[str, CompareFunction] = {"checks:alike": lambda a, b: str(a).lower() == str(b)}
    assert differences(declared, "A", "a", alike) == []
    assert differences(declared, "A", "b", alike) == ["x"]
    (difference,) = details(declared, "A", "b", {"checks:alike": lambda *_: "too far apart"})
    assert difference.message == "too far apart"
    assert details(declared, "A", "b", {"checks:alike": lambda *_: ""}) == ()


def test_a_function_that_is_not_there_is_a_difference() -> None:
    assert differences({"type": "string", "compare": "checks:alike"}, "a", "a") == ["x"]


def test_rows_too_many_or_too_few_differ() -> None:
    (difference,) = compare(field("int64"), [{"x": 1}, {"x": 2}], [{"x": 1}])
    assert (difference.row, difference.message) == (1, "expected `2` rows, found `1`")


def test_the_differences_of_one_field_are_told_ten_times_then_counted() -> None:
    found = details("list<int64>", [0] * 25, [1] * 25)
    assert len(found) == 11
    assert found[-1].message == "and `15` more differences in `x`"


def test_differences_come_row_by_row() -> None:
    fields, _ = parse_fields({"a": "int64", "b": "int64"}, "outputs")
    expected: list[dict[str, object]] = [{"a": 1, "b": 1}, {"a": 1, "b": 1}]
    found: list[dict[str, object]] = [{"a": 2, "b": 2}, {"a": 1, "b": 2}]
    paths = [(one.row, one.field) for one in compare(fields, expected, found)]
    assert paths == [(0, "a"), (0, "b"), (1, "b")]


FIELDS, WRONG = parse_fields(
    {
        "near": {"type": "float64", "atol": 0.5, "nullable": True},
        "items": {"type": "list<int64>", "compare": "set"},
        "first": {"type": "list<int64>", "compare": "ranking@2"},
        "inside": "struct<a: list<float32>>",
    },
    "outputs",
)
SMALL = st.lists(st.integers(0, 2), max_size=3)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "near": st.none() | st.sampled_from([0.0, 0.3, 0.9]),
            "items": SMALL,
            "first": SMALL,
            "inside": st.fixed_dictionaries({"a": SMALL}),
        }
    ),
    max_size=4,
)


@given(ROWS, ROWS)
def test_the_rows_that_differ_are_those_of_which_a_difference_is_told(
    expected: list[Row], found: list[Row]
) -> None:
    assert not WRONG
    told = compare(FIELDS, expected, found)
    assert rows_that_differ(FIELDS, expected, found) == {one.row for one in told}
