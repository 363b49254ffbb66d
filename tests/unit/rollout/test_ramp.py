from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ketch.rollout.ramp import next_share
from ketch.rollout.terms import Action, Exposure, Ramp

DAY = timedelta(days=1)
RAMP = Ramp((10_000, 50_000, 100_000, 250_000, 500_000))
PLENTY = Exposure(units=10**6, lasted=timedelta(days=365))
GOING_WELL = (Action.CONTINUE, Action.PROMOTE_READY)

ramps = st.builds(
    Ramp,
    st.lists(st.integers(1, 1_000_000), min_size=1, max_size=8, unique=True).map(
        lambda shares: tuple(sorted(shares))
    ),
    st.timedeltas(timedelta(seconds=1), timedelta(days=30)),
)
shares = st.integers(0, 1_000_000)
exposures = st.builds(
    Exposure,
    units=st.integers(0, 5_000),
    lasted=st.timedeltas(timedelta(0), timedelta(days=60)),
)


@given(ramps, shares, st.sampled_from(Action), exposures, exposures)
def test_a_ramp_only_ever_grows_by_one_step_and_never_beyond_its_last(
    ramp: Ramp, share: int, action: Action, seen: Exposure, minimum: Exposure
) -> None:
    found = next_share(ramp, share, action, seen, minimum)

    if found is not None:
        assert found in ramp.shares
        assert found > share
        assert not any(share < step < found for step in ramp.shares)


@given(ramps, shares, st.sampled_from(Action), exposures, exposures)
def test_it_grows_only_when_it_went_well_for_long_enough_with_enough_units(
    ramp: Ramp, share: int, action: Action, seen: Exposure, minimum: Exposure
) -> None:
    if next_share(ramp, share, action, seen, minimum) is not None:
        assert action in GOING_WELL
        assert seen.lasted >= ramp.step
        assert seen.units >= max(1, minimum.units / len(ramp.shares))


@given(ramps, st.sampled_from(GOING_WELL), exposures)
def test_with_all_it_asks_for_it_climbs_every_step_and_stays_on_the_last(
    ramp: Ramp, action: Action, minimum: Exposure
) -> None:
    climbed = [0]
    while (step := next_share(ramp, climbed[-1], action, PLENTY, minimum)) is not None:
        climbed.append(step)

    assert tuple(climbed[1:]) == ramp.shares


def test_no_unit_is_never_enough_not_even_where_no_minimum_is_asked_for() -> None:
    seen = Exposure(units=0, lasted=timedelta(days=99))

    assert next_share(RAMP, 10_000, Action.PROMOTE_READY, seen, Exposure()) is None


def test_a_share_that_somebody_chose_between_two_steps_grows_to_the_next() -> None:
    assert next_share(RAMP, 70_000, Action.CONTINUE, PLENTY, Exposure(units=1_000)) == 100_000
