"""Parts of the rows, and where the answers of two packages part most."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ketch.compare.trial.differing import Differences
from ketch.compare.trial.slicing import FEW, sliced, slices_of, where_most

VALUES = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers())


def test_few_values_are_a_slice_each_and_the_largest_comes_first() -> None:
    found = slices_of("kind", ["cup", "tin", "cup", None, True])
    assert [(one.says, sorted(one.rows)) for one in found] == [
        ("cup", [0, 2]),
        ("null", [3]),
        ("tin", [1]),
        ("true", [4]),
    ]
    assert slices_of("kind", ["cup", "cup"]) == ()
    assert slices_of("kind", [["a"], ["b"]]) == ()
    assert slices_of("name", [f"name {at}" for at in range(50)]) == ()


def test_many_numbers_are_cut_into_four_bands() -> None:
    found = slices_of("size", [*range(100), None])
    assert [(one.says, len(one.rows)) for one in found] == [
        ("0 to 24", 25),
        ("25 to 49", 25),
        ("50 to 74", 25),
        ("75 to 99", 25),
        ("null", 1),
    ]


@given(st.lists(VALUES, max_size=60))
def test_no_row_is_in_two_slices_of_a_column_or_in_none(values: list[object]) -> None:
    found = slices_of("size", values)
    assert sum(len(one.rows) for one in found) in (0, len(values))
    assert len(frozenset().union(*(one.rows for one in found))) in (0, len(values))


def test_where_answers_part_most_is_told_and_a_small_slice_is_told_to_be_small() -> None:
    """Of 200 rows the 40 of lamps moved far, the others hardly; 4 of tins as far."""
    kinds = ["lamp"] * 40 + ["tin"] * 4 + ["cup"] * 156
    moved = {row: 0.5 if row < 44 else 0.01 for row in range(200)}
    apart = Differences(range(200), moved, ())
    each = list(sliced(slices_of("kind", kinds), apart, (), 1))
    assert [one.slice.says for one in where_most(each, apart)] == ["lamp"]
    small = next(one for one in each if one.slice.says == "tin")
    assert small.compared < FEW
    assert small.to_json()["small"] is True
    same = Differences(range(200), {}, ())
    assert where_most(list(sliced(slices_of("kind", kinds), same, (), 1)), same) == ()
