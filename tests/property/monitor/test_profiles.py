"""Profiles of any rows: nothing fails, every row counts once, and halves make the whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ketch.monitor.profiles import Window, merged
from ketch.monitor.profiles.gathering import Fields

START = datetime(2026, 11, 23, tzinfo=UTC)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
times = st.sampled_from(["2026-11-23", "2026-11-23T10:00:00Z", "9999-12-31T23:59:59-23:59", ""])
marks = st.just("keyed:0123456789abcdef")
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.just(10**400)
plain = st.none() | st.booleans() | numbers | texts | times | marks
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("m"), inner)
)
rows = st.lists(st.dictionaries(st.sampled_from("abc"), values), max_size=12)


def window(given_rows: list[dict[str, Any]]) -> Window:
    """Return the profile of rows, which came as two blocks."""
    gathered = Fields("input")
    gathered.add(given_rows[:2])
    gathered.add(given_rows[2:])
    count = len(given_rows)
    end = START + timedelta(hours=1)
    return Window("r", "p:1", "d", START, end, count, count, gathered.finish())


@given(rows, rows)
def test_any_rows_are_counted_once_and_add_up(
    one: list[dict[str, Any]], other: list[dict[str, Any]]
) -> None:
    both = merged([window(one), window(other)])
    whole = window(one + other)
    for found in (both, whole):
        assert Window.from_json(msgspec.json.decode(msgspec.json.encode(found.to_json()))) == found
        for name in "abc":
            held = sum(row.get(name) is not None for row in one + other)
            fields = {field.name: field for field in found.fields}
            if any(name in row for row in one + other):
                assert (fields[name].rows, fields[name].missing) == (
                    len(one + other),
                    len(one + other) - held,
                )
            else:
                assert name not in fields


@given(st.lists(st.none() | numbers, max_size=30), st.lists(st.none() | numbers, max_size=30))
def test_numbers_that_are_added_up_are_those_of_all_rows(one: list[Any], other: list[Any]) -> None:
    parts = [[{"a": value} for value in some] for some in (one, other)]
    if not one + other:
        return
    both, whole = merged([window(part) for part in parts]), window(parts[0] + parts[1])
    found, expected = both.field("a"), whole.field("a")
    for name in ("type", "count", "nulls", "not_finite", "min", "max"):
        assert getattr(found.column, name) == getattr(expected.column, name), name
    assert (found.values, found.column.frequent) == (expected.values, expected.column.frequent)
