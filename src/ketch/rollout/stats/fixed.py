"""What tests of a fixed horizon say, in a type of its own, so that nothing can decide by it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FixedHorizon:
    """Numbers that are right at one look, planned before the rollout. For display only.

    Attributes:
        difference: The candidate's mean less the baseline's; None if an arm is empty.
        low, high: Its 95 % interval; None where nothing varies.
        p_value: Two-sided; None where nothing varies.
        label: What must stand beside these numbers wherever they are shown.
    """

    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    label: str = "fixed horizon: right at one planned look only"
