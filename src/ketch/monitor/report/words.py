"""Figures of a report in words, the same on the screen and on the page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

from ketch.monitor.estimates import EstimateSeries
from ketch.monitor.metrics import RouteMetrics
from ketch.monitor.rollouts.report import (
    ArmReport,
    GuardrailReport,
    Rate,
    RolloutReport,
    Trial,
)
from ketch.monitor.shadow import MOST, ShadowReport
from ketch.rollout.evidence import Reading
from ketch.rollout.sentences import percent
from ketch.rollout.stats import Lift, e_value, missing
from ketch.rollout.stats.srm import ALARM
from ketch.rollout.terms import Action, Exposure, Guardrail

UNKNOWN = "not known"

VERDICTS = {
    Action.CONTINUE: "continue",
    Action.PROMOTE_READY: "ready to promote",
    Action.ROLL_BACK: "roll back",
    Action.HOLD: "hold",
}


def sentence(of: RolloutReport) -> str:
    """Return what there is to say of a route; of a rollout that is over, first how it ended."""
    trial = of.rollout
    if trial is None:
        return of.sentence
    if trial.ended is None:
        judged = trial.verdict.judged
        then = "" if judged is None else f" So it was at {stamp(judged)}; below is how it is now."
        return f"{of.sentence}{then}"
    ended = f"Ended: {(trial.outcome_of or '').rstrip('.')}."
    why = of.sentence
    return ended if why.rstrip(".") in ended else f"{ended} Its evidence says: {why}"


def change(part: float | None) -> str:
    """Return by how much something differs: ``change(-0.031) == "-3.1 %"``."""
    return UNKNOWN if part is None else f"{'-' if part < 0 else '+'}{percent(part)}"


def changed(guardrail: GuardrailReport) -> str:
    """Return by how much a guardrail differs, or that neither arm has any of it."""
    estimate = guardrail.reading.lift.estimate
    return "none yet" if estimate is None and guardrail.fixed.difference == 0 else change(estimate)


def between(lift: Lift) -> str:
    """Return what a lift lies between, as far as that is known."""
    low, high = lift.low, lift.high
    if high is None:
        return UNKNOWN if low <= -1 else f"at least {change(low)}"
    return f"at most {change(high)}" if low <= -1 else f"{change(low)} to {change(high)}"


def figure(value: float | None, kind: str) -> str:
    """Return the rate of an arm, or the mean count or amount of its units.

    >>> figure(0.03012, "happened"), figure(12.3456, "amount"), figure(None, "count")
    ('3.01 %', '12.35', '-')
    """
    if value is None:
        return "-"
    return f"{value * 100:.3g} %" if kind == "happened" else f"{value:,.2f}"


def span(rate: Rate, kind: str) -> str:
    """Return what the rate of an arm lies between; nothing where that is not known."""
    if rate.interval is None:
        return ""
    low, high = (figure(one, kind) for one in rate.interval)
    return f"{low} to {high}"


def kind_of(trial: Trial | None) -> str:
    """Return what the measure that decides counts."""
    return "happened" if trial is None or trial.primary is None else trial.primary.measure.kind


def evidence(log_e: float) -> str:
    """Return an e-value: ``evidence(math.log(20)) == "20"``.

    >>> evidence(-math.inf), evidence(-1), evidence(8)
    ('0.00', '0.37', '2,981')
    """
    value = e_value(log_e)
    if value >= 1e6:
        return "over a million"
    return f"{value:.2f}" if value < 10 else f"{value + 1e-9:,.0f}"


def proof(reading: Reading) -> str:
    """Return the evidence that no more is lost than is tolerated."""
    return "not asked" if reading.log_e_safe is None else evidence(reading.log_e_safe)


def split(log_e: float) -> str:
    """Return whether units were split as planned, and how sure that is."""
    said = evidence(log_e)
    if log_e >= math.log(ALARM):
        return f"NOT as planned: evidence {said}, and {ALARM:,.0f} is the alarm"
    return f"as planned, as far as is known: evidence {said}, and {ALARM:,.0f} is the alarm"


def seen(trial: Trial) -> str:
    """Return how much was seen of what promotion waits for."""
    have, need = trial.seen, trial.minimum
    day = timedelta(days=1)
    told = (
        f"{have.units:,} of {need.units:,} units with the candidate, {have.baseline_units:,} of "
        f"{need.baseline_units:,} without, {have.outcomes:,} of {need.outcomes:,} outcomes, "
        f"{have.lasted / day:.1f} of {need.lasted / day:.1f} days"
    )
    return f"{'enough' if is_enough(have, need) else 'not enough yet'}: {told}"


def is_enough(have: Exposure, need: Exposure) -> bool:
    """Whether as much was seen as promotion waits for."""
    return not missing(have, need)


def asks(guardrail: Guardrail) -> str:
    """Return what a guardrail is, in words."""
    worse = f"{guardrail.worse} is worse"
    margin = f" by more than {percent(guardrail.margin)}" if guardrail.margin else ""
    limit = "" if guardrail.limit_ms is None else f", above {guardrail.limit_ms:g} ms"
    return f"{worse}{margin}{limit}"


def period(trial: Trial, now: datetime) -> str:
    """Return since when a rollout lasts, or from when until when it did."""
    if trial.ended is None:
        return f"since {stamp(trial.began)} ({lasted(trial.began, now)})"
    ends = f"{stamp(trial.began)} to {stamp(trial.ended)}"
    return f"{ends} ({lasted(trial.began, trial.ended)})"


def lasted(began: datetime, until: datetime) -> str:
    """Return how long something lasted, such as ``4.2 days``."""
    span_ = max(until - began, timedelta(0))
    if span_ < timedelta(minutes=1):
        return "less than a minute"
    if span_ < timedelta(hours=1):
        minutes = round(span_ / timedelta(minutes=1))
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    if span_ < timedelta(days=2):
        return f"{span_ / timedelta(hours=1):.1f} hours"
    return f"{span_ / timedelta(days=1):.1f} days"


def stamp(at: datetime) -> str:
    """Return a time to the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def axis(part: float) -> str:
    """Return a relative change on an axis: ``axis(-0.2) == "-20 %"``."""
    return "0" if part == 0 else f"{part * 100:+.3g} %"


