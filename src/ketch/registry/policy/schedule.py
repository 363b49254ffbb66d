"""How a rollout goes on by its policy: what must be seen before promotion, and its ramp."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise

from ketch.registry.reading import Reader, Reading, count, number, share, span
from ketch.registry.share import WHOLE
from ketch.rollout.spans import write_span
from ketch.rollout.terms import MINIMUM, Exposure, Ramp

_DAY = timedelta(days=1)
_MOST_DAYS = 365
_MOST = 1_000_000_000
_MOST_STEPS = 50


def _steps(value: object) -> tuple[int, ...]:
    if isinstance(value, list) and 0 < len(value) <= _MOST_STEPS:
        found = tuple(share(one).millionths for one in value)
        if found[0] > 0 and all(before < after for before, after in pairwise(found)):
            return found
    raise ValueError("shares above 0, each above the one before")


_MINIMUM: Mapping[str, Reader] = {
    "units": count(_MOST),
    "baseline_units": count(_MOST),
    "outcomes": count(_MOST),
    "days": number(f"a number from 0 to {_MOST_DAYS}", lambda one: 0 <= one <= _MOST_DAYS),
}
_RAMP: Mapping[str, Reader] = {"shares": _steps, "step": span}


def read_minimum(given: object, reading: Reading) -> Exposure:
    """Return what must have been seen before a candidate is promote-ready."""
    found = reading.table(given, _MINIMUM, "minimum")
    units = int(str(found.get("units", MINIMUM.units)))
    return Exposure(
        units,
        int(str(found.get("baseline_units", units))),
        int(str(found.get("outcomes", MINIMUM.outcomes))),
        timedelta(days=float(str(found.get("days", MINIMUM.lasted / _DAY)))),
    )


def write_minimum(minimum: Exposure) -> dict[str, object]:
    """Return it as a table of a policy."""
    return {
        "units": minimum.units,
        "baseline_units": minimum.baseline_units,
        "outcomes": minimum.outcomes,
        "days": minimum.lasted / _DAY,
    }


def read_ramp(given: object, reading: Reading) -> Ramp | None:
    """Return how the share of a candidate grows by itself; tell what is wrong with it."""
    found = reading.table(given, _RAMP, "ramp")
    if isinstance(given, Mapping) and "shares" not in given:
        reading.wrong("expected `shares`, the steps of the ramp; found none", "ramp")
    return Ramp(**found) if "shares" in found else None  # type: ignore[arg-type] # each was read by its own reader


def write_ramp(ramp: Ramp) -> dict[str, object]:
    """Return it as a table of a policy."""
    shares = [millionths / WHOLE for millionths in ramp.shares]
    return {"shares": shares, "step": write_span(ramp.step)}
