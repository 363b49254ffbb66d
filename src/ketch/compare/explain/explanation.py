"""What an explanation says, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ketch.compare.explain.inside import Change
from ketch.package import Divergence

RAN, INCOMPATIBLE, NOT_RUN = "ran", "incompatible", "not-run"


@dataclass(frozen=True, slots=True)
class Tried:
    """One mixture.

    Attributes:
        from_b: The components that it has from B; the others are from A.
        state: ``ran``, ``incompatible`` (it cannot exist), or ``not-run`` (the time was up).
        rows: How many rows it answers otherwise than A.
        moved: How far numbers moved: the mean relative difference, 0 to 1.
        problem: Why it cannot exist.
    """

    from_b: tuple[str, ...]
    state: str = RAN
    rows: int = 0
    moved: float | None = None
    problem: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json``."""
        return {
            "from_b": list(self.from_b),
            "state": self.state,
            "rows": self.rows if self.state == RAN else None,
            "moved": self.moved,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a change enters the pipeline.

    Attributes:
        divergence: The first step and field that moved, and for which row.
        question: The scenario, or the file, and the row, for people.
    """

    divergence: Divergence
    question: str

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json``."""
        return {**self.divergence.to_json(), "question": self.question}


@dataclass(frozen=True, slots=True)
class Cause:
    """What of one component changes the answers.

    Attributes:
        component: The component.
        share: Its part of the whole change; negative where it takes back what others change.
        changes: A smallest set of changes that makes all of its difference.
        along: What has to change with them.
        is_smallest: Whether none of them can be left out; False also where nobody could try.
        of: How many changes the component has in all.
        entry: Where it enters; None where no step shows it.
        is_placed: Whether there was time to look where it enters.
    """

    component: str
    share: float
    changes: tuple[Change, ...]
    along: tuple[Change, ...] = ()
    is_smallest: bool = True
    of: int = 0
    entry: Entry | None = None
    is_placed: bool = True

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json``; of code, the cause is the step at which it shows."""
        return {
            "component": self.component,
            "share": self.share,
            **self._named(),
            "changes": [one.to_json() for one in self.changes],
            "along": [one.to_json() for one in self.along],
            "smallest": self.is_smallest,
            "changes_in_all": self.of,
            "first_divergence": None if self.entry is None else self.entry.to_json(),
        }

    def _named(self) -> dict[str, object]:
        first = self.changes[0].to_json() if self.changes else Change(self.component, "").to_json()
        if self.component == "code" and self.entry is not None:
            first |= {"kind": "step", "name": self.entry.divergence.step}
        return first


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why B answers otherwise than A.

    Attributes:
        a, b: The packages, as ``name:version``.
        digests: Their digests.
        rows: How many rows were asked, without those that are not steady.
        changed: How many of them B answers otherwise.
        unsteady: Rows that A or B answers otherwise each time.
        left_out: Rows that one of the schemas refuses.
        differing: The components that differ.
        shares: Component → its part of the change; all that are mixed.
        causes: Those that matter, the largest part first.
        together: Components that no mixture takes apart.
        mixtures: All that were thought of; the first is A, the last B.
        failures: What A, and what B, said first when it did not answer; None where it did.
        outputs: Outputs that one of them alone declares, which were not compared.
        notes: Where the rows come from, where they are no scenarios, and what is not among them.
        fields: Output → in how many rows B answers it otherwise; without rows that one of them
            does not answer at all.
        duration_s: How long it took.
    """

    a: str
    b: str
    digests: tuple[str, str]
    rows: int
    changed: int
    unsteady: int
    left_out: int
    differing: tuple[str, ...]
    shares: Mapping[str, float]
    causes: tuple[Cause, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    mixtures: tuple[Tried, ...] = ()
    failures: tuple[str | None, str | None] = (None, None)
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fields: Mapping[str, int] = field(default_factory=dict)
    duration_s: float = 0.0

    @property
    def missing(self) -> tuple[str, ...]:
        """What there was no time for."""
        mixtures = [one.from_b for one in self.mixtures if one.state == NOT_RUN]
        searches = [one.component for one in self.causes if not one.is_smallest and one.of > 1]
        unplaced = [one.component for one in self.causes if not one.is_placed]
        return (
            *(f"the mixture with {' + '.join(names)} of `{self.b}`" for names in mixtures),
            *(f"the smallest set of changes in the {name}" for name in searches),
            *(f"the step at which the {name} enters" for name in unplaced),
        )

    @property
    def entry(self) -> Entry | None:
        """Where the largest part enters the pipeline."""
        return self.causes[0].entry if self.causes else None

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch explain --json``."""
        from ketch.compare.explain.sentence import sentence  # which reads this value

        causes = [one.to_json() for one in self.causes]
        keys = ("kind", "name", "from", "to")
        return {
            "a": {"package": self.a, "digest": self.digests[0]},
            "b": {"package": self.b, "digest": self.digests[1]},
            "sentence": sentence(self),
            "rows": self.rows,
            "changed": self.changed,
            "fields": dict(self.fields),
            "unsteady": self.unsteady,
            "left_out": self.left_out,
            "differing": list(self.differing),
            "components": dict(self.shares),
            "cause": {key: causes[0][key] for key in keys} if causes else None,
            "first_divergence": None if self.entry is None else self.entry.to_json(),
            "causes": causes,
            "together": [list(group) for group in self.together],
            "mixtures": [one.to_json() for one in self.mixtures],
            "failures": {"a": self.failures[0], "b": self.failures[1]},
            "not_compared": list(self.outputs),
            "notes": list(self.notes),
            "complete": not self.missing,
            "missing": list(self.missing),
            "duration_s": round(self.duration_s, 3),
        }
