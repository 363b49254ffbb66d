"""What verification found, as values that print themselves as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ketch.display import card
from ketch.package import Digest, Divergence, ScenarioTrace
from ketch.runtime import Discreet
from ketch.schema import Difference


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """How one scenario went.

    Attributes:
        name: Name of the scenario.
        passed: Whether the package answered as promised.
        differences: Where the answer differs from what was promised; what was refused or
            raised in its place is one difference, of no field.
        divergence: The first step that differs from an earlier run of the same question;
            without one, the step that failed, or the last, whose answer differs. It can
            be set although the answers agree.
        trace: What each step returned, if all did.
        compared: Whether there was an earlier run of the same question.
        asked: Whether the package was asked at all.
        said: The traceback, or what a worker printed before it died; for eyes, not kept.
        hint: What to do about what was raised.
        duration_s: How long it took.
    """

    name: str
    passed: bool
    differences: tuple[Difference, ...] = ()
    divergence: Divergence | None = None
    trace: ScenarioTrace | None = None
    compared: bool = False
    asked: bool = True
    said: str = ""
    hint: str | None = None
    duration_s: float = 0.0

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json`` and of the attestation."""
        step = self.divergence.step if self.divergence else None
        body: dict[str, object] = {
            "name": self.name,
            "passed": self.passed,
            "differences": [{"step": step, **item.to_json()} for item in self.differences],
            "divergence": self.divergence and self.divergence.to_json(),
        }
        return {**body, "hint": self.hint} if self.hint else body


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """How one probe went: a question derived from the schema, not written by the author.

    Attributes:
        name: What was asked.
        passed: Whether the answer was good.
        required: Whether failing breaks the contract. The others license something,
            such as batching, and are recorded.
        detail: What was seen, when there is something to say.
        hint: What to do about a failure.
        duration_s: How long it took.
    """

    name: str
    passed: bool
    required: bool = True
    detail: str = ""
    hint: str | None = None
    duration_s: float = 0.0

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json`` and of the attestation."""
        body: dict[str, object] = {
            "name": self.name,
            "passed": self.passed,
            "required": self.required,
        }
        if self.detail:
            body["detail"] = self.detail
        if self.hint:
            body["hint"] = self.hint
        return body


@dataclass(frozen=True, slots=True)
class Measured:
    """What the package used, on this machine, with this much else going on.

    Attributes:
        start_s: From starting the process to a loaded model, in seconds.
        latency_ms: Median time of one row, in milliseconds; None if none was answered.
        memory_mb: Peak resident memory, in megabytes; None if no process answered.
    """

    start_s: float
    latency_ms: float | None
    memory_mb: float | None

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json`` and of the attestation."""
        return {
            "start_s": round(self.start_s, 3),
            "latency_ms": None if self.latency_ms is None else round(self.latency_ms, 3),
            "memory_mb": None if self.memory_mb is None else round(self.memory_mb, 1),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one verification found.

    Attributes:
        name: The package, as ``name:version``.
        digest: Its identity.
        scenarios, probes, metrics, measured: What each check found.
        setting: Where it ran: Python, lock, sandbox, machine, ketch.
        started: When it began.
        duration_s: How long it took.
        problem: What put an end to the questions, such as a package that cannot be loaded.
        said: The traceback of that, or the last that was printed; for eyes, not kept.
        notes: What else is worth knowing.
        printed: Check (``scenarios``, ``probes``, ``metrics``) → the last lines that the
            package printed meanwhile; for eyes, not kept.
        discreet: Keeps paths of this machine, and secrets, out of what is kept.
    """

    name: str
    digest: Digest
    scenarios: tuple[ScenarioResult, ...]
    probes: tuple[ProbeResult, ...]
    metrics: Mapping[str, float]
    measured: Measured
    setting: Mapping[str, object]
    started: datetime
    duration_s: float
    problem: str | None = None
    said: str = ""
    notes: tuple[str, ...] = ()
    printed: Mapping[str, str] = field(default_factory=dict)
    discreet: Discreet = field(default_factory=Discreet, compare=False, repr=False)

    def __repr__(self) -> str:
        """Return one line: in a notebook it is what a cell shows."""
        verdict = "keeps its contract" if self.passed else "breaks its contract"
        return f"<report: {self.name} {verdict}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the verdict, and everything that did not pass."""
        failed = [one for one in self.scenarios if not one.passed]
        rows: list[tuple[object, ...]] = [
            ("✗ scenario", one.name, *(str(each.field) for each in one.differences[:5]))
            for one in failed
        ]
        rows += [
            ("✗ probe" if one.required else "! probe", one.name, one.detail)
            for one in self.probes
            if not one.passed
        ]
        scenarios = f"{len(self.scenarios) - len(failed)} of {len(self.scenarios)} as promised"
        verdict = "keeps its contract" if self.passed else "breaks its contract"
        facts = {"digest": self.digest, "scenarios": scenarios, "problem": self.problem}
        return card(f"{self.name} {verdict}", facts, rows)

    @property
    def passed(self) -> bool:
        """Whether the package kept its contract."""
        return (
            self.problem is None
            and all(scenario.passed for scenario in self.scenarios)
            and all(probe.passed for probe in self.probes if probe.required)
        )

    @property
    def first_divergence(self) -> Divergence | None:
        """The first step that moved, of the first scenario that failed and has one."""
        diverged = [result for result in self.scenarios if result.divergence]
        failed = [result for result in diverged if not result.passed]
        return next((result.divergence for result in (*failed, *diverged)), None)

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json``."""
        divergence = self.first_divergence
        return {
            "package": self.name,
            "digest": str(self.digest),
            "passed": self.passed,
            "problem": self.problem,
            "scenarios": [scenario.to_json() for scenario in self.scenarios],
            "probes": [probe.to_json() for probe in self.probes],
            "metrics": dict(self.metrics),
            "measured": self.measured.to_json(),
            "first_divergence": None if divergence is None else divergence.to_json(),
            "notes": list(self.notes),
            "printed": dict(self.printed),
            "started": self.started.isoformat(),
            "duration_s": round(self.duration_s, 3),
            **self.setting,
        }
