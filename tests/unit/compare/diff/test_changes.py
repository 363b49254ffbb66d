"""Two JSON values, and every place where they differ."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ketch.compare.diff.changes import Change, Kind, changes, written

SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text("ab.[", max_size=2)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab.[", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def made(value: Any, told: tuple[Change, ...]) -> Any:
    """Make changes in a value, the last first: what a list loses stands at its end."""
    value = json.loads(json.dumps({"": value}))
    for change in reversed(told):
        inner = value
        *way, last = ("", *change.path)
        for step in way:
            inner = inner[step]
        if change.kind is Kind.REMOVED:
            del inner[last]
        elif isinstance(inner, list) and change.kind is Kind.ADDED:
            inner.append(change.b)  # what a list gains stands at its end, too
        else:
            inner[last] = change.b
    return value[""]


@given(VALUES)
def test_a_value_does_not_differ_from_itself(value: object) -> None:
    assert changes(value, json.loads(json.dumps(value))) == ()


@given(VALUES, VALUES)
def test_the_changes_of_the_way_back_are_mirrored(a: object, b: object) -> None:
    assert changes(b, a) == tuple(change.mirrored() for change in changes(a, b))


@given(VALUES, VALUES)
def test_who_makes_the_changes_in_a_has_b(a: object, b: object) -> None:
    added = [one for one in changes(a, b) if one.kind is Kind.ADDED]
    others = [one for one in changes(a, b) if one.kind is not Kind.ADDED]
    changed = made(made(a, tuple(others)), tuple(reversed(added)))
    assert json.dumps(changed, sort_keys=True) == json.dumps(b, sort_keys=True)


def test_values_that_python_calls_equal_are_told_apart() -> None:
    told = changes({"one": 1, "yes": 1, "zero": 0.0}, {"one": 1.0, "yes": True, "zero": -0.0})
    assert [change.place for change in told] == ["one", "yes", "zero"]


def test_a_path_says_which_dot_belongs_to_a_key() -> None:
    assert written(("fees", "per.day", 2, "é")) == 'fees["per.day"][2]["é"]'
