"""Outcomes as columns, for those who count many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SELECT = """
SELECT seq, name, key, at, told, value, label,
       coalesce(decision, zeroblob(16)), coalesce(unit, zeroblob(8))
FROM outcomes JOIN kinds ON kinds.id = outcomes.kind {} ORDER BY at, name, key
"""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Outcomes of a route; every column is of one length.

    Attributes:
        seq: The number of each, in the order in which they were recorded.
        name, key, label: Text; a label is JSON, or None.
        at, told: When it happened and when it was recorded, in microseconds since 1970.
        value: How much.
        moment, tail: The two halves of the decision's identity; 0 where none is named.
        unit: The keyed hash of the unit; 0 where none is named.
    """

    seq: NDArray[np.int64]
    name: NDArray[np.object_]
    key: NDArray[np.object_]
    at: NDArray[np.int64]
    told: NDArray[np.int64]
    value: NDArray[np.float64]
    label: NDArray[np.object_]
    moment: NDArray[np.uint64]
    tail: NDArray[np.uint64]
    unit: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.seq)


def columns(rows: Sequence[tuple[Any, ...]]) -> Columns:
    """Return the rows that ``SELECT`` found as columns."""
    parts = list(zip(*rows, strict=True)) or [()] * 9
    seq, name, key, at, told, value, label, decision, unit = parts
    halves = np.frombuffer(b"".join(decision), ">u8").astype(np.uint64).reshape(-1, 2)
    return Columns(
        np.array(seq, np.int64),
        np.array(name, object),
        np.array(key, object),
        np.array(at, np.int64),
        np.array(told, np.int64),
        np.array(value, np.float64),
        np.array(label, object),
        halves[:, 0],
        halves[:, 1],
        np.frombuffer(b"".join(unit), ">u8").astype(np.uint64),
    )
