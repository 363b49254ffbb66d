from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.rollout.stats import Unit, Units

ROWS = st.lists(
    st.builds(
        Unit,
        st.booleans(),
        st.sampled_from([0.01, 0.1, 0.5]),
        st.sampled_from([0.0, 0.5, 1.0]),
        st.integers(0, 4),
    )
)


@given(ROWS, st.randoms(use_true_random=False))
def test_equal_units_are_one_row_whatever_their_order(rows: list[Unit], chance: object) -> None:
    mixed = list(rows)
    chance.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis hands out a Random
    units = Units.of(mixed)
    assert units.rows() == Units.of(rows).rows() == Units.of(units.rows()).rows()
    assert len({row[:3] for row in units.rows()}) == len(units.rows())
    assert sum(row.times for row in units.rows()) == sum(row.times for row in rows)


@given(ROWS)
def test_numbers_and_totals_are_those_of_each_arm(rows: list[Unit]) -> None:
    units = Units.of(rows)
    for arm in (True, False):
        mine = [row for row in rows if row.candidate is arm]
        assert units.number(candidate=arm) == sum(row.times for row in mine)
        assert units.total(candidate=arm) == sum(row.times * row.outcome for row in mine)
        assert units.exchanged().number(candidate=not arm) == units.number(candidate=arm)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (Unit(True, 1.5, 0), "expected a probability of 0 to 1, found 1.5"),
        (Unit(True, 0.5, -0.1), "expected an outcome of 0 to 1, found -0.1"),
        (Unit(True, 0.5, float("nan")), "expected an outcome of 0 to 1, found nan"),
        (Unit(True, 0.0, 1), "expected the arm that was drawn, found one of probability 0"),
        (Unit(False, 1.0, 1), "expected the arm that was drawn, found one of probability 0"),
        (Unit(True, 0.5, 1, -1), "expected a count of 0 or more, found -1"),
    ],
)
def test_units_that_cannot_be_are_refused(row: Unit, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Units.of([row])


def test_no_units_are_units() -> None:
    assert Units.of([]).rows() == []
    assert Units.grouped(np.array([], bool), [], []).number(candidate=True) == 0
