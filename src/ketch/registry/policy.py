"""What a route asks of the packages that want to answer on it: its policy.

A policy is a small TOML file that can live in git; ``ketch route set`` records it::

    unit = "shopper"                  # the input that says who is asking
    baseline = "top-sellers:1.0.0"    # the simple alternative, always held out
    baseline_share = 0.05
    primary = "purchase"              # the outcome that decides
    guardrails = ["errors", "latency"]
    approvals = 1                     # people, other than the publisher, before prod
    approval_days = 7
    comparison = false                # limited needs a comparison with prod
    experiment = true                 # prod needs an experiment's verdict
    auto_rollback = false             # the guard may roll back by itself

    [publishers]                      # whose signatures any stage needs one of
    ana = "8bfe4498…"                 # the fingerprint that `ketch keygen` printed

    [approvers]                       # and prod one of these, too
    ben = "11d7c2a0…"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Self

from ketch.errors import Finding, UsageError
from ketch.package.names import Reference
from ketch.registry.share import NONE, WHOLE, Share
from ketch.schema import did_you_mean

MOST_BYTES = 64 * 1024
_MOST_DAYS = 365
_MOST_APPROVALS = 10
_TOGETHER = ("baseline", "baseline_share")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one route; the defaults are those of a route nobody wrote rules for.

    Attributes:
        unit: The input that names who is asking; the same unit always gets the same arm.
        baseline: ``name:version`` of the package that a share of units always gets.
        baseline_share: That share.
        primary: The outcome an experiment is decided by.
        guardrails: What may not get worse meanwhile.
        approvals: How many people other than the publisher must approve before prod.
        approval_days: How long an approval holds, in days.
        comparison: Whether limited needs a comparison with what is in prod.
        experiment: Whether prod needs the verdict of an experiment.
        auto_rollback: Whether the guard may roll back without a person.
        publishers: Person → fingerprint of their key. When there are any, every stage needs
            a signature of one of them.
        approvers: The same for prod, which then needs one of theirs, too, of somebody who
            neither published the package nor is its only publisher who signed.
    """

    unit: str | None = None
    baseline: str | None = None
    baseline_share: Share = NONE
    primary: str | None = None
    guardrails: tuple[str, ...] = ()
    approvals: int = 1
    approval_days: int = 7
    comparison: bool = False
    experiment: bool = True
    auto_rollback: bool = False
    publishers: Mapping[str, str] = field(default_factory=dict)
    approvers: Mapping[str, str] = field(default_factory=dict)

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
        found, findings = _read(value, where)
        unread = value.keys() - found.keys()
        has_share = found.get("baseline_share", NONE) != NONE
        if unread.isdisjoint(_TOGETHER) and ("baseline" in found) != has_share:
            message = "expected `baseline` and `baseline_share` together, found one of them"
            findings.append(Finding("policy/wrong-value", message, f"{where}: baseline"))
        if findings:
            message = "the policy cannot be used as it is"
            raise UsageError(message, code="policy/invalid", where=where, findings=findings)
        return cls(**found)  # type: ignore[arg-type] # each was read by its own reader

    def to_json(self) -> dict[str, object]:
        """Return the whole policy, defaults included, in JSON form."""
        share = self.baseline_share.fraction
        body = {**asdict(self), "guardrails": list(self.guardrails), "baseline_share": share}
        return {name: value for name, value in body.items() if value not in (None, {})}


def _read(value: Mapping[str, object], where: str) -> tuple[dict[str, object], list[Finding]]:
    """Return the values that can be read, by their keys, and what is wrong with the others."""
    found: dict[str, object] = {}
    findings: list[Finding] = []
    for name, given in value.items():
        if name not in _READERS:
            hint = did_you_mean(name, _READERS)
            message = f"unknown key `{name[:60]}`"
            findings.append(Finding("policy/unknown-key", message, where, hint))
            continue
        try:
            found[name] = _READERS[name](given)
        except UsageError as problem:
            findings.append(Finding("policy/wrong-value", problem.message, f"{where}: {name}"))
        except ValueError as problem:
            message = f"expected {problem}, found `{str(given)[:60]}`"
            findings.append(Finding("policy/wrong-value", message, f"{where}: {name}"))
    return found, findings


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value
    raise ValueError("text")


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_text(one) for one in value)
    raise ValueError("a list of text")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")


def _count(most: int, least: int = 0) -> Callable[[object], int]:
    def read(value: object) -> int:
        if type(value) is int and least <= value <= most:
            return value
        raise ValueError(f"a whole number from {least} to {most}")

    return read


def _package(value: object) -> str:
    reference = Reference.parse(_text(value))
    if reference.version is None:
        raise ValueError("`name:version`")
    return str(reference)


def _share(value: object) -> Share:
    if type(value) in (int, float):  # digits alone: Python writes small numbers as `1e-05`
        value = f"{Decimal(repr(value)):f}"
    share = Share.parse(value if isinstance(value, str) else f"{value}")
    if not 0 <= share.millionths < WHOLE:
        raise ValueError("a share below 100%")
    return share


def _keys(value: object) -> dict[str, str]:
    if isinstance(value, dict) and all(
        isinstance(key, str) and _FINGERPRINT.fullmatch(key) for key in value.values()
    ):
        return {_text(person): key for person, key in value.items()}
    raise ValueError("people, each with the 64 hexadecimal digits that `ketch keygen` printed")


_READERS: dict[str, Callable[[object], object]] = {
    "unit": _text,
    "baseline": _package,
    "baseline_share": _share,
    "primary": _text,
    "guardrails": _texts,
    "approvals": _count(_MOST_APPROVALS),
    "approval_days": _count(_MOST_DAYS, least=1),
    "comparison": _flag,
    "experiment": _flag,
    "auto_rollback": _flag,
    "publishers": _keys,
    "approvers": _keys,
}
