"""What is known of one decision, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ketch.monitor.decisions.table import Recorded
from ketch.monitor.outcomes.outcome import Entry, instant
from ketch.monitor.trace.assigned import Assigned
from ketch.monitor.trace.rerun import Rerun
from ketch.monitor.trace.standing import Standing
from ketch.registry.events import write_time

_OF_PACKAGE = ("owner", "description", "components", "params", "data", "environment")


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that is known of a decision.

    Attributes:
        decision: As it was recorded.
        package: What ``ketch inspect`` shows of the package; None where it is not at hand.
        standing: How the package came to answer there.
        assigned: Why it answered this unit.
        outcomes: Those of this decision, and of its unit on this route since.
        shadows: What shadow copies of it were answered.
        rerun: What came of asking again; None where nobody asked.
        notes: What is not known, and why.
    """

    decision: Recorded
    package: Mapping[str, object] | None
    standing: Standing
    assigned: Assigned
    outcomes: tuple[Entry, ...] = ()
    shadows: tuple[Recorded, ...] = ()
    rerun: Rerun | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch trace --json``."""
        package: Mapping[str, object] = self.package or {}
        told = self.decision.to_json()
        shown = ("decision", "time", "route", "package", "digest", "arm", "rollout")
        answer = ("status", "error", "rows", "batch_rows", "duration_us", "steps", "shadow_of")
        return {
            **{name: told[name] for name in shown},
            "assignment": self.assigned.to_json(),
            **self.standing.to_json(),
            **{name: package.get(name) for name in _OF_PACKAGE},
            "inputs": told["inputs"],
            "outputs": told["outputs"],
            **{name: told[name] for name in answer},
            "outcomes": [_outcome(one) for one in self.outcomes],
            "shadows": [_shadow(one, self.decision) for one in self.shadows],
            "rerun": None if self.rerun is None else self.rerun.to_json(),
            "notes": list(self.notes),
        }


def _outcome(one: Entry) -> dict[str, object]:
    return {
        "name": one.name,
        "key": one.key,
        "time": write_time(instant(one.at)),
        "value": one.value,
        "label": one.label,
        "of": "decision" if one.decision is not None else "unit",
    }


def _shadow(one: Recorded, live: Recorded) -> dict[str, object]:
    told = one.to_json()
    return {
        "decision": one.id,
        "package": one.package,
        "digest": one.digest,
        "outputs": told["outputs"],
        "identical": one.outputs == live.outputs,
    }
