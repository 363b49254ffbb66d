from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.rollout.evidence import Evidence, Reading, read
from ketch.rollout.stats import Lift, Unit, Units
from ketch.rollout.terms import Exposure, Guardrail, Reaction, Terms
from ketch.rollout.verdict import Action, decide

CONVERSION = Guardrail("conversion", "lower", tolerated=0.1)
ERRORS = Guardrail("error rate", "higher", tolerated=0.5)
WEEK = timedelta(days=7)
PLENTY = Exposure(30_000, 30_000, 2_000, WEEK)
KNOWN = Lift(0.0, -0.1, 0.1, 0.95)


def reading(guardrail: Guardrail, harm: float = 0.0, safe: float = 0.0) -> Reading:
    """Return what a guardrail says, with e-values as told."""
    harmed, proved = (math.log(e) if e else 0.0 for e in (harm, safe))
    return Reading(guardrail, harmed, proved, KNOWN)


def evidence(
    *readings: Reading, seen: Exposure = PLENTY, srm: float = 1.0, problems: tuple[str, ...] = ()
) -> Evidence:
    return Evidence(readings, math.log(srm), seen, problems=problems)


def bought(theirs: int, mine: int, units: int = 30_000) -> Units:
    arms = ((False, theirs), (True, mine))
    return Units.of(
        row
        for arm, number in arms
        for row in (Unit(arm, 0.5, 1, number), Unit(arm, 0.5, 0, units - number))
    )


def test_a_drop_is_rolled_back_and_said_in_a_sentence() -> None:
    verdict = decide(evidence(read(CONVERSION, bought(900, 700))))
    assert (verdict.action, verdict.cause) == (Action.ROLL_BACK, "conversion")
    assert verdict.sentence == (
        "Roll back: conversion is 22 % lower than in prod (between 34 % and 8.0 % lower). "
        "If the candidate were as good, fewer than 1 in 33,123 rollouts would ever look like this."
    )
    assert verdict.p_value == pytest.approx(1 / verdict.e_value)


def test_a_candidate_that_loses_less_than_is_tolerated_is_ready() -> None:
    errors = Units.of([Unit(False, 0.5, 1, 400), Unit(True, 0.5, 1, 390)])
    verdict = decide(evidence(read(CONVERSION, bought(1_900, 2_000)), read(ERRORS, errors)))
    assert (verdict.action, verdict.cause) == (Action.PROMOTE_READY, None)
    assert verdict.sentence.startswith("Ready to promote: conversion is 5.3 % higher than in prod")
    assert verdict.sentence.endswith(
        "After 7 days and 30,000 units with the candidate, this is ruled out: "
        "conversion worse by 10 %, error rate worse by 50 %."
    )


def test_without_an_answer_yet_it_goes_on_and_says_what_is_open() -> None:
    verdict = decide(evidence(read(CONVERSION, bought(900, 890))))
    assert (verdict.action, verdict.cause) == (Action.CONTINUE, "conversion")
    assert verdict.sentence == (
        "Continue: nothing speaks against it so far; that conversion is worse by more than 10 % "
        "is not ruled out yet (between 16 % lower and 16 % higher)."
    )


def test_ready_but_early_it_goes_on() -> None:
    early = replace(PLENTY, lasted=timedelta(days=2))
    verdict = decide(evidence(reading(CONVERSION, safe=25), seen=early))
    assert verdict.action is Action.CONTINUE
    assert "2.0 of 7.0 days have passed" in verdict.sentence


def test_a_wrong_split_holds_before_anything_is_read() -> None:
    verdict = decide(evidence(reading(CONVERSION, harm=1e6), srm=1_000))
    assert (verdict.action, verdict.cause) == (Action.HOLD, None)
    assert "not split as planned" in verdict.sentence
    assert decide(evidence(reading(CONVERSION, harm=1e6), srm=999)).action is Action.ROLL_BACK


