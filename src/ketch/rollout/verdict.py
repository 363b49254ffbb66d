"""From evidence to a verdict, with a sentence that a product manager can read.

The rules, in this order; the first that applies decides:

1. **hold** when units were not split as planned: then nothing else may be read.
2. **roll back** when the guardrails that ask for it show harm, all of them together at one
   risk: at most ``alpha`` of the candidates that are as good are ever rolled back. It needs
   no minimum of traffic, for evidence is right at any number of units.
3. **hold** when a guardrail that asks for it is hurt, when the numbers cannot be complete,
   when nothing is measured, or when too little was seen. No data is never success.
4. **promote-ready** when enough days have passed and each guardrail has shown that it loses
   less than is tolerated, but for those that are only observed.
5. **continue** otherwise: nothing speaks against the candidate, and not enough for it.

The verdict is a value. Whoever acts on it (the guard) does so once: evidence that went back
below its mark later brings nothing back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from ketch.rollout.evidence import Evidence, Reaction, Reading
from ketch.rollout.stats import MINIMUM, Exposure, cause, e_value, log_e_any, missing
from ketch.rollout.stats.srm import ALARM


class Action(StrEnum):
    """What a verdict asks for."""

    CONTINUE = "continue"
    PROMOTE_READY = "promote-ready"
    ROLL_BACK = "roll-back"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Terms:
    """The risks and minimums of a rollout, frozen before it starts.

    Attributes:
        alpha: The risk that a candidate that is as good is ever rolled back.
        beta: The risk that one that loses more than is tolerated is ever promote-ready.
        srm_alarm: The e-value from which on a split counts as wrong.
        minimum: What must have been seen before a candidate is promote-ready.
    """

    alpha: float = 0.05
    beta: float = 0.05
    srm_alarm: float = ALARM
    minimum: Exposure = MINIMUM

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or not 0 < self.beta < 1 or self.srm_alarm < 1:
            raise ValueError(f"expected risks between 0 and 1 and an alarm above, found {self}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a candidate, and why.

    Attributes:
        action: What to do.
        sentence: Why, for people.
        cause: The guardrail that decided; None where none did.
        e_value: The evidence of harm that the guardrails show together, those that roll back.
        p_value: One over it, at most 1: how often chance alone ever shows as much.
    """

    action: Action
    sentence: str
    cause: str | None
    e_value: float
    p_value: float


def decide(evidence: Evidence, terms: Terms | None = None) -> Verdict:
    """Return the verdict on a candidate; the caller carries it out and records it.

    Accuracy: wrong rollbacks at most ``alpha``, wrong promotions at most ``beta``, over the
    whole rollout, however often it is asked. Source: :mod:`ketch.rollout.stats.betting`,
    :mod:`ketch.rollout.stats.combining`.

    >>> from ketch.rollout.evidence import Guardrail, read
    >>> from ketch.rollout.stats import Unit, Units
    >>> bought = Units.of([Unit(False, 0.5, 1, 80), Unit(True, 0.5, 1, 40)])
    >>> reading = read(Guardrail("conversion", "lower"), bought)
    >>> verdict = decide(Evidence((reading,), 0.0, Exposure(units=1_400)))
    >>> print(verdict.sentence.split(" (")[0])
    Roll back: conversion is 50 % lower than in prod
    """
    terms = terms or Terms()
    harm = evidence.harm(Reaction.ROLL_BACK)
    together = log_e_any(harm)
    action, sentence, why = _ruling(evidence, terms)
    return Verdict(action, sentence, why, e_value(together), math.exp(-max(0.0, together)))


def _ruling(evidence: Evidence, terms: Terms) -> tuple[Action, str, str | None]:
    if evidence.log_e_srm >= math.log(terms.srm_alarm):
        return Action.HOLD, _mismatch(evidence.log_e_srm), None
    enough = math.log(1 / terms.alpha)
    for reaction, action, said in (
        (Reaction.ROLL_BACK, Action.ROLL_BACK, "Roll back"),
        (Reaction.HOLD, Action.HOLD, "Hold"),
    ):
        harm = evidence.harm(reaction)
        if log_e_any(harm) >= enough:
            worst = cause(harm)
            return action, _hurt(said, evidence, worst, log_e_any(harm)), worst
    if holds := _holds(evidence, terms):
        return Action.HOLD, f"Hold: {'; '.join(holds)}.", None
    return _progress(evidence, terms)


