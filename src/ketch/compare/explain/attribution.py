"""Who is to blame for how much: the Shapley value over the mixtures that exist.

With every mixture at hand it is the Shapley value, computed exactly: a component's share is
what it changes when it comes in, averaged over all orders in which the components can come in
(Shapley, "A value for n-person games", 1953). Where mixtures do not exist, the orders are
those that pass through existing mixtures alone, as in games whose coalitions are restricted
(Faigle and Kern, "The Shapley value for cooperative games under precedence constraints", 1992;
Bilbao and Edelman, "The Shapley value on convex geometries", 2000). Components that can only
come in together are one step of such an order, and share what it changes equally.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Mixture = frozenset[str]
"""The components that come from B."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """What each component contributes to the whole change.

    Attributes:
        contributions: Component → its part; together they are the value of all of them.
        together: Components that no mixture takes apart, group by group.
        orders: How many orders were averaged.
    """

    contributions: Mapping[str, float]
    together: tuple[tuple[str, ...], ...] = ()
    orders: int = 0

    def shares(self) -> dict[str, float]:
        """Return the contributions as shares of their sum; all zero when it is zero."""
        total = sum(self.contributions.values())
        if not total:
            return dict.fromkeys(self.contributions, 0.0)
        return {name: part / total for name, part in self.contributions.items()}


def attribute(components: Sequence[str], values: Mapping[Mixture, float]) -> Attribution:
    """Return what each component contributes to ``values[all] - values[none]``.

    Laws, while every mixture has a value: contributions sum to the whole change; components
    that change alike in every mixture contribute alike; one that changes nothing in any
    contributes nothing; the contributions to a sum of values are sums of contributions.
    The first law also holds when mixtures are missing.

    Args:
        components: The components that differ.
        values: Mixture → how much it changes; none and all must be there.

    >>> both = frozenset({"code", "params"})
    >>> values = {frozenset(): 0.0, frozenset({"code"}): 0.5, frozenset({"params"}): 0.0, both: 1.0}
    >>> dict(attribute(["code", "params"], values).contributions)
    {'code': 0.75, 'params': 0.25}
    """
    everything = frozenset(components)
    orders = list(_orders(everything, frozenset(values)))
    sums = dict.fromkeys(components, 0.0)
    for order in orders:
        for before, after in pairwise(order):
            joined = after - before
            for name in joined:
                sums[name] += (values[after] - values[before]) / len(joined)
    parts = {name: total / len(orders) for name, total in sums.items()}
    return Attribution(parts, _together(components, frozenset(values)), len(orders))


def _orders(everything: Mixture, known: frozenset[Mixture]) -> Iterator[tuple[Mixture, ...]]:
    """Yield every way from no component to all of them that skips no known mixture."""
    if not everything <= frozenset().union(*known) or frozenset() not in known:
        raise ValueError("expected the values of no component and of all")

    def ways(at: Mixture) -> Iterator[tuple[Mixture, ...]]:
        if at == everything:
            yield (at,)
            return
        above = [one for one in known if at < one <= everything]
        for step in above:
            if not any(other < step for other in above):
                for rest in ways(step):
                    yield (at, *rest)

    yield from ways(frozenset())


def _together(components: Sequence[str], known: frozenset[Mixture]) -> tuple[tuple[str, ...], ...]:
    """Return the groups of components that are in the same known mixtures."""
    groups: dict[frozenset[Mixture], list[str]] = {}
    for name in components:
        groups.setdefault(frozenset(one for one in known if name in one), []).append(name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)