@pytest.mark.parametrize("units", [0, 999])
def test_little_traffic_holds_and_is_never_success(units: int) -> None:
    few = replace(PLENTY, units=units)
    verdict = decide(evidence(reading(CONVERSION, safe=1e6), seen=few))
    assert verdict.action is Action.HOLD
    assert verdict.sentence == f"Hold: {units} of 1,000 units have the candidate."


def test_no_outcomes_hold_and_are_never_success() -> None:
    nothing = Units.of([Unit(arm, 0.5, 0, 30_000) for arm in (False, True)])
    seen = replace(PLENTY, outcomes=0)
    verdict = decide(evidence(read(CONVERSION, nothing), seen=seen))
    assert verdict.action is Action.HOLD
    assert verdict.sentence == "Hold: 0 of 50 outcomes have arrived."


@pytest.mark.parametrize("readings", [(), (reading(replace(ERRORS, reaction=Reaction.OBSERVE)),)])
def test_nothing_measured_holds(readings: tuple[Reading, ...]) -> None:
    verdict = decide(evidence(*readings))
    assert verdict.action is Action.HOLD
    assert "no guardrail says what a promotion may lose" in verdict.sentence


def test_harm_needs_no_minimum_of_traffic() -> None:
    failing = Units.of([Unit(True, 0.1, 1, 4), Unit(False, 0.1, 0, 30)])
    verdict = decide(evidence(read(ERRORS, failing), seen=Exposure(units=4)))
    assert (verdict.action, verdict.cause) == (Action.ROLL_BACK, "error rate")
    assert "error rate: some with the candidate, none in prod" in verdict.sentence


def test_numbers_that_cannot_be_complete_hold_but_harm_still_rolls_back() -> None:
    late = ("the decision log is 4 minutes behind",)
    verdict = decide(evidence(reading(CONVERSION, safe=1e6), problems=late))
    assert verdict.sentence == "Hold: the decision log is 4 minutes behind."
    harmed = decide(evidence(reading(CONVERSION, harm=25), problems=late))
    assert harmed.action is Action.ROLL_BACK


def test_a_guardrail_that_holds_holds_and_one_that_observes_does_nothing() -> None:
    holding = replace(ERRORS, reaction=Reaction.HOLD)
    assert decide(evidence(reading(holding, harm=25))).action is Action.HOLD
    observing = replace(ERRORS, reaction=Reaction.OBSERVE)
    ready = decide(evidence(reading(observing, harm=1e6), reading(CONVERSION, safe=25)))
    assert ready.action is Action.PROMOTE_READY
    assert ready.p_value == 1


def test_two_guardrails_share_one_risk() -> None:
    alone, both = reading(CONVERSION, harm=25), reading(ERRORS, harm=0.01)
    assert decide(evidence(alone)).action is Action.ROLL_BACK
    assert decide(evidence(alone, both)).action is Action.CONTINUE
    assert decide(evidence(replace(alone, log_e_harm=math.log(41)), both)).cause == "conversion"


def test_the_risks_are_those_of_the_terms() -> None:
    harmed = evidence(reading(CONVERSION, harm=25, safe=25))
    assert decide(harmed, Terms(alpha=0.01)).action is Action.PROMOTE_READY
    assert decide(harmed, Terms(alpha=0.01, beta=0.01)).action is Action.CONTINUE
    with pytest.raises(ValueError, match="expected risks between 0 and 1"):
        Terms(alpha=0)
    with pytest.raises(ValueError, match="expected a margin of 0 to 1"):
        Guardrail("conversion", "lower", tolerated=0)


ES = st.floats(0.001, 1e9)
LIFTS = st.builds(
    Lift,
    st.none() | st.floats(-1, 100),
    st.floats(-1, 5),
    st.none() | st.floats(-1, 1e5),
    st.just(0.95),
)
READINGS = st.lists(
    st.builds(
        Reading,
        st.builds(
            Guardrail,
            st.sampled_from(["conversion", "revenue", "error rate", "slow answers"]),
            st.sampled_from(["lower", "higher"]),
            reaction=st.sampled_from(Reaction),
        ),
        ES.map(math.log),
        ES.map(math.log),
        LIFTS,
    ),
    unique_by=lambda one: one.guardrail.metric,
    max_size=4,
)
SEEN = st.builds(
    Exposure,
    st.integers(0, 5_000),
    st.integers(0, 5_000),
    st.integers(0, 200),
    st.timedeltas(timedelta(0), 2 * WEEK),
)


