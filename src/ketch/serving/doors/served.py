"""What the pages of the gateway know of what it serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

from ketch.errors import NotFound
from ketch.schema import did_you_mean
from ketch.schema.problems import printable
from ketch.serving.contract import Contract


class ServedArm(Protocol):
    """A package that answers on a route."""

    @property
    def arm(self) -> str:
        """Which arm of the route it is."""
        ...

    @property
    def contract(self) -> Contract:
        """What it promises."""
        ...


class ServedRoute(Protocol):
    """A route as it is served."""

    @property
    def name(self) -> str:
        """What callers call it."""
        ...

    @property
    def rest(self) -> ServedArm | None:
        """Who answers whoever no other arm does; None while nobody does."""
        ...

    @property
    def arms(self) -> Sequence[ServedArm]:
        """Every package that answers callers, the rest first."""
        ...

    @property
    def contract(self) -> Contract | None:
        """What callers may rely on; None while nobody answers."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether a verified worker answers callers, where any package ought to."""
        ...

    @property
    def problems(self) -> Mapping[str, str]:
        """What is wanted and not served, and why: package → reason."""
        ...


Served: TypeAlias = Mapping[str, ServedRoute]
"""Every route, by name."""


def described(served: Served) -> Iterator[tuple[str, Contract]]:
    """Yield the routes that promise something, by name."""
    for name in sorted(served):
        contract = served[name].contract
        if contract is not None:
            yield name, contract


def route_of(served: Served, name: str) -> ServedRoute:
    """Return a route.

    Raises:
        NotFound: ``request/route``.
    """
    route = served.get(name)
    if route is None:
        raise no_route(name, served)
    return route


def no_route(name: str, served: Served) -> NotFound:
    """Return the error for a route that is not there."""
    known = ", ".join(f"`{one}`" for one in sorted(served)[:5])
    hint = f"there {'are' if len(served) > 1 else 'is'} {known}" if known else "none is served"
    return NotFound(
        f"expected a route that is served, found `{printable(name, 64)}`",
        code="request/route",
        hint=did_you_mean(name, served) or hint,
    )
