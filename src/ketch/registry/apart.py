"""Layers of several routes: which units each of them may touch, and that they never meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ketch.errors import Refused
from ketch.registry.policy import LayerPart
from ketch.registry.route import Place, Route
from ketch.rollout import Layer


def drawn(part: LayerPart, salt: str) -> Layer:
    """Return the part of a layer as assignment reads it."""
    return Layer(salt, part.start, part.end)


def require_apart(part: LayerPart, salt: str, others: Iterable[Route]) -> None:
    """Refuse a part of a layer that another route has units of.

    A route has the part that its policy names, and that of its rollout under way, which
    keeps the one it began with.

    Args:
        part: What a policy wants.
        salt: Of the layer.
        others: Every other route.

    Raises:
        Refused: ``policy/layer``, with each route that has some of it.
    """
    taken = [
        f"`{route.name}` has {has}" for route in others for has in _overlaps(part, salt, route)
    ]
    if taken:
        raise Refused(
            f"expected a part of layer `{part.name}` that no other route has, "
            f"found {part}; {'; '.join(taken)}",
            code="policy/layer",
            hint="choose `from` and `to` beside theirs, or name another layer",
        )


def _overlaps(part: LayerPart, salt: str, route: Route) -> Iterator[str]:
    named, limited = route.policy.layer, route.at(Place.LIMITED)
    if named is not None and named.name == part.name and part.overlaps(named.start, named.end):
        yield str(named)
        return
    layer = None if limited is None else limited.layer
    if layer is not None and layer.salt == salt and part.overlaps(layer.start, layer.end):
        running = LayerPart(part.name, layer.start, layer.end)
        yield f"{running}, until its rollout ends"
