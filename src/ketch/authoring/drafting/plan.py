"""A draft before it is written: the code in pieces, the schema, and what to try it with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ketch.authoring.drafting.said import SaidArray
from ketch.errors import Finding
from ketch.schema import Field, Float, List, Type


@dataclass(frozen=True, slots=True)
class Piece:
    """A template of ``templates/pieces`` and what is filled into it."""

    name: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a loader decides about a package folder.

    Attributes:
        pieces: The parts of ``pipeline.py``, in order.
        steps: Names of its steps.
        inputs, outputs: The schema.
        takes: What the first step gets.
        findings: What could not be decided.
        columns: The inputs → the columns of the example, where they differ.
        typical: A value for an input that says more than zero does.
        imports: The author's own modules that a pickle names.
        params: What ``load`` gets.
        is_runnable: Whether the pipeline can answer as it is written.
        is_sketch: Whether even the schema is only a place to write it.
    """

    pieces: tuple[Piece, ...]
    steps: tuple[str, ...]
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    takes: str = "records"
    findings: tuple[Finding, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    typical: Mapping[str, float] = field(default_factory=dict)
    imports: tuple[str, ...] = ()
    params: Mapping[str, object] = field(default_factory=dict)
    is_runnable: bool = True
    is_sketch: bool = False

    @property
    def loads(self) -> bool:
        """Whether the code has a ``load``."""
        return any(piece.name.startswith("load_") for piece in self.pieces)


def output(name: str, said: SaidArray | None, description: str = "") -> Field:
    """Return the declaration of an output, with tolerances that suit its precision.

    Sums in another order, on another processor or in another batch differ in the last
    digits; what a person can see stays exact.
    """
    kind: Type = said.type if said is not None and said.type is not None else Float(64)
    for _ in flat_shape(said):
        kind = List(kind)
    rtol, atol = tolerances(said.type if said is not None else None)
    return Field(name, kind, rtol=rtol, atol=atol, description=description)


def tolerances(kind: Type | None) -> tuple[float | None, float | None]:
    """Return how far an answer of this precision may be off, relatively and absolutely."""
    if kind is None or kind == Float(64):
        return 1e-6, 1e-9
    return (1e-4, 1e-6) if isinstance(kind, Float) else (None, None)


def flat_shape(said: SaidArray | None) -> tuple[int, ...]:
    """Return the shape of one row's answer; one number in a box is a number."""
    shape = said.shape if said is not None else ()
    return () if all(size == 1 for size in shape) else shape


def shown(value: object) -> str:
    """Return a label as one that can stand in a comment or a description."""
    return repr(value)[:60].replace("\\", "/").replace('"', "'")
