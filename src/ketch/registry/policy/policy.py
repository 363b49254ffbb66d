"""What a route asks of the packages that want to answer on it: its policy.

A policy is a small TOML file that can live in git; ``ketch route set`` records it::

    unit = "shopper"                  # the input that says who is asking
    baseline = "top-sellers:1.0.0"    # the simple alternative, always held out
    baseline_share = 0.05
    approvals = 1                     # people, other than the publisher, before prod
    approval_days = 7
    comparison = false                # limited needs a comparison with prod
    experiment = true                 # prod needs an experiment's verdict
    primary = "purchase"              # the outcome that decides
    auto_rollback = false             # the guard may roll back by itself
    risk = 0.05                       # of rolling back what is as good, of promoting what is not

    [guardrails.errors]               # what may not get worse: policy/guardrails.py
    [minimum]                         # what must be seen before promotion: policy/schedule.py
    [ramp]                            # how a share grows by itself
    [layer]                           # the part of the units that may be touched: policy/layers.py
    [metrics.ndcg]                    # how good the outputs were: policy/metrics.py
    [drift]                           # tell when inputs or answers drift: policy/drift.py

    [publishers]                      # whose signatures any stage needs one of
    ana = "8bfe4498…"                 # the fingerprint that `ketch keygen` printed

    [approvers]                       # and prod one of these, too
    ben = "11d7c2a0…"

A rollout keeps the policy of its beginning: what is set later counts for the next one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self, cast

from ketch.errors import UsageError
from ketch.package.names import Reference
from ketch.registry.policy.drift import DriftWatch, read_drift, write_drift
from ketch.registry.policy.guardrails import DEFAULT, read_guardrails, settled, write_guardrail
from ketch.registry.policy.layers import LayerPart, read_layer
from ketch.registry.policy.metrics import read_metrics, write_metric
from ketch.registry.policy.schedule import read_minimum, read_ramp, write_minimum, write_ramp
from ketch.registry.reading import Reader, Reading, count, flag, number, share, text
from ketch.registry.share import NONE, Share, room_of
from ketch.rollout.metric import Metric
from ketch.rollout.terms import (
    MEASURED,
    MINIMUM,
    Exposure,
    Guardrail,
    Ramp,
    Reaction,
    Terms,
)

MOST_BYTES = 64 * 1024
_MOST_DAYS = 365
_MOST_APPROVALS = 10
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one route; the defaults are those of a route nobody wrote rules for.

    ``Policy.from_json(p.to_json()) == p`` for every policy ``p``.

    Attributes:
        unit: The input that names who is asking; the same unit always gets the same arm.
        baseline: ``name:version`` of the package that a share of units always gets.
        baseline_share: That share.
        primary: The outcome an experiment is decided by.
        guardrails: What may not get worse meanwhile, the primary outcome first, then by
            name; ``errors`` where nothing is named.
        approvals: How many people other than the publisher must approve before prod.
        approval_days: How long an approval holds, in days.
        comparison: Whether limited needs a comparison with what is in prod.
        experiment: Whether prod needs the verdict of an experiment.
        auto_rollback: Whether the guard may roll back without a person.
        risk: That of rolling back a candidate that is as good, and that of calling one
            promote-ready that loses more than is tolerated; above 0 and below 1.
        minimum: What must have been seen before a candidate is promote-ready.
        ramp: How the share of a candidate grows by itself, if it does.
        layer: The part of the units that the route's rollouts may touch; None for all.
        metrics: Model metrics that are read from outcomes, by name.
        drift: How the guard watches it for drift, if it does.
        publishers: Person → fingerprint of their key. When there are any, every stage needs
            a signature of one of them.
        approvers: The same for prod, which then needs one of theirs, too, of somebody who
            neither published the package nor is its only publisher who signed.
    """

    unit: str | None = None
    baseline: str | None = None
    baseline_share: Share = NONE
    primary: str | None = None
    guardrails: tuple[Guardrail, ...] = (DEFAULT,)
    approvals: int = 1
    approval_days: int = 7
    comparison: bool = False
    experiment: bool = True
    auto_rollback: bool = False
    risk: float = 0.05
    minimum: Exposure = MINIMUM
    ramp: Ramp | None = None
    layer: LayerPart | None = None
    metrics: tuple[Metric, ...] = ()
    drift: DriftWatch | None = None
    publishers: Mapping[str, str] = field(default_factory=dict)
    approvers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.metrics, key=lambda one: one.name))
        object.__setattr__(self, "metrics", ordered)
        object.__setattr__(self, "guardrails", settled(self.guardrails, self.primary))

    @property
    def terms(self) -> Terms:
        """The risks and minimums of a rollout that begins under this policy."""
        return Terms(self.risk, self.risk, minimum=self.minimum)

    @classmethod
    def parse(cls, content: bytes, where: str = "route.toml") -> Self:
        """Read a policy file.

        Raises:
            UsageError: ``policy/invalid``, with every finding.
        """
        try:
            if len(content) > MOST_BYTES:
                message = f"expected at most {MOST_BYTES} bytes, found {len(content)}"
                raise UsageError(message, code="policy/invalid", where=where)
            return cls.from_json(tomllib.loads(content.decode()), where)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            message = f"expected TOML, found something else: {error}"
            raise UsageError(message, code="policy/invalid", where=where) from error

    @classmethod
    def from_json(cls, value: Mapping[str, object], where: str = "policy") -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            UsageError: ``policy/invalid``, with every finding.
        """
        reading = Reading(where)
        found = _read(value, reading)
        if reading.findings:
            message = "the policy cannot be used as it is"
            findings = reading.findings
            raise UsageError(message, code="policy/invalid", where=where, findings=findings)
        return cls(**found)  # type: ignore[arg-type] # each was read by its own reader

    def to_json(self) -> dict[str, object]:
        """Return the whole policy, defaults included, in JSON form."""
        body: dict[str, object] = {
            "unit": self.unit,
            "baseline": self.baseline,
            "baseline_share": self.baseline_share.fraction,
            "primary": self.primary,
            "approvals": self.approvals,
            "approval_days": self.approval_days,
            "comparison": self.comparison,
            "experiment": self.experiment,
            "auto_rollback": self.auto_rollback,
            "risk": self.risk,
            "guardrails": {one.metric: write_guardrail(one) for one in self.guardrails},
            "minimum": write_minimum(self.minimum),
            "ramp": None if self.ramp is None else write_ramp(self.ramp),
            "layer": None if self.layer is None else self.layer.to_json(),
            "metrics": {one.name: write_metric(one) for one in self.metrics},
            "drift": None if self.drift is None else write_drift(self.drift),
            "publishers": dict(self.publishers),
            "approvers": dict(self.approvers),
        }
        return {name: value for name, value in body.items() if value not in (None, {})}


def _read(value: object, reading: Reading) -> dict[str, object]:
    """Return what can be read, by the names of a policy's attributes."""
    tables: dict[str, Reader] = {
        "guardrails": lambda given: read_guardrails(given, reading),
        "minimum": lambda given: read_minimum(given, reading),
        "ramp": lambda given: read_ramp(given, reading),
        "layer": lambda given: read_layer(given, reading),
        "metrics": lambda given: read_metrics(given, reading),
        "drift": lambda given: read_drift(given, reading),
    }
    found = reading.table(value, {**_READERS, **tables})
    written = value.keys() if isinstance(value, Mapping) else set()
    wrong = written - found.keys()
    _check_baseline(found, wrong, reading)
    _check_primary(found, reading)
    _check_room(found, reading)
    return found


