"""The scenarios of two packages, by name: what is asked, and what is promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from ketch.compare.diff.changes import MOST, Change, Kind, changes, kind_of
from ketch.package.scenario import Scenario
from ketch.package.trace import ScenarioTrace


@dataclass(frozen=True, slots=True)
class ScenarioChange:
    """A scenario that is not the same.

    Attributes:
        name: Its name.
        kind: Added, removed or changed.
        a, b: The scenario; ``None`` where it is not there.
    """

    name: str
    kind: Kind
    a: Scenario | None
    b: Scenario | None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is not the same, such as ``expected[0].price``."""
        return changes(_body(self.a), _body(self.b)) if self.a and self.b else ()

    def mirrored(self) -> Self:
        """Return the same scenario, on the way from ``b`` to ``a``."""
        return replace(self, kind=self.kind.mirrored, a=self.b, b=self.a)

    def to_json(self) -> dict[str, object]:
        """Return the change as a JSON object."""
        found = self.changes
        return {
            "name": self.name,
            "change": str(self.kind),
            "changes": [change.to_json() for change in found[:MOST]],
            "left_out": max(len(found) - MOST, 0),
        }


@dataclass(frozen=True, slots=True)
class Scenarios:
    """How the scenarios of two packages differ.

    Attributes:
        scenarios: Those that are not the same, by name.
        traces: The scenarios whose recorded step traces are not the same.
    """

    scenarios: tuple[ScenarioChange, ...]
    traces: tuple[str, ...]

    def mirrored(self) -> Self:
        """Return the way from ``b`` to ``a``."""
        return replace(self, scenarios=tuple(change.mirrored() for change in self.scenarios))

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object; what is beyond the bound is counted."""
        return {
            "scenarios": [change.to_json() for change in self.scenarios[:MOST]],
            "scenarios_left_out": max(len(self.scenarios) - MOST, 0),
            "traces": list(self.traces),
        }


def diff_scenarios(a: Sequence[Scenario], b: Sequence[Scenario]) -> tuple[ScenarioChange, ...]:
    """Return the scenarios that are not on both sides as they are, by name."""
    there, here = ({one.name: one for one in side} for side in (a, b))
    return tuple(
        ScenarioChange(name, kind, there.get(name), here.get(name))
        for name in sorted(there.keys() | here.keys())
        for kind in [kind_of(in_a=name in there, in_b=name in here)]
        if kind is not Kind.CHANGED or changes(_body(there[name]), _body(here[name]))
    )


def diff_traces(a: Sequence[ScenarioTrace], b: Sequence[ScenarioTrace]) -> tuple[str, ...]:
    """Return the scenarios whose step traces are not the same, by name."""
    there, here = _traces(a), _traces(b)
    names = sorted(there.keys() | here.keys())
    return tuple(name for name in names if there.get(name) != here.get(name))


def _body(scenario: Scenario) -> dict[str, object]:
    """Return a scenario as JSON; one row is told as a list of one, so that rows compare."""
    body = scenario.to_json()
    return {
        **{key: [value] if isinstance(value, Mapping) else value for key, value in body.items()},
        "single": scenario.single,
    }


def _traces(side: Sequence[ScenarioTrace]) -> dict[str, object]:
    return {trace.scenario: trace for trace in side}
