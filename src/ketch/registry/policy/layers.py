"""The part of a layer that the rollouts of a route may touch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ketch.registry.reading import Reader, Reading, number, text
from ketch.registry.share import WHOLE


@dataclass(frozen=True, slots=True)
class LayerPart:
    """A part of the units of a layer: routes whose parts do not overlap share no unit.

    Attributes:
        name: Of the layer. Its salt is drawn when a policy first names it, for all routes.
        start, end: Which part, in millionths; ``end`` is no longer in it.
    """

    name: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= WHOLE:
            raise ValueError(f"expected a part of {WHOLE}, found {self.start} to {self.end}")

    def overlaps(self, start: int, end: int) -> bool:
        """Whether another part of the same layer has units of this one."""
        return self.start < end and start < self.end

    def to_json(self) -> dict[str, object]:
        """Return the part as a table of a policy."""
        return {"name": self.name, "from": self.start / WHOLE, "to": self.end / WHOLE}

    def __str__(self) -> str:
        return f"{self.start / WHOLE:g} to {self.end / WHOLE:g} of layer `{self.name}`"


_BORDER = number("a number from 0 to 1", lambda one: 0 <= one <= 1)
_READERS: Mapping[str, Reader] = {"name": text, "from": _BORDER, "to": _BORDER}


def read_layer(given: object, reading: Reading) -> LayerPart | None:
    """Return the part that a policy names; tell what is wrong with it."""
    found = reading.table(given, _READERS, "layer")
    if not isinstance(given, Mapping):
        return None
    if missing := [f"`{name}`" for name in _READERS if name not in given]:
        reading.wrong(f"expected {', '.join(missing)} too, found none", "layer")
    if len(found) < len(_READERS):
        return None
    start, end = (round(float(str(found[name])) * WHOLE) for name in ("from", "to"))
    if start >= end:
        reading.wrong(
            f"expected `from` below `to`, found {found['from']} and {found['to']}", "layer"
        )
        return None
    return LayerPart(str(found["name"]), start, end)