def _check_baseline(found: Mapping[str, object], wrong: set[str], reading: Reading) -> None:
    has_share = found.get("baseline_share", NONE) != NONE
    if wrong.isdisjoint({"baseline", "baseline_share"}) and ("baseline" in found) != has_share:
        message = "expected `baseline` and `baseline_share` together, found one of them"
        reading.wrong(message, "baseline")


def _check_primary(found: Mapping[str, object], reading: Reading) -> None:
    primary = found.get("primary")
    if primary in MEASURED:
        reading.wrong(f"expected the name of an outcome, found `{primary}`", "primary")
    guardrails = cast("tuple[Guardrail, ...]", found.get("guardrails", ()))
    for one in guardrails:
        if one.metric == primary and one.reaction is Reaction.OBSERVE:
            message = f"expected a reaction for what decides, `{primary}`, found `observe`"
            hint = "`hold`, or `rollback`; or leave `primary` out"
            reading.wrong(message, f"guardrails.{primary}.reaction", hint)


def _check_room(found: Mapping[str, object], reading: Reading) -> None:
    """Tell of a ramp whose last step is more than the baseline and the layer leave."""
    ramp, layer, held = (found.get(name) for name in ("ramp", "layer", "baseline_share"))
    if not isinstance(ramp, Ramp):
        return
    part = layer if isinstance(layer, LayerPart) else None
    room = room_of(held if isinstance(held, Share) else NONE, part)
    last = Share(ramp.shares[-1])
    if last > room:
        message = f"expected steps of at most `{room}`, all that is left, found `{last}`"
        reading.wrong(message, "ramp.shares", "lower the step, or leave more to the rollouts")


def _package(value: object) -> str:
    reference = Reference.parse(text(value))
    if reference.version is None:
        raise ValueError("`name:version`")
    return str(reference)


def _keys(value: object) -> dict[str, str]:
    if isinstance(value, dict) and all(
        isinstance(key, str) and _FINGERPRINT.fullmatch(key) for key in value.values()
    ):
        return {text(person): key for person, key in value.items()}
    raise ValueError("people, each with the 64 hexadecimal digits that `ketch keygen` printed")


_READERS: dict[str, Reader] = {
    "unit": text,
    "baseline": _package,
    "baseline_share": share,
    "primary": text,
    "approvals": count(_MOST_APPROVALS),
    "approval_days": count(_MOST_DAYS, least=1),
    "comparison": flag,
    "experiment": flag,
    "auto_rollback": flag,
    "risk": number("a number above 0 and below 1", lambda one: 0 < one < 1),
    "publishers": _keys,
    "approvers": _keys,
}
