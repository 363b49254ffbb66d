"""What drifted: each field with its measures, and by how much it moves the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ketch.monitor.profiles import Side

RISK = 0.01
"""Of calling any field drifted when none did, each time one looks."""


class Against(StrEnum):
    """What live values are held against."""

    TRAINING = "training"
    PREVIOUS = "previous"


class Measure(StrEnum):
    """What is measured, always as a share of the rows."""

    KS = "ks"
    L_INFINITY = "l-infinity"
    LENGTH = "length"
    MISSING = "missing"
    OTHER_TYPE = "other-type"
    UNSEEN = "unseen"
    OUTSIDE = "outside"


SIZES: Mapping[Measure, float] = {
    Measure.KS: 0.05,
    Measure.L_INFINITY: 0.05,
    Measure.LENGTH: 0.05,
    Measure.MISSING: 0.01,
    Measure.OTHER_TYPE: 0.01,
    Measure.UNSEEN: 0.01,
    Measure.OUTSIDE: 0.01,
}
"""What counts as drift at all, however many rows prove it: how values lie may change by a
twentieth of the rows; what is missing or was never seen, by a hundredth."""


@dataclass(frozen=True, slots=True)
class Test:
    """One measure of one field.

    Attributes:
        measure: Which.
        value: What it is, 0 to 1.
        p_value: A bound on the chance of it if nothing changed.
        says: What moved, in words; without a subject.
        is_sure: Whether chance is ruled out, together with all other tests of the look.
    """

    __test__ = False  # for pytest

    measure: Measure
    value: float
    p_value: float
    says: str
    is_sure: bool = False

    @property
    def drifted(self) -> bool:
        """Whether it is more than chance, and more than a trifle."""
        return self.is_sure and self.value >= SIZES[self.measure]

    @property
    def weight(self) -> float:
        """How often it is the size that counts as drift; only orders measures."""
        return self.value / SIZES[self.measure]

    def to_json(self) -> dict[str, object]:
        """Return the test as a JSON object."""
        return {
            "measure": str(self.measure),
            "value": self.value,
            "p_value": self.p_value,
            "drifted": self.drifted,
            "says": self.says,
        }


@dataclass(frozen=True, slots=True)
class Effect:
    """By how much an output moves when a field gets back its reference distribution.

    Attributes:
        output: Which output.
        change: The mean size of its change; None of what is no number.
        shift: The mean of its change, live less restored: what the drift added to it.
        share: The share of rows whose answer is another one.
        weight: The change in standard deviations of the output, or the share: it orders.
    """

    output: str
    change: float | None
    shift: float | None
    share: float
    weight: float

    @property
    def value(self) -> float:
        """The change of numbers, the share of others."""
        return self.share if self.change is None else self.change

    def to_json(self) -> dict[str, object]:
        """Return the effect as a JSON object."""
        return {
            "output": self.output,
            "change": self.change,
            "shift": self.shift,
            "share": self.share,
        }


@dataclass(frozen=True, slots=True)
class Bars:
    """What a field held on both sides, as a picture shows it.

    Attributes:
        names: Of the bins, or the values.
        reference, live: The share of each.
    """

    names: tuple[str, ...]
    reference: tuple[float, ...]
    live: tuple[float, ...]

    def to_json(self) -> dict[str, object]:
        """Return the bars as a JSON object."""
        shares = zip(self.names, self.reference, self.live, strict=True)
        return {"bins": [{"bin": one, "reference": a, "live": b} for one, a, b in shares]}


@dataclass(frozen=True, slots=True)
class FieldDrift:
    """A field held against its reference.

    Attributes:
        name: Of the field.
        side: Whether it was asked or answered.
        against: Its reference.
        tests: What was measured; at least one.
        rows: How many independent rows the reference counts as, and the live side.
        noise: From which change of shares on chance is ruled out.
        figures: What is told beside the tests, such as ``psi``.
        bars: Both sides, for a picture; None where no values are known.
        effects: By how much each output moves, the most first; none of what was not restored.
        why_no_effect: Why it was not, in words.
    """

    name: str
    side: Side
    against: Against
    tests: tuple[Test, ...]
    rows: tuple[int, int]
    noise: float
    figures: Mapping[str, float] = field(default_factory=dict)
    bars: Bars | None = None
    effects: tuple[Effect, ...] = ()
    why_no_effect: str = ""

    @property
    def drifted(self) -> bool:
        """Whether any measure says so."""
        return any(one.drifted for one in self.tests)

    @property
    def is_shallow(self) -> bool:
        """Whether only what is missing was looked at, for its values are not known."""
        return all(one.measure in (Measure.MISSING, Measure.OTHER_TYPE) for one in self.tests)

    @property
    def main(self) -> Test:
        """The measure that says most: of those that drifted, if any did."""
        return max(self.tests, key=lambda one: (one.drifted, one.weight))

    @property
    def others(self) -> tuple[Test, ...]:
        """The other measures that drifted, too."""
        return tuple(one for one in self.tests if one.drifted and one is not self.main)

    @property
    def effect(self) -> Effect | None:
        """What it moves most."""
        return self.effects[0] if self.effects else None

    @property
    def rank(self) -> tuple[bool, float, float, str]:
        """The order of fields: what drifted, what moves answers most, what moved most."""
        weight = -1.0 if self.effect is None else self.effect.weight
        return not self.drifted, -weight, -self.main.weight, self.name

    def to_json(self) -> dict[str, object]:
        """Return the field as ``ketch drift --json`` prints it."""
        effect, main = self.effect, self.main
        return {
            "field": self.name,
            "side": self.side,
            "measure": str(main.measure),
            "value": main.value,
            "drifted": self.drifted,
            "effect": None if effect is None else effect.value,
            "effect_on": None if effect is None else effect.output,
            "against": str(self.against),
            "says": main.says,
            "p_value": main.p_value,
            "noise": self.noise,
            "rows": {"reference": self.rows[0], "live": self.rows[1]},
            **self.figures,
            "tests": [one.to_json() for one in self.tests],
            "effects": [one.to_json() for one in self.effects],
            "why_no_effect": self.why_no_effect or None,
            **({} if self.bars is None else self.bars.to_json()),
        }


@dataclass(frozen=True, slots=True)
class Drift:
    """What one look at a route found.

    Attributes:
        route: The route.
        package, digest: Whose questions and answers.
        since, until: The time looked at.
        against: What it is held against where that is known.
        decisions: How many were looked at.
        repeats: How many rows count as one, for units ask again and again; 1 where each row is
            its own.
        fields: Those that were compared, in the order of :attr:`FieldDrift.rank`.
        not_compared: Field → why not.
        left_out: How many more fields there were than profiles have room for.
    """

    route: str
    package: str
    digest: str
    since: datetime
    until: datetime
    against: Against
    decisions: int
    repeats: float
    fields: tuple[FieldDrift, ...]
    not_compared: Mapping[str, str] = field(default_factory=dict)
    left_out: int = 0

    @property
    def drifted(self) -> tuple[FieldDrift, ...]:
        """The fields that drifted, those first that move answers most."""
        return tuple(one for one in self.fields if one.drifted)

    def to_json(self) -> dict[str, object]:
        """Return the look as ``ketch drift --json`` prints it."""
        from ketch.monitor.drift.words import sentence  # which speaks of this value

        return {
            "route": self.route,
            "package": self.package,
            "digest": self.digest,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "against": str(self.against),
            "sentence": sentence(self),
            "drifted": bool(self.drifted),
            "false_alarms": RISK,
            "decisions": self.decisions,
            "repeats": self.repeats,
            "fields": [one.to_json() for one in self.fields],
            "not_compared": dict(self.not_compared),
            "left_out": self.left_out,
        }
