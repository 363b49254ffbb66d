"""Capping, combining, minimum exposure."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.rollout.stats import (
    Unit,
    Units,
    cap_of,
    capped,
    cause,
    exposure,
    log_e_any,
    missing,
)
from ketch.rollout.terms import MINIMUM, Exposure

LOGS = st.dictionaries(st.text(max_size=3), st.floats(-800, 800), min_size=1, max_size=6)


@given(LOGS)
def test_evidence_of_several_guardrails_is_the_mean_of_theirs(log_es: dict[str, float]) -> None:
    highest = max(log_es.values())
    together = log_e_any(log_es)
    assert highest - math.log(len(log_es)) - 1e-9 <= together <= highest + 1e-9
    if abs(highest) < 700:  # beyond, a float cannot hold the evidence itself
        mean = math.fsum(math.exp(one) for one in log_es.values()) / len(log_es)
        assert together == pytest.approx(math.log(mean), abs=1e-9)
    assert log_es[cause(log_es) or ""] == highest


def test_no_guardrail_is_no_evidence() -> None:
    assert log_e_any({}) == 0.0
    assert log_e_any({"conversion": -math.inf}) == -math.inf
    assert cause({}) is None


def test_amounts_are_parts_of_the_cap() -> None:
    assert capped([-5, 0, 50, 100, math.inf], 100).tolist() == [0, 0, 0.5, 1, 1]
    assert cap_of([0, 0, 0, *range(1, 101)], share_below=0.5) == 50.5


@pytest.mark.parametrize("cap", [0, -1, math.inf, math.nan])
def test_a_cap_that_is_none_is_refused(cap: float) -> None:
    with pytest.raises(ValueError, match="expected a cap above 0"):
        capped([1.0], cap)


def test_amounts_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        capped([math.nan], 1)
    with pytest.raises(ValueError, match="found none above 0"):
        cap_of([0, -3])


def test_what_is_missing_is_said_in_numbers() -> None:
    rows = [Unit(True, 0.1, 1, 10), Unit(False, 0.1, 0, 5_000), Unit(True, 0.1, 0, 2)]
    seen = exposure(Units.of(rows), timedelta(days=8))
    assert seen == Exposure(12, 5_000, 10, timedelta(days=8))
    assert missing(seen) == [
        "12 of 1,000 units have the candidate",
        "10 of 50 outcomes have arrived",
    ]
    assert missing(MINIMUM) == []
    assert len(missing(Exposure())) == 4
