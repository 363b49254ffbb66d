from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ketch.rollout.stats import Event, Exposed, Unit, count
from ketch.rollout.terms import Measure

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = Measure("happened", 7 * DAY)
SPENT = Measure("amount", 7 * DAY, cap=100.0)

NAMES = st.sampled_from(["ana", "ben", "eva", "jan"])
HOURS = st.integers(0, 24 * 20).map(lambda hours: NOON + timedelta(hours=hours))
EXPOSURES = st.lists(st.builds(Exposed, NAMES, HOURS, st.booleans(), st.just(0.5)), max_size=12)
EVENTS = st.lists(
    st.builds(Event, NAMES, HOURS, st.text("xyz", min_size=1, max_size=3), st.floats(0, 200)),
    max_size=12,
    unique_by=lambda event: event.key,
)
MEASURES = st.sampled_from([WEEK, SPENT])


@given(EXPOSURES, EVENTS, MEASURES, HOURS, st.randoms(use_true_random=False))
def test_outcomes_that_come_twice_late_and_shuffled_are_the_same_units(
    exposures: list[Exposed],
    events: list[Event],
    measure: Measure,
    now: datetime,
    chance: object,
) -> None:
    twice, told = exposures * 2, events * 2
    chance.shuffle(twice)  # type: ignore[attr-defined]  # hypothesis hands out a Random
    chance.shuffle(told)  # type: ignore[attr-defined]
    assert (
        count(twice, told, measure, now=now).rows()
        == count(exposures, events, measure, now=now).rows()
    )


@given(EXPOSURES, EVENTS, MEASURES, HOURS)
def test_each_unit_counts_once(
    exposures: list[Exposed], events: list[Event], measure: Measure, now: datetime
) -> None:
    counted = sum(row.times for row in count(exposures, events, measure, now=now).rows())
    assert counted <= len({one.unit for one in exposures if one.at <= now})


@given(EXPOSURES, EVENTS, MEASURES, HOURS, HOURS)
def test_what_was_counted_never_changes_but_from_nothing(
    exposures: list[Exposed], events: list[Event], measure: Measure, one: datetime, two: datetime
) -> None:
    """Bets are fair only if an outcome that has entered stays as it is."""
    early, late = sorted([one, two])
    for unit in {one.unit for one in exposures}:
        mine = [one for one in exposures if one.unit == unit]
        before = count(mine, events, measure, now=early).with_outcome().rows()
        after = count(mine, events, measure, now=late).with_outcome().rows()
        assert before in ([], after)


def test_a_unit_that_a_ramp_moved_keeps_the_arm_and_the_odds_of_its_first_exposure() -> None:
    seen = [Exposed("ana", NOON + DAY, True, 0.5), Exposed("ana", NOON, False, 0.1)]
    bought = [Event("ana", NOON + 2 * DAY, "order")]
    units = count(seen, bought, WEEK, now=NOON + 3 * DAY)
    assert units.rows() == [Unit(candidate=False, probability=0.1, outcome=1.0)]


def test_events_before_the_exposure_and_after_the_window_do_not_count() -> None:
    seen = [Exposed("ana", NOON, True, 0.5)]
    outside = [Event("ana", NOON - DAY, "early"), Event("ana", NOON + 7 * DAY, "late")]
    stranger = [Event("ben", NOON, "order")]
    units = count(seen, outside + stranger, WEEK, now=NOON + 9 * DAY)
    assert units.rows() == [Unit(candidate=True, probability=0.5, outcome=0.0)]


def test_an_amount_enters_when_its_window_has_closed_and_as_a_whole() -> None:
    seen = [Exposed("ana", NOON, True, 0.5), Exposed("ben", NOON + DAY, False, 0.5)]
    spent = [Event("ana", NOON, "one", 20.0), Event("ana", NOON + DAY, "two", 30.0)]
    assert count(seen, spent, SPENT, now=NOON + 6 * DAY).rows() == []
    units = count(seen, spent, SPENT, now=NOON + 7 * DAY)
    assert units.rows() == [Unit(candidate=True, probability=0.5, outcome=0.5)]


def test_a_refund_of_all_is_no_amount_but_undoes_no_purchase() -> None:
    """What happened entered when it did, and a bet was made on it."""
    seen = [Exposed("ana", NOON, True, 0.5)]
    back = [Event("ana", NOON, "order", 20.0), Event("ana", NOON + DAY, "refund", -25.0)]
    for measure, outcome in ((WEEK, 1.0), (SPENT, 0.0)):
        units = count(seen, back, measure, now=NOON + 8 * DAY)
        assert units.rows() == [Unit(candidate=True, probability=0.5, outcome=outcome)]
    only_back = count(seen, back[1:], WEEK, now=NOON + 8 * DAY)
    assert only_back.rows() == [Unit(candidate=True, probability=0.5, outcome=0.0)]
