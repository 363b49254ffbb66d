from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.monitor.decisions import Ids, is_id, new_id, time_of
from ketch.monitor.decisions.ids import moment_of

NOON = 1_795_000_000_000_000_000
SECOND = 1_000_000_000


class Clock:
    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def test_an_identity_is_a_uuid_of_version_7() -> None:
    uuid = UUID(new_id())
    assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")


def test_it_tells_when_the_decision_was_made() -> None:
    before = datetime.now(UTC)
    assert before - timedelta(milliseconds=1) <= time_of(new_id()) <= datetime.now(UTC)


def test_they_sort_in_the_order_they_were_given_though_the_clock_stands() -> None:
    ids = Ids(Clock())
    given_ = [ids.new() for _ in range(20_000)]
    assert given_ == sorted(set(given_))
    assert all(map(is_id, given_))
    assert time_of(given_[-1]) - time_of(given_[0]) < timedelta(milliseconds=6)


def test_two_givers_at_the_same_moment_differ() -> None:
    clock = Clock()
    assert Ids(clock).new() != Ids(clock).new()


@given(st.lists(st.integers(-3600 * SECOND, 3600 * SECOND), max_size=60))
def test_none_is_given_twice_however_the_clock_jumps(jumps: list[int]) -> None:
    clock = Clock()
    ids = Ids(clock)
    given_ = [ids.new()]
    for jump in jumps:
        clock.now += jump
        given_ += [ids.new(), ids.new()]
    assert len(set(given_)) == len(given_)


def test_time_follows_a_clock_that_was_set_back_far() -> None:
    clock = Clock()
    ids = Ids(clock)
    first = ids.new()
    clock.now -= 3600 * SECOND
    back = ids.new()
    assert timedelta(minutes=59) < time_of(first) - time_of(back) < timedelta(minutes=61)
    clock.now += 3600 * SECOND
    assert ids.new() not in (first, back)


def test_time_stands_still_while_a_clock_is_a_little_behind() -> None:
    clock = Clock()
    ids = Ids(clock)
    first = ids.new()
    clock.now -= 2 * SECOND
    assert first < ids.new()


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_first_moment_of_a_time_is_not_before_it(when: datetime) -> None:
    found = time_of(f"{moment_of(when):016x}")
    assert found == when or timedelta() < when - found < timedelta(microseconds=1)


@pytest.mark.parametrize(
    "text", ["", "0" * 32, "01a209b6be0472aba027da64102e5b5", "01A209B6BE0472ABA027DA64102E5B58"]
)
def test_other_texts_are_no_identities(text: str) -> None:
    assert not is_id(text)