def _holds(evidence: Evidence, terms: Terms) -> list[str]:
    """Return why nothing can be said yet."""
    if not _required(evidence):
        return ["no guardrail is measured, and no data is never success"]
    any_time = replace(terms.minimum, lasted=timedelta(0))
    return [*evidence.problems, *missing(evidence.seen, any_time)]


def _progress(evidence: Evidence, terms: Terms) -> tuple[Action, str, str | None]:
    required = _required(evidence)
    open_ = [one for one in required if one.log_e_safe < math.log(1 / terms.beta)]
    early = missing(evidence.seen, terms.minimum)
    if not open_ and not early:
        return Action.PROMOTE_READY, _ready(evidence, required), None
    waits = [
        f"that {one.guardrail.metric} is worse by more than {_percent(one.guardrail.tolerated)} "
        f"is not ruled out yet ({_range(one)})"
        for one in open_
    ]
    worst = min(open_, key=lambda one: one.log_e_safe).guardrail.metric if open_ else None
    reasons = "; ".join([*early, *waits])
    return Action.CONTINUE, f"Continue: nothing speaks against it so far; {reasons}.", worst


def _required(evidence: Evidence) -> list[Reading]:
    return [one for one in evidence.readings if one.guardrail.reaction is not Reaction.OBSERVE]


def _mismatch(log_e: float) -> str:
    return (
        "Hold: units were not split as planned, so the arms cannot be compared; by chance "
        f"{_one_in(log_e)} rollouts would ever look like this. Look for units that are lost "
        "or counted twice in one of the arms."
    )


def _hurt(said: str, evidence: Evidence, metric: str | None, log_e: float) -> str:
    worst = next(one for one in evidence.readings if one.guardrail.metric == metric)
    return (
        f"{said}: {_compared(worst, evidence.against)}. If the candidate were as good, "
        f"{_one_in(log_e)} rollouts would ever look like this."
    )


def _ready(evidence: Evidence, required: list[Reading]) -> str:
    ruled_out = ", ".join(
        f"{one.guardrail.metric} worse by {_percent(one.guardrail.tolerated)}" for one in required
    )
    compared = "; ".join(_compared(one, evidence.against) for one in required)
    days = evidence.seen.lasted / timedelta(days=1)
    return (
        f"Ready to promote: {compared}. After {days:.0f} days and {evidence.seen.units:,} units "
        f"with the candidate, this is ruled out: {ruled_out}."
    )


def _compared(reading: Reading, against: str) -> str:
    """Return how a measure differs, in words."""
    metric, seen = reading.guardrail.metric, reading.lift
    if seen.estimate is None:
        return f"{metric} is above nothing, which is what {against} has ({_range(reading)})"
    if _percent(seen.estimate) == _percent(0):
        return f"{metric} is the same as in {against} ({_range(reading)})"
    return f"{metric} is {_signed(seen.estimate)} than in {against} ({_range(reading)})"


def _range(reading: Reading) -> str:
    """Return the interval of a lift in words."""
    low, high = reading.lift.low, reading.lift.high
    if high is None:
        return "how much is not known yet" if low <= -1 else f"at least {_signed(low)}"
    if low <= -1:
        return f"at most {_signed(high)}"
    if (low < 0) == (high < 0):
        return f"between {_percent(low)} and {_signed(high)}"
    return f"between {_signed(low)} and {_signed(high)}"


def _signed(lift: float) -> str:
    return f"{_percent(lift)} {'lower' if lift < 0 else 'higher'}"


def _percent(part: float) -> str:
    """Return two digits of a part, in percent.

    >>> _percent(-0.214), _percent(0.0213), _percent(12.5)
    ('21 %', '2.1 %', '1,250 %')
    """
    percent = abs(part) * 100
    return f"{percent:,.0f} %" if percent >= 9.95 else f"{percent:.1f} %"


def _one_in(log_e: float) -> str:
    """Return how rare evidence is, in words that hold: rounded down.

    >>> _one_in(5.17), _one_in(50)
    ('fewer than 1 in 175', 'fewer than 1 in a million')
    """
    rarity = e_value(log_e)
    return f"fewer than 1 in {'a million' if rarity >= 1e6 else f'{int(rarity):,}'}"
