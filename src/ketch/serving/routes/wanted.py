"""What ought to be served: a plain value, wherever it comes from.

It is derived from the routes of a registry, or made of the packages that somebody named;
it can be written down, so that serving starts again while the registry is away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self, cast

from ketch.package import Digest, Package
from ketch.registry import Arm, Place, Route
from ketch.registry.route import check_route_name, layer_json, read_layer
from ketch.rollout import Layer

DIRECT = "direct"
"""The arm of a package that was named on the command line."""

BEFORE = "before"
"""What a package is that held prod before: it runs, and answers when prod cannot."""


@dataclass(frozen=True, slots=True)
class WantedArm:
    """One package that ought to answer.

    Attributes:
        arm: What it is on its route: a place such as ``prod``, or :data:`DIRECT`.
        package: ``name:version``.
        digest: The package, exactly.
        share: The share of units it answers, in millionths; of the arm that answers the
            rest it says nothing.
        salt: Decides which units, where a share does.
        layer: The part of the units that it may touch; None for all.
    """

    arm: str
    package: str
    digest: Digest
    share: int = 0
    salt: str | None = None
    layer: Layer | None = None

    @classmethod
    def of(cls, arm: Arm) -> Self:
        """Return what an arm of the registry asks for."""
        share = arm.share.millionths
        return cls(str(arm.place), arm.package, arm.digest, share, arm.salt, arm.layer)

    def to_json(self) -> dict[str, object]:
        """Return the form that is written down."""
        return {
            "arm": self.arm,
            "package": self.package,
            "digest": str(self.digest),
            "share": self.share,
            "salt": self.salt,
            "layer": None if self.layer is None else layer_json(self.layer),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Self:
        """Read what :meth:`to_json` wrote."""
        salt, layer = body["salt"], body["layer"]
        return cls(
            str(body["arm"]),
            str(body["package"]),
            Digest.parse(str(body["digest"])),
            int(str(body["share"])),
            None if salt is None else str(salt),
            None if layer is None else read_layer(cast("Mapping[str, object]", layer)),
        )


@dataclass(frozen=True, slots=True)
class WantedRoute:
    """A route that ought to be served.

    Attributes:
        name: What callers call it.
        revision: Of the registry; 0 where there is none.
        unit: The input that says who is asking.
        rest: Answers whoever no other arm does.
        others: Arms with a share of units.
        staging: The package at the staging address, which also gets shadow copies.
        before: The package that held prod before; it is kept warm.
        has_metrics: Whether its policy declares model metrics, which somebody must count, or
            drift, for which somebody must look.
    """

    name: str
    revision: int = 0
    unit: str | None = None
    rest: WantedArm | None = None
    others: tuple[WantedArm, ...] = ()
    staging: WantedArm | None = None
    before: WantedArm | None = None
    has_metrics: bool = False

    @classmethod
    def of(cls, route: Route) -> Self:
        """Return what a route of the registry asks for."""
        arms = {arm.place: WantedArm.of(arm) for arm in route.arms}
        staging = arms.pop(Place.STAGING, None)
        rest = arms.pop(Place.PROD, None) or arms.pop(Place.BASELINE, None)
        earlier = [one for one in route.line[:-1] if one[1] != route.line[-1][1]]
        before = WantedArm(BEFORE, *earlier[-1]) if earlier else None
        return cls(
            route.name,
            route.revision,
            route.policy.unit,
            rest,
            tuple(arms.values()),
            staging,
            before,
            bool(route.policy.metrics or route.policy.drift),
        )

    @classmethod
    def direct(cls, package: Package) -> Self:
        """Return a route on which one package, which somebody named, answers all.

        Raises:
            UsageError: ``route/reserved``: no route can be called so.
        """
        name = package.manifest.route or str(package.manifest.name)
        check_route_name(name)
        arm = WantedArm(DIRECT, str(package.reference), package.digest)
        return cls(name, rest=arm)

    def staged(self) -> Self | None:
        """Return the route as a staging machine serves it; None if nothing stands there."""
        if self.staging is None:
            return None
        return type(self)(self.name, self.revision, self.unit, self.staging)

    @property
    def packages(self) -> tuple[WantedArm, ...]:
        """Every package that ought to run for it."""
        found = (self.rest, *self.others, self.staging, self.before)
        return tuple(arm for arm in found if arm is not None)

    def to_json(self) -> dict[str, object]:
        """Return the form that is written down."""
        return {
            "name": self.name,
            "revision": self.revision,
            "unit": self.unit,
            "rest": _json(self.rest),
            "others": [arm.to_json() for arm in self.others],
            "staging": _json(self.staging),
            "before": _json(self.before),
            "has_metrics": self.has_metrics,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Self:
        """Read what :meth:`to_json` wrote."""
        unit = body["unit"]
        return cls(
            str(body["name"]),
            int(str(body["revision"])),
            None if unit is None else str(unit),
            _arm(body["rest"]),
            tuple(map(WantedArm.from_json, cast("list[Mapping[str, object]]", body["others"]))),
            _arm(body["staging"]),
            _arm(body["before"]),
            body["has_metrics"] is True,
        )


def _json(arm: WantedArm | None) -> dict[str, object] | None:
    return None if arm is None else arm.to_json()


def _arm(body: object) -> WantedArm | None:
    return None if body is None else WantedArm.from_json(cast("Mapping[str, object]", body))


def wanted(routes: Iterable[Route], *, staging: bool = False) -> tuple[WantedRoute, ...]:
    """Return what a registry's routes ask for.

    Args:
        routes: The routes, as they stand.
        staging: Whether this machine is the staging machine: it serves what stands at
            staging under the live addresses, and nothing else.
    """
    found = [WantedRoute.of(route) for route in routes]
    if staging:
        found = [one for route in found if (one := route.staged()) is not None]
    return tuple(route for route in found if route.packages)