def part(of: float) -> str:
    """Return a part of all: ``part(0.034) == "3.4 %"``."""
    return f"{of * 100:.3g} %"


def count(number: float) -> str:
    """Return a whole number."""
    return f"{number:,.0f}"


def short(number: float) -> str:
    """Return a number as exactly as it matters."""
    return f"{number:.4g}"


def share(arm: ArmReport) -> str:
    """Return the share of an arm: ``10 %``."""
    return f"{arm.share * 100:.4f}".rstrip("0").rstrip(".") + " %"


def agreed(shadow: ShadowReport) -> str:
    """Return how many copies agree with the answers that callers got."""
    if shadow.identical_share is None:
        return f"{shadow.copies:,} copies, none of which can be compared"
    part = f"{shadow.identical:,} of {shadow.compared:,} copies"
    latest = "" if shadow.compared < MOST else f"; these are the latest of {shadow.copies:,}"
    return f"{shadow.identical_share * 100:.4g} % alike: {part} agree in every field{latest}"


def no_copies(shadow: ShadowReport) -> str:
    """Return that there are no copies, and since when there are none."""
    since = "" if shadow.since is None else f" since {stamp(shadow.since)}"
    return f"no copy of a live request was recorded{since}"


def remarks(shadow: ShadowReport) -> Iterator[str]:
    """Yield what else there is to say of copies."""
    if shadow.failed:
        codes = ", ".join(f"{code} {count:,}" for code, count in shadow.errors)
        part = f"{shadow.failed / shadow.copies * 100:.3g} %"
        yield f"{shadow.failed:,} of {shadow.copies:,} copies failed ({part}): {codes}"
    if shadow.not_copied:
        noun = "answer" if shadow.not_copied == 1 else "answers"
        yield f"{shadow.not_copied:,} {noun} meanwhile without a copy"
    if shadow.live is not None and shadow.copy is not None:
        live, copy = shadow.live, shadow.copy
        yield (
            f"of the same requests, half took at most {live.median_ms:.3g} ms live and "
            f"{copy.median_ms:.3g} ms as a copy, 95 % at most {live.p95_ms:.3g} and "
            f"{copy.p95_ms:.3g} ms"
        )
    for names, who in (
        (shadow.only_live, "only callers got"),
        (shadow.only_copy, "only copies have"),
    ):
        if names:
            yield f"{who} {', '.join(names)}"


def happened(of: RolloutReport, metrics: RouteMetrics) -> tuple[str, ...]:
    """Return the names of the outcomes that say what came of answers.

    Those that only say what was right are left out; what a guardrail watches never is.
    """
    names = dict.fromkeys(name for one in metrics.business for name in one.whole.outcomes)
    watched = {of.primary, *(name for arm in of.arms for name in arm.rates)}
    right = {one.metric.outcome for one in metrics.model} - watched
    return tuple(name for name in names if name not in right)


def answerer(package: str, is_shadow: bool) -> str:  # noqa: FBT001 - a fact
    """Return a package, and whether its answers are those of a shadow."""
    return f"{package} (shadow)" if is_shadow else package


def within(low: float | None, high: float | None) -> str:
    """Return what a number lies between; nothing where that is not known."""
    return "" if low is None or high is None else f"{short(low)} to {short(high)}"


def held(one: EstimateSeries) -> str:
    """Return how often what was realised lay where it was expected."""
    checked = len(one.checked)
    return f"{one.held} of {checked} held" if checked else "not yet"
