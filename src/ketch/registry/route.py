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
from typing import NamedTuple, cast

from ketch.errors import UsageError
from ketch.package.digest import Digest
from ketch.package.names import PackageName
from ketch.registry.events import read_time, write_time
from ketch.registry.judgement import Judgement
from ketch.registry.policy import Policy
from ketch.registry.share import ALL, NONE, Share, rest_of
from ketch.rollout import Layer, rollout_id

RESERVED = frozenset({"outcomes"})
"""No names of routes: a gateway has something else at their address."""


def check_route_name(name: str) -> None:
    """Return if a route can be called so.

    Raises:
        UsageError: ``package/name-syntax``, ``route/reserved``.
    """
    PackageName.parse(name, where="route")
    if name in RESERVED:
        raise UsageError(
            f"expected a name that gateways do not need themselves, found `{name}`",
            code="route/reserved",
            hint="`--route NAME`, or `route` in ketch.toml, gives it another",
        )


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
        layer: The part of the units it may touch, from when the salt was drawn; None for all.
    """

    place: Place
    package: str
    digest: Digest
    share: Share = NONE
    salt: str | None = None
    layer: Layer | None = None

    def to_json(self) -> dict[str, object]:
        """Return the arm as events and ``ketch status --json`` hold it."""
        body: dict[str, object] = {
            "stage": str(self.place),
            "package": self.package,
            "digest": str(self.digest),
            "share": self.share.fraction,
            "salt": self.salt,
            "layer": None if self.layer is None else layer_json(self.layer),
        }
        return {name: value for name, value in body.items() if value is not None}

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Arm:
        """Read what :meth:`to_json` wrote."""
        salt, layer = body.get("salt"), body.get("layer")
        return cls(
            Place(str(body["stage"])),
            str(body["package"]),
            Digest.parse(str(body["digest"])),
            Share(round(float(str(body["share"])) * ALL.millionths)),
            None if salt is None else str(salt),
            None if layer is None else read_layer(cast("Mapping[str, object]", layer)),
        )


class Draw(NamedTuple):
    """What a new rollout draws, and keeps: which units it has, of which part of them."""

    salt: str
    layer: Layer | None = None


def layer_json(layer: Layer) -> dict[str, object]:
    """Return the layer of an arm in JSON form, its part in millionths."""
    return {"salt": layer.salt, "start": layer.start, "end": layer.end}


def read_layer(body: Mapping[str, object]) -> Layer:
    """Read what :func:`layer_json` wrote."""
    return Layer(str(body["salt"]), int(str(body["start"])), int(str(body["end"])))


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
        verdicts: The newest verdict on each package that is on the route.
    """

    name: str
    revision: int = 0
    policy: Policy = field(default_factory=Policy)
    arms: tuple[Arm, ...] = ()
    approvals: tuple[Approval, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    line: tuple[tuple[str, Digest], ...] = ()
    held: frozenset[Digest] = frozenset()
    verdicts: tuple[Judgement, ...] = ()

    @property
    def rollout(self) -> str | None:
        """What the rollout under way is called; None while nothing is tried against prod."""
        limited, prod = self.at(Place.LIMITED), self.at(Place.PROD)
        if limited is None or prod is None or limited.salt is None:
            return None
        return rollout_id(limited.salt, str(limited.digest), str(prod.digest))

    @property
    def verdict(self) -> Judgement | None:
        """The newest verdict on the rollout under way; one on another counts no more."""
        under_way = self.rollout
        return next((one for one in self.verdicts if one.rollout == under_way), None)

    def at(self, place: Place) -> Arm | None:
        """Return the arm at a place."""
        return next((arm for arm in self.arms if arm.place is place), None)

    def drawn(self, digest: Digest) -> Draw | None:
        """Return what the rollout of a package drew, if it is at limited."""
        arm = self.at(Place.LIMITED)
        if arm is None or arm.digest != digest or arm.salt is None:
            return None
        return Draw(arm.salt, arm.layer)

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
            "rollout": self.rollout,
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
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
            tuple(Judgement.from_json(one) for one in _tables(body["verdicts"])),
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
