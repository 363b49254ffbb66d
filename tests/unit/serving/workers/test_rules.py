"""The rules of supervision: when to start again, how many workers, how much memory."""

from __future__ import annotations

import os

import pytest

from ketch.runtime.machine import MB, available_bytes, held_bytes
from ketch.serving.workers.backoff import DELAYS_S, Backoff
from ketch.serving.workers.scale import Scale
from ketch.serving.workers.starting import limit_bytes
from ketch.serving.workers.waits import Waits


def test_a_worker_that_worked_for_long_is_replaced_at_once() -> None:
    rule = Backoff()
    for at in range(50):
        rule.died(at * 2.0, up_s=2.0, start_s=1.0)
        assert rule.delay_s(at * 2.0) == 0


def test_starts_that_fail_are_tried_ever_more_rarely() -> None:
    rule, now, delays = Backoff(), 100.0, []
    for _ in range(10):
        rule.failed(now)
        delays.append(rule.delay_s(now))
        now += delays[-1]
    assert delays == [*DELAYS_S, 30.0, 30.0]


def test_a_worker_that_dies_sooner_than_it_takes_to_start_has_to_wait() -> None:
    rule = Backoff()
    rule.died(0, up_s=3.0, start_s=5.0)
    assert rule.delay_s(0) == 0
    rule.died(8, up_s=3.0, start_s=5.0)
    assert rule.delay_s(8) == 0.5


def test_three_quick_deaths_in_a_row_are_a_crash_loop_until_a_minute_is_well() -> None:
    rule = Backoff()
    for now in (100.0, 110.0, 120.0):
        assert not rule.is_failing(now)
        rule.died(now, up_s=0.2, start_s=1.0)
    assert rule.is_failing(121.0)
    assert rule.is_failing(179.0)
    assert not rule.is_failing(181.0)
    for now in (200.0, 210.0, 220.0, 230.0):
        rule.died(now, up_s=5.0 if now == 220.0 else 0.2, start_s=1.0)
    assert not rule.is_failing(231.0)


def test_more_workers_come_only_when_requests_wait_for_a_while() -> None:
    rule = Scale(most=2)
    assert rule.decide(1.0, 1, wait_s=0.2, used=1) == 1
    assert rule.decide(2.0, 1, wait_s=0.01, used=1) == 1
    assert rule.decide(3.0, 1, wait_s=0.2, used=1) == 1
    assert rule.decide(4.9, 1, wait_s=0.2, used=1) == 1
    assert rule.decide(5.0, 1, wait_s=0.2, used=1) == 2
    assert rule.decide(6.0, 2, wait_s=0.2, used=2) == 2
    assert rule.decide(9.0, 2, wait_s=0.2, used=2) == 2  # there are no more


def test_one_slow_call_does_not_make_the_others_look_slow() -> None:
    waits = Waits()
    for seconds in (0.001, 0.001, 3.0, 0.001):
        waits.took(seconds)
    assert waits.call_s == pytest.approx(0.001)
    for _ in range(6):
        waits.took(3.0)
    assert waits.call_s > 2.0
    for _ in range(20):
        waits.took(0.001)
    assert waits.call_s < 0.01


def test_a_worker_goes_when_it_was_not_needed_for_a_minute() -> None:
    rule = Scale(most=4)
    assert rule.decide(0.5, 2, wait_s=0.0, used=1) == 2
    assert rule.decide(40.0, 2, wait_s=0.0, used=2) == 2
    assert rule.decide(50.0, 2, wait_s=0.0, used=1) == 2
    assert rule.decide(110.0, 2, wait_s=0.0, used=1) == 1
    assert rule.decide(300.0, 1, wait_s=0.0, used=0) == 1
    assert rule.decide(400.0, 1, wait_s=0.0, used=0) == 1  # one stays


@pytest.mark.parametrize(
    ("declared", "chosen", "expected"),
    [(None, None, 456), (1_000, None, 900), (None, 300, 300), (1_000, 300, 300), (50, None, 141)],
)
def test_the_limit_of_memory(declared: float | None, chosen: float | None, expected: int) -> None:
    found = limit_bytes(100 * MB, declared_mb=declared, set_mb=chosen)
    assert found == expected * MB


def test_memory_is_read_of_the_kernel() -> None:
    before = held_bytes(os.getpid())
    held = b"x" * 50_000_000
    assert held_bytes(os.getpid()) - before > 40_000_000
    assert len(held) < (available_bytes() or 0)
    assert held_bytes(2**22 + 1) == 0
