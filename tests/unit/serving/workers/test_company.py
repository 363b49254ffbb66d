"""What company is worth: how many rows a call has, and whether it waits for more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ketch.serving.workers.company import ROWS, SILENCES, Company, Cost


def test_what_every_call_costs_is_told_from_what_each_row_adds() -> None:
    cost = Cost()
    for turn in range(500):
        rows = 8 + turn % 100
        cost.took(rows, 0.004 + 0.00001 * rows)
    assert 0.003 < cost.fixed_s < 0.005


def test_where_rows_are_what_costs_nothing_is_gained_by_waiting() -> None:
    cost = Cost()
    for turn in range(500):
        rows = 8 + turn % 100
        cost.took(rows, 0.001 * rows)
    assert cost.fixed_s < 0.01


def test_a_call_has_more_rows_only_where_they_are_answered_soon() -> None:
    fast, slow = Cost(), Cost()
    assert fast.rows(1_024) == ROWS
    for _ in range(50):
        fast.took(200, 0.002)
        slow.took(200, 0.2)
    assert fast.rows(1_024) == 1_024
    assert slow.rows(1_024) == ROWS
    assert slow.rows(100) == 100


@given(st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 100)), min_size=1))
def test_whatever_calls_cost_a_call_has_rows_and_waits_no_longer_than_calls_took(
    calls: list[tuple[int, float]],
) -> None:
    cost = Cost()
    for rows, seconds in calls:
        cost.took(rows, seconds)
    assert 1 <= cost.rows(1_024) <= 1_024
    assert 0 <= cost.fixed_s <= max(1e-6, *(seconds for _, seconds in calls))


def test_a_call_waits_for_those_who_were_just_answered_as_long_as_they_keep_coming() -> None:
    company = Company()
    company.answered(4, now=10.0, fixed_s=0.004)
    assert company.is_coming(1, 10.0001)
    assert company.is_coming(3, 10.0005)
    assert not company.is_coming(4, 10.0006)  # all are there
    assert not company.is_coming(3, 10.0031)  # that is long enough


def test_a_call_does_not_wait_for_those_who_do_not_come() -> None:
    company = Company()
    company.answered(4, now=10.0, fixed_s=0.004)
    looks = 0
    while company.is_coming(1, 10.0):
        looks += 1
    assert looks == SILENCES


def test_a_request_alone_and_a_call_that_costs_nothing_wait_for_nobody() -> None:
    company = Company()
    assert not company.is_coming(1, 10.0)
    company.answered(1, now=10.0, fixed_s=1.0)
    assert not company.is_coming(0, 10.0)
    company.answered(64, now=10.0, fixed_s=0.0001)
    assert not company.is_coming(1, 10.0)