@given(READINGS, ES, SEEN)
def test_every_verdict_is_a_sentence_and_success_is_never_without_proof(
    readings: list[Reading], srm: float, seen: Exposure
) -> None:
    verdict = decide(evidence(*readings, seen=seen, srm=srm))
    opening = {
        Action.CONTINUE: "Continue: ",
        Action.PROMOTE_READY: "Ready to promote: ",
        Action.ROLL_BACK: "Roll back: ",
        Action.HOLD: "Hold: ",
    }
    assert verdict.sentence.startswith(opening[verdict.action])
    assert verdict.sentence.endswith(".")
    assert "None" not in verdict.sentence
    assert 0 <= verdict.p_value <= 1
    if verdict.action is Action.PROMOTE_READY:
        required = [one for one in readings if one.guardrail.reaction is not Reaction.OBSERVE]
        proofs = [one.log_e_safe for one in required if one.log_e_safe is not None]
        assert proofs
        assert min(proofs) >= math.log(20)
        assert seen.units >= 1_000
        assert seen.lasted >= WEEK
    if verdict.action is Action.ROLL_BACK:
        assert verdict.p_value <= 0.05


@given(READINGS, SEEN, st.randoms(use_true_random=False))
def test_the_order_of_guardrails_decides_nothing(
    readings: list[Reading], seen: Exposure, chance: object
) -> None:
    mixed = list(readings)
    chance.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis hands out a Random
    one, other = (decide(evidence(*each, seen=seen)) for each in (readings, mixed))
    assert one.action is other.action
    assert one.e_value == pytest.approx(other.e_value, rel=1e-9)


def verdicts(lift: float, runs: int = 120) -> list[Action]:
    """Return how simulated rollouts end that are asked each day, and obeyed."""
    draw = np.random.default_rng(9)
    return [ends(lift, draw.binomial) for _ in range(runs)]


def ends(lift: float, binomial: Callable[[int, float], int]) -> Action:
    """Return the end of a rollout of half the traffic, 6,000 units a day, of 60 days."""
    theirs = mine = 0
    for day in range(1, 61):
        theirs += binomial(3_000, 0.03)
        mine += binomial(3_000, 0.03 * (1 + lift))
        seen = Exposure(3_000 * day, 3_000 * day, theirs + mine, timedelta(days=day))
        action = decide(evidence(read(CONVERSION, bought(theirs, mine, 3_000 * day)), seen=seen))
        if action.action in {Action.ROLL_BACK, Action.PROMOTE_READY}:
            return action.action
    return Action.CONTINUE


def test_rollouts_of_good_candidates_end_in_prod_and_of_bad_ones_in_a_rollback() -> None:
    good = verdicts(0.05)
    assert good.count(Action.ROLL_BACK) <= 0.05 * len(good)
    assert good.count(Action.PROMOTE_READY) > 0.9 * len(good)
    bad = verdicts(-0.2)
    assert bad.count(Action.PROMOTE_READY) == 0
    assert bad.count(Action.ROLL_BACK) > 0.9 * len(bad)


def test_what_hardly_ever_happens_keeps_nobody_from_being_promoted() -> None:
    """Without an error in either arm nothing proves that errors are no more frequent."""
    errors = read(Guardrail("errors", "higher", None), bought(0, 0, 30_000))
    sold = read(CONVERSION, bought(2_000, 2_400, 30_000))
    assert errors.log_e_safe is None
    assert decide(evidence(sold, errors)).action is Action.PROMOTE_READY
    assert decide(evidence(errors)).action is Action.HOLD
