"""The smallest set of changes: found, minimal, and honest about time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ketch.compare.explain.shrinking import OutOfTime, shrink

CHANGES = range(12)


@given(st.sets(st.sampled_from(CHANGES), min_size=1))
def test_the_changes_that_are_needed_are_found_and_no_others(needed: set[int]) -> None:
    found = shrink(CHANGES, lambda some: needed <= some)
    assert set(found.changes) == needed
    assert found.is_smallest


@given(st.sets(st.frozensets(st.sampled_from(range(6)), min_size=1), max_size=30))
def test_without_any_one_of_them_the_difference_is_another(good: set[frozenset[int]]) -> None:
    """Also where larger sets fail that hold smaller good ones."""
    everything = frozenset(range(6))
    found = shrink(range(6), lambda some: some in good or some == everything)
    kept = frozenset(found.changes)
    assert kept in good | {everything}
    if len(kept) > 1:
        assert all(kept - {change} not in good for change in kept)


def test_a_hundred_changes_with_one_culprit_need_few_tests() -> None:
    assert shrink(range(100), lambda some: 77 in some).tests < 25


def test_the_likeliest_change_is_tried_first_and_alone() -> None:
    tried: list[frozenset[int]] = []

    def makes_it(some: frozenset[int]) -> bool:
        tried.append(some)
        return 0 in some

    assert shrink(CHANGES, makes_it).changes == (0,)
    assert tried == [frozenset({0})]


def test_when_the_time_is_up_the_best_so_far_is_returned_as_such() -> None:
    calls = iter(range(100))

    def makes_it(some: frozenset[int]) -> bool:
        if next(calls) > 4:
            raise OutOfTime
        return {7, 8} <= some

    found = shrink(CHANGES, makes_it)
    assert {7, 8} < set(found.changes) < set(CHANGES)
    assert not found.is_smallest
