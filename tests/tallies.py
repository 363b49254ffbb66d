"""Rollouts that were answered: decisions in a log and outcomes beside it, at any time one likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ketch.monitor.decisions import Decision, Origin, frames, hot
from ketch.monitor.decisions.decision import body_of
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.decisions.keyed import keyed
from ketch.package.digest import Digest
from ketch.registry import Policy, Share
from ketch.registry.rollouts import Rollout, Side
from ketch.rollout import rollout_id

ROUTE = "recommendations"
SALT = "5a17"
NEW, OLD, SIMPLE = (Digest.parse("sha256:" + digit * 64) for digit in "abc")
ID = rollout_id(SALT, str(NEW), str(OLD))
BEGAN = datetime(2026, 3, 2, tzinfo=UTC)
POLICY = Policy.parse(b"""
unit = "shopper"
primary = "purchase"
[guardrails.purchase]
window = "12h"
[guardrails.revenue]
kind = "amount"
window = "1h"
cap = 100.0
[guardrails.pages]
kind = "count"
window = "2h"
cap = 3.0
worse = "higher"
reaction = "observe"
[guardrails.errors]
[guardrails.slow]
limit_ms = 80
""")
"""One guardrail of each kind."""


def rollout(policy: Policy = POLICY, *, ended: datetime | None = None) -> Rollout:
    """Return the rollout that decisions written here belong to."""
    return Rollout(
        ROUTE,
        ID,
        Side("recommender:1.1.0", NEW),
        Side("recommender:1.0.0", OLD),
        SALT,
        BEGAN,
        ended,
        None,
        policy,
        ((BEGAN, Share(100_000)),),
    )


def origin(arm: str, share: int = 100_000, held: int = 0, rollout: str = ID) -> Origin:
    """Return what decisions of an arm have in common, at a share in millionths."""
    package, digest = {
        "limited": ("recommender:1.1.0", NEW),
        "prod": ("recommender:1.0.0", OLD),
        "baseline": ("top-sellers:1.0.0", SIMPLE),
    }[arm]
    shares = f"limited={share} prod={1_000_000 - share - held}"
    shares = f"baseline={held} {shares}" if held else shares
    named = rollout if arm != "baseline" else ""
    return Origin(ROUTE, package, str(digest), arm, shares, named)


def at(seconds: float) -> datetime:
    """Return so many seconds after the rollout began."""
    return BEGAN + timedelta(seconds=seconds)


def decided(
    unit: str | None,
    arm: str,
    seconds: float,
    *,
    share: int = 100_000,
    held: int = 0,
    status: int = 200,
    ms: float = 1.0,
    why: str = "unit",
    tail: int = 0x8000000000000001,
    made: Origin | None = None,
) -> Decision:
    """Return a decision of that time; ``made`` tells who made it, if it is none of ours."""
    return Decision(
        f"{moment_of(at(seconds)):016x}{tail:016x}",
        made or origin(arm, share, held),
        b'{"shopper":1}',
        b'{"items":[2]}',
        unit=unit,
        why=why,
        status=status,
        duration_us=round(ms * 1000),
    )


@dataclass
class Writer:
    """Writes decisions where a gateway does, whatever time they are of.

    Attributes:
        log: The folder of the log.
        name: Of the writer, 16 hexadecimal digits.
    """

    log: Path
    name: str = "8000000000000001"
    _written: int = field(default=0)
    _file: Path | None = None

    def write(self, decisions: Sequence[Decision]) -> None:
        """Append decisions to the hot file."""
        folder = self.log / hot.FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        hashed = keyed(self.log).unit
        if self._file is None:
            self._file = folder / f"{self.name}-{self._written:016d}{hot.LOG}"
        with self._file.open("ab") as file:
            for one in decisions:
                one.number, self._written = self._written, self._written + 1
                unit = hashed(one.unit) if one.unit else None
                file.write(frames.frame(body_of(one, unit, one.inputs, one.outputs)))

    def lose(self, number: int) -> None:
        """Make decisions that are never written."""
        self._written += number

    def rotate(self) -> None:
        """Write what comes next to a new file."""
        self._file = None
