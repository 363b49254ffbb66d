"""From evidence to a verdict, with a sentence that a product manager can read.

The rules, in this order; the first that applies decides:

1. **hold** when units were not split as planned: then nothing else may be read.
2. **roll back** when the guardrails that ask for it show harm, all of them together at one
   risk: at most ``alpha`` of the candidates that are as good are ever rolled back. It needs
   no minimum of traffic, for evidence is right at any number of units.
3. **hold** when a guardrail that asks for it is hurt, when the numbers cannot be complete,
   when nothing is measured, or when too little was seen. No data is never success.
4. **promote-ready** when enough days have passed and each guardrail that says what may be lost
   has shown that less is, but for those that are only observed.
5. **continue** otherwise: nothing speaks against the candidate, and not enough for it.

The verdict is a value. Whoever acts on it (the guard) does so once: evidence that went back
below its mark later brings nothing back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ketch.rollout.evidence import Evidence, Reading
from ketch.rollout.sentences import hurt, mismatch, ready, waiting
from ketch.rollout.stats import cause, e_value, log_e_any, missing
from ketch.rollout.terms import Action, Reaction, Terms

__all__ = ["Action", "Verdict", "decide"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a candidate, and why.

    Attributes:
        action: What to do.
        sentence: Why, for people.
        cause: The guardrail that decided; None where none did.
        e_value: The evidence of harm that the guardrails show together, those that roll back.
        p_value: One over it, at most 1: how often chance alone ever shows as much.
        judged: When it was recorded, where it outlasts later evidence; None for that of now.
    """

    action: Action
    sentence: str
    cause: str | None
    e_value: float
    p_value: float
    judged: datetime | None = None


def decide(evidence: Evidence, terms: Terms | None = None) -> Verdict:
    """Return the verdict on a candidate; the caller carries it out and records it.

    Accuracy: wrong rollbacks at most ``alpha``, wrong promotions at most ``beta``, over the
    whole rollout, however often it is asked. Source: :mod:`ketch.rollout.stats.betting`,
    :mod:`ketch.rollout.stats.combining`.

    >>> from ketch.rollout.evidence import read
    >>> from ketch.rollout.stats import Unit, Units
    >>> from ketch.rollout.terms import Exposure, Guardrail
    >>> bought = [Unit(False, 0.5, 1, 80), Unit(True, 0.5, 1, 40)]
    >>> left = [Unit(False, 0.5, 0, 620), Unit(True, 0.5, 0, 660)]
    >>> reading = read(Guardrail("conversion", "lower"), Units.of(bought + left))
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
        return Action.HOLD, mismatch(evidence.log_e_srm), None
    enough = math.log(1 / terms.alpha)
    for reaction, action, said in (
        (Reaction.ROLL_BACK, Action.ROLL_BACK, "Roll back"),
        (Reaction.HOLD, Action.HOLD, "Hold"),
    ):
        harm = evidence.harm(reaction)
        if log_e_any(harm) >= enough:
            worst = cause(harm)
            return action, hurt(said, evidence, worst, log_e_any(harm)), worst
    if holds := _holds(evidence, terms):
        return Action.HOLD, f"Hold: {'; '.join(holds)}.", None
    return _progress(evidence, terms)


def _holds(evidence: Evidence, terms: Terms) -> list[str]:
    """Return why nothing can be said yet."""
    if not _required(evidence):
        return ["no guardrail says what a promotion may lose, so nothing can show that it is good"]
    any_time = replace(terms.minimum, lasted=timedelta(0))
    return [*evidence.problems, *missing(evidence.seen, any_time)]


def _progress(evidence: Evidence, terms: Terms) -> tuple[Action, str, str | None]:
    required = _required(evidence)
    open_ = [one for one in required if _proof(one) < math.log(1 / terms.beta)]
    early = missing(evidence.seen, terms.minimum)
    if not open_ and not early:
        return Action.PROMOTE_READY, ready(evidence, required), None
    waits = [waiting(one) for one in open_]
    worst = min(open_, key=_proof).guardrail.metric if open_ else None
    reasons = "; ".join([*early, *waits])
    return Action.CONTINUE, f"Continue: nothing speaks against it so far; {reasons}.", worst


def _required(evidence: Evidence) -> list[Reading]:
    """Return the readings that promotion waits for."""
    return [
        one
        for one in evidence.readings
        if one.guardrail.reaction is not Reaction.OBSERVE and one.log_e_safe is not None
    ]


def _proof(reading: Reading) -> float:
    return -math.inf if reading.log_e_safe is None else reading.log_e_safe
