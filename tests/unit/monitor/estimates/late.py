"""Four weeks of answers whose outcomes come two days late, in a real log, of two packages.

Who is scored ``p`` buys with probability p²: the scores are not what they seem, but they mean
something. Only purchases are told, so that silence means none. From the 15th day on other
people ask. ``moved:1.0`` is as good as ``steady:1.0`` until the 19th day; then three in ten buy,
whatever their score.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
from tests.tallies import Writer

from ketch.monitor.decisions import Decision, Origin
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.registry import Policy

ROUTE = "recommendations"
DAY = timedelta(days=1)
BEGAN = datetime(2026, 3, 2, tzinfo=UTC)
NOW = BEGAN + 28 * DAY
OTHERS, MOVED = 14, 18
EACH = 120
POLICY = Policy.parse(b"""
[metrics.auc]
measure = "auc"
output = "p"
outcome = "bought"
window = "2d"
absent = 0
[metrics.brier]
measure = "calibration"
output = "p"
outcome = "bought"
window = "2d"
absent = 0
[metrics.right]
measure = "accuracy"
output = "buys"
score = "p"
outcome = "bought"
window = "2d"
absent = 0
[metrics.off]
measure = "mae"
output = "spends"
outcome = "spent"
window = "2d"
""")


def log_of(folder: Path) -> None:
    """Write what was answered, and what was told of it."""
    decisions, outcomes = [], []
    for decision, some in _made():
        decisions.append(decision)
        outcomes += some
    Writer(folder).write(decisions)
    with Outcomes(folder) as told:
        told.record(outcomes)


def _made() -> Iterator[tuple[Decision, list[Outcome]]]:
    draw = np.random.default_rng(11)
    for package, digit in (("steady:1.0", "1"), ("moved:1.0", "2")):
        origin = Origin(ROUTE, package, "sha256:" + digit * 64, "prod")
        for number in range(28 * EACH):
            at = BEGAN + DAY * number / EACH
            day = number // EACH
            p = float(draw.beta(2, 2) if day < OTHERS else draw.beta(1, 4))
            size = float(draw.uniform(0, 1) if day < OTHERS else draw.uniform(0.5, 1))
            means = 0.3 if package == "moved:1.0" and day >= MOVED else p**2
            spends = float(draw.uniform(10, 20))
            identity = f"{moment_of(at):016x}{2**63 + int(digit) * 10**6 + number:016x}"
            decision = Decision(
                identity,
                origin,
                msgspec.json.encode({"size": size}),
                msgspec.json.encode({"p": p, "buys": p > 0.7, "spends": spends}),
                unit=f"u{number // 2}",
            )
            spent = spends + float(draw.normal(0, 1 + 4 * size))
            some = [Outcome(ROUTE, "spent", at + 1.9 * DAY, value=spent, decision=identity)]
            if draw.random() < means:
                some.append(Outcome(ROUTE, "bought", at + 1.9 * DAY, decision=identity))
            yield decision, some
