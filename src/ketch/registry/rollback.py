"""How a route goes back: at once, without approval, to a package that held prod before.

Going back twice goes further back, and never forth again: the line of a route holds its
packages in the order in which they held prod, and a rollback ends it at its target.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ketch.errors import Refused
from ketch.package.digest import Digest
from ketch.registry.events import Draft, Kind
from ketch.registry.promotion import LONGEST_LINE, Line, state, subject, without
from ketch.registry.route import Arm, Place, Route

Held = tuple[str, Digest]
"""A package, as ``name:version`` and exactly."""


def roll_back(
    route: Route, *, to: Held | None, reason: str, withdrawn: Collection[Digest] = ()
) -> Draft:
    """Return the event that takes the newest package out of live traffic.

    Without ``to``: a package at limited loses its share, and prod stays; when there is
    none, the newest other one that held prod and was not withdrawn comes back. With ``to``,
    that package holds prod, and limited ends; said again after an answer was lost, it comes
    to the same end. It needs no approval, for it held prod before.

    Args:
        route: The route as it stands.
        to: The package, when it is not the one before.
        reason: Why; a withdrawn package needs one.
        withdrawn: Those of the route's line that must not be used any more.

    Raises:
        Refused: ``rollback/nothing``: nothing to go back to; ``rollback/never-prod``;
            ``rollback/withdrawn``: the package was withdrawn, and no reason is given.
    """
    prod, limited = route.at(Place.PROD), route.at(Place.LIMITED)
    if to is not None:
        _check_target(route, to, reason, withdrawn)
        target: Held | None = to
    elif limited is not None:
        target = None if prod is None else (prod.package, prod.digest)
    else:
        target = _before(route, withdrawn)
    left = limited or prod
    return Draft(
        Kind.ROLLED_BACK,
        subject(route.name),
        {
            "package": None if target is None else target[0],
            "digest": None if target is None else str(target[1]),
            "from": None if left is None else left.package,
            "reason": reason,
            **state(_arms(route, target), route.policy, _walked_back(route.line, target)),
        },
    )


def _check_target(route: Route, to: Held, reason: str, withdrawn: Collection[Digest]) -> None:
    package, digest = to
    if digest not in route.held:
        raise Refused(
            f"`{package}` never held prod on `{route.name}`",
            code="rollback/never-prod",
            hint=f"roll back to one of {_listed(route.line)}, or `ketch promote {package} prod`",
        )
    if digest in withdrawn and not reason.strip():
        raise Refused(
            f"`{package}` was withdrawn",
            code="rollback/withdrawn",
            hint='roll back to another, or say why it has to be: `--reason "…"`',
        )


def _before(route: Route, withdrawn: Collection[Digest]) -> Held:
    """Return the newest package that held prod, is not there now, and may be again."""
    others = _others(route)
    for package, digest in reversed(others):
        if digest not in withdrawn:
            return package, digest
    if others:
        raise Refused(
            f"all that held prod on `{route.name}` before was withdrawn: {_listed(others)}",
            code="rollback/nothing",
            hint=f'promote another package; or `ketch rollback {route.name} --to … --reason "…"`',
        )
    raise Refused(
        f"nothing held prod on `{route.name}` before",
        code="rollback/nothing",
        hint="promote another package, or set a baseline",
    )


def _others(route: Route) -> list[Held]:
    """Return what held prod and does not now; a package can stand in a line twice."""
    present = route.at(Place.PROD)
    return [one for one in route.line if present is None or one[1] != present.digest]


def _arms(route: Route, target: Held | None) -> dict[Place, Arm]:
    """Return who answers when limited has ended and the target holds prod."""
    arms = without(route, Place.LIMITED)
    if target is None:
        return arms
    staged = arms.get(Place.STAGING)
    if staged is not None and staged.digest == target[1]:
        del arms[Place.STAGING]
    return {**arms, Place.PROD: Arm(Place.PROD, *target)}


def _walked_back(line: Line, target: Held | None) -> Line:
    if target is None:
        return line
    for end in range(len(line), 0, -1):
        if line[end - 1][1] == target[1]:
            return line[:end]
    return (*line, target)[-LONGEST_LINE:]


def _listed(line: Sequence[Held]) -> str:
    names = dict.fromkeys(package for package, _ in reversed(line))
    return ", ".join(f"`{package}`" for package in names) or "none"
