"""A route: the name callers use, and the packages that answer on it.

=========  ====================================================================
place      what a package there does
=========  ====================================================================
staging    answers under the staging address, and shadow copies of live traffic
limited    answers a share of the units, always the same ones
prod       answers the rest
baseline   answers a held-out share, for as long as the policy says
=========  ====================================================================

One package at a place. Stages and traffic are one thing: there is no second switch that
says whether a promoted package is really used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import cast

from ketch.package.digest import Digest
from ketch.registry.events import read_time, write_time
from ketch.registry.policy import Policy
from ketch.registry.share import ALL, NONE, Share, rest_of


class Place(StrEnum):
    """Where on a route a package answers."""

    PROD = "prod"
    LIMITED = "limited"
    BASELINE = "baseline"
    STAGING = "staging"


@dataclass(frozen=True, slots=True)
class Arm:
    """One package on a route.

    Attributes:
        place: What it does there.
        package: ``name:version``.
        digest: The package, exactly.
        share: The share of units it answers.
        salt: Decides which units: at ``limited`` drawn once per rollout, at ``baseline``
            when units are first held out.
    """

    place: Place
    package: str
    digest: Digest
    share: Share = NONE
    salt: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the arm as events and ``ketch status --json`` hold it."""
        body: dict[str, object] = {
            "stage": str(self.place),
            "package": self.package,
            "digest": str(self.digest),
            "share": self.share.fraction,
        }
        return body if self.salt is None else {**body, "salt": self.salt}

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Arm:
        """Read what :meth:`to_json` wrote."""
        salt = body.get("salt")
        return cls(
            Place(str(body["stage"])),
            str(body["package"]),
            Digest.parse(str(body["digest"])),
            Share(round(float(str(body["share"])) * ALL.millionths)),
            None if salt is None else str(salt),
        )


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's yes to one digest in production, on the evidence of that moment."""

    package: str
    digest: Digest
    approver: str
    evidence: str
    expires: datetime

    def to_json(self) -> dict[str, object]:
        """Return the approval as events hold it."""
        return {
            "package": self.package,
            "digest": str(self.digest),
            "approver": self.approver,
            "evidence": self.evidence,
            "expires": write_time(self.expires),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Approval:
        """Read what :meth:`to_json` wrote."""
        return cls(
            str(body["package"]),
            Digest.parse(str(body["digest"])),
            str(body["approver"]),
            str(body["evidence"]),
            read_time(str(body["expires"])),
        )


@dataclass(frozen=True, slots=True)
class Rejection:
    """One person's no to one digest in production; it holds until somebody approves."""

    package: str
    digest: Digest
    person: str
    time: datetime
    reason: str

    def to_json(self) -> dict[str, object]:
        """Return the rejection as ``ketch status --json`` prints it."""
        return {
            "package": self.package,
            "digest": str(self.digest),
            "person": self.person,
            "time": write_time(self.time),
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Rejection:
        """Read what :meth:`to_json` wrote."""
        return cls(
            str(body["package"]),
            Digest.parse(str(body["digest"])),
            str(body["person"]),
            read_time(str(body["time"])),
            str(body["reason"]),
        )


@dataclass(frozen=True, slots=True)
class Route:
    """A route as it stands.

    Attributes:
        name: What callers call it.
        revision: How many events it had; a change may ask that it is still this one.
        policy: Its rules.
        arms: Who answers, by place; ``prod`` first.
        approvals: Approvals given and not rejected since, expired ones included.
        rejections: Rejections without an approval of the same digest since.
        line: Packages that held prod, the present one last, as a rollback walks back:
            a package that was rolled back is no longer part of it. At most 20.
        held: Digests of all packages that ever held prod.
    """

    name: str
    revision: int = 0
    policy: Policy = field(default_factory=Policy)
    arms: tuple[Arm, ...] = ()
    approvals: tuple[Approval, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    line: tuple[tuple[str, Digest], ...] = ()
    held: frozenset[Digest] = frozenset()

    def at(self, place: Place) -> Arm | None:
        """Return the arm at a place."""
        return next((arm for arm in self.arms if arm.place is place), None)

    def of(self, digest: Digest) -> Arm | None:
        """Return the arm of a package, the baseline aside."""
        found = (arm for arm in self.arms if arm.digest == digest)
        return next((arm for arm in found if arm.place is not Place.BASELINE), None)

    def to_json(self) -> dict[str, object]:
        """Return the route as ``ketch status --json`` prints it."""
        return {
            "route": self.name,
            "revision": self.revision,
            "arms": [arm.to_json() for arm in self.arms],
            "policy": self.policy.to_json(),
            "approvals": [approval.to_json() for approval in self.approvals],
            "rejections": [rejection.to_json() for rejection in self.rejections],
            "line": [{"package": package, "digest": str(digest)} for package, digest in self.line],
            "held": sorted(str(digest) for digest in self.held),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Route:
        """Read what :meth:`to_json` wrote."""
        policy = cast("Mapping[str, object]", body["policy"])
        return cls(
            str(body["route"]),
            int(str(body["revision"])),
            Policy.from_json(policy),
            tuple(Arm.from_json(arm) for arm in _tables(body["arms"])),
            tuple(Approval.from_json(one) for one in _tables(body["approvals"])),
            tuple(Rejection.from_json(one) for one in _tables(body["rejections"])),
            tuple(
                (str(one["package"]), Digest.parse(str(one["digest"])))
                for one in _tables(body["line"])
            ),
            frozenset(Digest.parse(one) for one in cast("list[str]", body["held"])),
        )


def _tables(value: object) -> list[Mapping[str, object]]:
    return cast("list[Mapping[str, object]]", value)


def divided(arms: Mapping[Place, Arm], held_out: Share) -> tuple[Arm, ...]:
    """Return the arms with their shares: what nobody else answers is prod's.

    Args:
        arms: Who answers where; the share of ``limited`` counts.
        held_out: The baseline's share. Without a package in prod it answers the rest.
    """
    shares = {Place.STAGING: NONE, Place.BASELINE: held_out}
    settled = {
        place: replace(arms[place], share=shares.get(place, arms[place].share))
        for place in Place
        if place in arms
    }
    rest = Place.PROD if Place.PROD in settled else Place.BASELINE
    if rest in settled:
        others = [arm.share for place, arm in settled.items() if place is not rest]
        settled[rest] = replace(settled[rest], share=rest_of(*others))
    return tuple(settled.values())
