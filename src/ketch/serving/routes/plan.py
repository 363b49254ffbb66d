"""Which package answers which rows of a request.

The same unit gets the same arm; a request whose rows belong to several units may be
answered by several packages. An arm whose workers cannot stay up hands its units to the
rest, and the rest hands its own to the package that answered before it, until somebody has
rolled back what does not run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ketch.errors import NotFound, Unavailable, UsageError
from ketch.rollout.assign import FORCED, NO_UNIT, UNIT
from ketch.schema import Row, did_you_mean
from ketch.serving.routes.table import LiveArm, LiveRoute

FALLBACK = "fallback"
"""Why an arm answers that was not assigned: the one that was cannot."""


class Visit(NamedTuple):
    """The rows of one unit, which are one decision.

    Attributes:
        unit: Who asks; None where that is not known.
        rows: Positions of its rows among those of its share.
    """

    unit: str | None
    rows: Sequence[int]


class Share(NamedTuple):
    """The rows of a request that one package answers.

    Attributes:
        arm: The arm whose package answers.
        why: Why this arm; see :class:`ketch.rollout.Assignment`.
        rows: Positions of the rows in the request.
        visits: Whose they are.
    """

    arm: LiveArm
    why: str
    rows: Sequence[int]
    visits: tuple[Visit, ...]


def plan(route: LiveRoute, rows: Sequence[Row], headers: Mapping[str, str]) -> tuple[Share, ...]:
    """Return who answers which rows.

    Args:
        route: As it is served now.
        rows: As the caller sent them.
        headers: ``ketch-unit`` names the unit of all rows; ``ketch-arm`` forces an arm.

    Raises:
        NotFound: ``request/arm``: there is no such arm to force.
        UsageError: ``request/unit``: what names the unit is neither text nor an integer.
        Unavailable: ``serve/starting``: nothing is there to answer.
    """
    named = _meant(headers.get("ketch-unit"))
    forced = headers.get("ketch-arm")
    if forced is not None:
        _check_arm(route, forced)
    units = [named] if named or route.unit is None else _units(route.unit, rows)
    if len(units) == 1 or len(set(units)) == 1:
        arm, why = _arm(route, units[0], forced)
        everything = range(len(rows))
        return (Share(arm, why, everything, (Visit(units[0], everything),)),)
    return _split(route, units, forced)


def _split(route: LiveRoute, units: Sequence[str | None], forced: str | None) -> tuple[Share, ...]:
    """Return a share for each arm that some of the units have."""
    places: dict[str | None, list[int]] = {}
    for index, unit in enumerate(units):
        places.setdefault(unit, []).append(index)
    found: dict[tuple[LiveArm, str], list[str | None]] = {}
    for unit in places:
        found.setdefault(_arm(route, unit, forced), []).append(unit)
    return tuple(
        _shared(arm, why, {unit: places[unit] for unit in theirs})
        for (arm, why), theirs in found.items()
    )


def _shared(arm: LiveArm, why: str, places: Mapping[str | None, Sequence[int]]) -> Share:
    rows = sorted(row for theirs in places.values() for row in theirs)
    at = {row: index for index, row in enumerate(rows)}
    visits = (Visit(unit, [at[row] for row in theirs]) for unit, theirs in places.items())
    return Share(arm, why, rows, tuple(visits))


def _arm(route: LiveRoute, unit: str | None, forced: str | None) -> tuple[LiveArm, str]:
    split = route.split
    if split is None:
        raise nothing(route)
    if route.is_chosen:
        name, why = split.rest, FORCED
    elif not route.others and forced is None:
        name, why = split.rest, UNIT if unit else NO_UNIT
    else:
        name, why = split.assign(unit, forced=forced)
    arm = route.by_name[name]
    if not arm.pool.failing:
        return arm, why
    standing = (one for one in (route.rest, route.before) if one and not one.pool.failing)
    return next(standing, arm), FALLBACK


def _units(field: str, rows: Sequence[Row]) -> list[str | None]:
    units: list[str | None] = []
    for index, row in enumerate(rows):
        unit = row.get(field) if type(row) is dict else None
        if unit is not None and type(unit) not in (str, int):
            raise UsageError(
                f"expected text or an integer in `{field}`, which says who is asking",
                code="request/unit",
                where=f"rows[{index}].{field}",
            )
        units.append(None if unit is None else str(unit))
    return units


def _meant(value: str | None) -> str | None:
    """Return a header as it was meant: a name beyond ASCII is the same here as in a row."""
    if value is None or value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()  # its bytes, which are UTF-8 from most clients
    except UnicodeError:
        return value


def _check_arm(route: LiveRoute, forced: str) -> None:
    if forced not in route.by_name:
        listed = ", ".join(f"`{name}`" for name in route.by_name) or "none"
        verb = "are" if len(route.by_name) > 1 else "is"
        raise NotFound(
            f"expected an arm of `{route.name}` in `Ketch-Arm`, found `{forced[:40]}`",
            code="request/arm",
            hint=did_you_mean(forced, list(route.by_name)) or f"there {verb} {listed}",
        )


def nothing(route: LiveRoute) -> Unavailable | NotFound:
    """Return why nothing answers: it starts, it cannot start, or nothing was promoted."""
    rest = None if route.wanted is None else route.wanted.rest
    packages = (rest.package,) if rest else () if route.wanted else tuple(route.problems)
    if packages:
        return starting(packages[0], route)
    return NotFound(
        f"nothing answers on the route `{route.name}` yet",
        code="request/route",
        hint="it begins when a package is promoted to prod, or is the baseline",
    )


def starting(package: str, route: LiveRoute) -> Unavailable:
    """Return the error for a request whose package does not run yet."""
    return Unavailable(
        f"`{package}` does not answer on the route `{route.name}` yet",
        code="serve/starting",
        hint="`/readyz` says why",
    )
