"""What is served at this moment: one value, swapped whole.

A request looks at the table once and goes where it says. What is at work when the table
is swapped ends where it began, so no answer is ever half of one package and half of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TypeAlias

from ketch.monitor.decisions.decision import Origin
from ketch.package import Digest
from ketch.registry import Place
from ketch.rollout import Claim, Layer, Split, rollout_id
from ketch.schema import Field, Int, String
from ketch.schema.quick import Quick
from ketch.serving.contract import Contract
from ketch.serving.routes.wanted import WantedArm, WantedRoute
from ketch.serving.workers import Pool

STARTING = "its workers are starting"


@dataclass(frozen=True, slots=True)
class LiveArm:
    """A package that answers.

    Attributes:
        arm: What it is on its route.
        pool: Its workers.
        share: The share of units it answers, in millionths.
        salt: Decides which units.
        layer: The part of the units that it may touch; None for all.
    """

    arm: str
    pool: Pool
    share: int = 0
    salt: str | None = None
    layer: Layer | None = None

    @property
    def contract(self) -> Contract:
        """What it promises."""
        return self.pool.contract

    def __hash__(self) -> int:
        """Return the hash of what tells arms apart soonest; it is taken for each request."""
        return hash((self.arm, self.share))


@dataclass(frozen=True)
class LiveRoute:
    """A route as it is served.

    Attributes:
        name: What callers call it.
        revision: Of the registry, as far as it is carried out.
        unit: The input that says who is asking.
        rest: The arm that answers whoever no other arm does.
        others: Arms with a share of units.
        staging: The package at the staging address.
        before: The package that answered the rest before; it answers where another cannot.
        problems: What is wanted and not served, and why: package → reason.
        is_chosen: Whether whoever asks here chose the package, so that nothing on it was
            assigned by chance.
        wanted: What it ought to be.
    """

    name: str
    revision: int = 0
    unit: str | None = None
    rest: LiveArm | None = None
    others: tuple[LiveArm, ...] = ()
    staging: LiveArm | None = None
    before: LiveArm | None = None
    problems: Mapping[str, str] = field(default_factory=dict)
    is_chosen: bool = False
    wanted: WantedRoute | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a verified worker answers callers, where any package ought to."""
        if self.rest is None:
            return self.wanted is not None and self.wanted.rest is None
        return self.rest.pool.ready

    @cached_property
    def staged(self) -> LiveRoute | None:
        """The route as it is under the staging address; None if nothing stands there."""
        return None if self.staging is None else self._only(self.staging)

    def of_version(self, version: str) -> LiveRoute | None:
        """Return the route with one of its packages alone; None if it has none of that version."""
        found = (arm for arm in self.arms if arm.contract.version == version)
        arm = next(found, None)
        return None if arm is None else self._only(arm)

    def now(self, table: Table) -> LiveRoute | None:
        """Return the route as a newer table has it; None if what was chosen is not in it."""
        found = table.get(self.name)
        if found is None or not self.is_chosen or self.rest is None:
            return found
        chosen = self.rest.contract.digest
        arm = next((one for one in found.all if one.contract.digest == chosen), None)
        return None if arm is None else self._only(arm)

    def _only(self, arm: LiveArm) -> LiveRoute:
        return LiveRoute(self.name, self.revision, self.unit, arm, is_chosen=True)

    @cached_property
    def split(self) -> Split | None:
        """How units are shared out; None while nothing answers the rest."""
        if self.rest is None:
            return None
        claims = {arm.arm: Claim(arm.arm, arm.share, arm.salt or self.name) for arm in self.others}
        held_out, limited = claims.get(Place.BASELINE), claims.get(Place.LIMITED)
        layers = [arm.layer for arm in self.others if arm.arm == Place.LIMITED]
        return Split(self.rest.arm, held_out, limited, next(iter(layers), None))

    @cached_property
    def origins(self) -> Mapping[LiveArm, Origin]:
        """What decisions of an arm have in common.

        What one package of the route calls personal is so for all of them: a candidate that
        forgot to say so is asked the same rows.
        """
        shares = "" if self.split is None else self.split.shares
        rollout = self._rollout
        sides = (self.by_name.get(Place.LIMITED), self.rest) if rollout else ()
        return {
            arm: Origin(
                self.name,
                arm.contract.reference,
                str(arm.contract.package.digest),
                arm.arm,
                shares,
                rollout if arm in sides else "",
                _personal(one.contract.schema.inputs for one in self.all),
                _personal(one.contract.schema.outputs for one in self.all),
            )
            for arm in self.all
        }

    @property
    def _rollout(self) -> str:
        """Which rollout there is: one package at limited, beside another at prod."""
        limited, rest = self.by_name.get(Place.LIMITED), self.rest
        if limited is None or limited.salt is None or rest is None or rest.arm != Place.PROD:
            return ""
        return rollout_id(limited.salt, limited.contract.digest, rest.contract.digest)

    @cached_property
    def by_name(self) -> Mapping[str, LiveArm]:
        """The arms that answer callers, by what they are."""
        return {arm.arm: arm for arm in self.arms}

    @cached_property
    def contract(self) -> Contract | None:
        """What callers may rely on: the promises of the arm that answers the rest."""
        first = next(iter(self.arms), None)
        return None if first is None else first.contract

    @cached_property
    def quick(self) -> Quick | None:
        """Reads plain requests at once, where each package finds the same in them.

        So does whoever looks for the unit, which is text or an integer.
        """
        contract = self.contract
        if contract is None:
            return None
        inputs = contract.schema.inputs
        is_one = all(arm.contract.schema.inputs == inputs for arm in self.all)
        has_unit = all(
            isinstance(one.type, Int | String) for one in inputs if one.name == self.unit
        )
        return contract.quick if is_one and has_unit else None

    @cached_property
    def arms(self) -> tuple[LiveArm, ...]:
        """Every arm that answers callers, the rest first."""
        return self.others if self.rest is None else (self.rest, *self.others)

    @property
    def all(self) -> tuple[LiveArm, ...]:
        """Every package that runs for it."""
        more = (self.staging, self.before)
        return (*self.arms, *(arm for arm in more if arm is not None))


