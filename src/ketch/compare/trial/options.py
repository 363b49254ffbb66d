"""How packages are compared, as a person asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ketch.compare.questions import Asked
from ketch.compare.trial.measures import Wanted
from ketch.compare.trial.outcomes import Happened


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare.

    Attributes:
        inputs: A file with the rows to ask; without it, the scenarios of all packages.
        asked: Questions in place of those, such as decisions replayed.
        happened: Where it is told what became of the decisions that are replayed.
        metrics: What to measure, each as ``OUTPUT:MEASURE:TARGET``, or as a policy has it.
        tolerance: So much worse does not count, as a part of the value of the first package.
        unit: The column that says whom a row is about; its rows are not independent.
        slices: Columns by whose values to tell of differences and metrics.
        pick: The metric by which to choose one of the packages.
        offline: Whether only what lies on this machine may be used.
        names: What to call the packages; without it, ``name:version``.
    """

    inputs: Path | None = None
    asked: Asked | None = None
    happened: Happened | None = None
    metrics: Sequence[str | Wanted] = ()
    tolerance: float = 0.0
    unit: str | None = None
    slices: Sequence[str] = ()
    pick: str | None = None
    offline: bool = False
    names: Sequence[str] | None = None
