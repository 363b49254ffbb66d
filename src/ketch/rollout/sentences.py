"""What a verdict says, in words that a product manager can read.

Numbers are rounded to what matters for a decision; the exact ones are in the evidence.
"""

from __future__ import annotations

from datetime import timedelta

from ketch.rollout.evidence import Evidence, Reading
from ketch.rollout.stats import e_value


def mismatch(log_e: float) -> str:
    """Return why nothing may be read, given the evidence of a wrong split."""
    return (
        "Hold: units were not split as planned, so the arms cannot be compared; by chance "
        f"{_one_in(log_e)} rollouts would ever look like this. Look for units that are lost "
        "or counted twice in one of the arms."
    )


def hurt(said: str, evidence: Evidence, metric: str | None, log_e: float) -> str:
    """Return what follows from harm, which guardrail shows it, and how rare that is."""
    worst = next(one for one in evidence.readings if one.guardrail.metric == metric)
    return (
        f"{said}: {_compared(worst, evidence.against)}. If the candidate were as good, "
        f"{_one_in(log_e)} rollouts would ever look like this."
    )


def ready(evidence: Evidence, required: list[Reading]) -> str:
    """Return what speaks for a candidate, and what was ruled out."""
    ruled_out = ", ".join(
        f"{one.guardrail.metric} worse by {percent(one.guardrail.tolerated or 0)}"
        for one in required
    )
    compared = "; ".join(_compared(one, evidence.against) for one in required)
    days = evidence.seen.lasted / timedelta(days=1)
    return (
        f"Ready to promote: {compared}. After {days:.0f} days and {evidence.seen.units:,} units "
        f"with the candidate, this is ruled out: {ruled_out}."
    )


def waiting(reading: Reading) -> str:
    """Return what is not ruled out yet, as a clause."""
    guardrail = reading.guardrail
    return (
        f"that {guardrail.metric} is worse by more than {percent(guardrail.tolerated or 0)} "
        f"is not ruled out yet ({interval(reading)})"
    )


def _compared(reading: Reading, against: str) -> str:
    """Return how a measure differs, in words."""
    metric, seen = reading.guardrail.metric, reading.lift
    if seen.estimate is None:
        much = f" ({interval(reading)})" if seen.low > 0 else ""
        return f"{metric}: some with the candidate, none in {against}{much}"
    if percent(seen.estimate) == percent(0):
        return f"{metric} is the same as in {against} ({interval(reading)})"
    return f"{metric} is {_signed(seen.estimate)} than in {against} ({interval(reading)})"


def interval(reading: Reading) -> str:
    """Return the interval of a lift in words."""
    low, high = reading.lift.low, reading.lift.high
    if high is None:
        return "how much is not known yet" if low <= -1 else f"at least {_signed(low)}"
    if low <= -1:
        return f"at most {_signed(high)}"
    if (low < 0) == (high < 0):
        return f"between {percent(low)} and {_signed(high)}"
    return f"between {_signed(low)} and {_signed(high)}"


def _signed(lift: float) -> str:
    return f"{percent(lift)} {'lower' if lift < 0 else 'higher'}"


def percent(part: float) -> str:
    """Return two digits of a part, in percent.

    >>> percent(-0.214), percent(0.0213), percent(12.5)
    ('21 %', '2.1 %', '1,250 %')
    """
    hundredths = abs(part) * 100
    return f"{hundredths:,.0f} %" if hundredths >= 9.95 else f"{hundredths:.1f} %"


def _one_in(log_e: float) -> str:
    """Return how rare evidence is, in words that hold: rounded down.

    >>> _one_in(5.17), _one_in(50)
    ('fewer than 1 in 175', 'fewer than 1 in a million')
    """
    rarity = e_value(log_e)
    return f"fewer than 1 in {'a million' if rarity >= 1e6 else f'{int(rarity):,}'}"