Table: TypeAlias = Mapping[str, LiveRoute]
"""Every route, by name."""

EMPTY: Table = MappingProxyType({})


def settle(
    route: WantedRoute,
    before: LiveRoute | None,
    running: Mapping[Digest, Pool],
    problems: Mapping[Digest, str],
) -> LiveRoute:
    """Return a route as it can be served now; pure.

    What is ready is served as it is wanted. Until the package for the rest is, the one that
    did so before goes on; where there was none and it cannot be started, the package that
    held prod before it answers. A package with a share that is not ready has none yet, and
    its units are answered by the rest.

    Args:
        route: What is wanted.
        before: The route as it was served until now.
        running: Workers that are verified.
        problems: Why others are not.
    """
    earlier = _live(route.before, running)
    rest = _live(route.rest, running)
    if rest is None and route.rest is not None:
        rest = None if before is None else before.rest
        if rest is None and route.rest.digest in problems:
            rest = earlier
    others = (_live(arm, running) for arm in route.others)
    return LiveRoute(
        route.name,
        route.revision,
        route.unit,
        rest,
        tuple(arm for arm in others if arm is not None),
        _live(route.staging, running),
        earlier,
        {
            arm.package: problems.get(arm.digest, STARTING)
            for arm in route.packages
            if arm.digest not in running and arm is not route.before
        },
        wanted=route,
    )


def _personal(sides: Iterable[Sequence[Field]]) -> frozenset[str]:
    return frozenset(field.name for fields in sides for field in fields if field.pii)


def _live(arm: WantedArm | None, running: Mapping[Digest, Pool]) -> LiveArm | None:
    pool = None if arm is None else running.get(arm.digest)
    if arm is None or pool is None:
        return None
    return LiveArm(arm.arm, pool, arm.share, arm.salt, arm.layer)
