"""The columns of sealed decisions, and the ways between them and what a writer wrote.

An identity is kept as two numbers and a unit as one, which sort fast and take little room;
inputs and outputs are kept as the JSON text they were, so that a decision can be repeated
to the byte. Rows are sorted by unit and then by time: rows of one unit are alike, and a
unit is found in one row group of a segment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from ketch.monitor.decisions import frames
from ketch.monitor.decisions.decision import LARGEST
from ketch.monitor.decisions.ids import is_id, time_of
from ketch.tables.engine import literal

COLUMNS = {
    "moment": "UBIGINT",
    "tail": "UBIGINT",
    "route": "VARCHAR",
    "package": "VARCHAR",
    "digest": "VARCHAR",
    "arm": "VARCHAR",
    "shares": "VARCHAR",
    "rollout": "VARCHAR",
    "why": "VARCHAR",
    "unit": "UBIGINT",
    "status": "USMALLINT",
    "error": "VARCHAR",
    "rows": "UINTEGER",
    "batch_rows": "UINTEGER",
    "duration_us": "UBIGINT",
    "steps": "VARCHAR",
    "shadow_of": "VARCHAR",
    "inputs": "VARCHAR",
    "outputs": "VARCHAR",
}
NAMES = ", ".join(COLUMNS)
ORDER = "unit NULLS FIRST, moment, tail"
PARQUET = "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, ROW_GROUP_SIZE 10240"

SHOWN = """
    printf('%016x%016x', moment, tail) AS id,
    make_timestamp((moment >> 16)::BIGINT * 1000 + (moment & 4095)::BIGINT * 1000 // 4096)
        AS time,
    route, package, digest, arm, shares, rollout, why,
    CASE WHEN unit IS NOT NULL THEN printf('%016x', unit) END AS unit,
    status, error, rows, batch_rows, duration_us, steps, shadow_of, inputs, outputs
"""
"""Columns as people ask for them; times are UTC."""


class Written(msgspec.Struct, frozen=True, gc=False):
    """A decision as a writer wrote it."""

    id: str
    n: int
    route: str
    package: str
    digest: str
    arm: str
    shares: str
    rollout: str
    why: str
    unit: str | None
    status: int
    error: str | None
    rows: int
    batch_rows: int
    duration_us: int
    steps: msgspec.Raw
    shadow_of: str | None
    inputs: msgspec.Raw
    outputs: msgspec.Raw

    @property
    def moment(self) -> int:
        """The first half of its identity."""
        return int(self.id[:16], 16)


_read = msgspec.json.Decoder(Written).decode
_encode = msgspec.json.Encoder().encode


def written_in(content: bytes) -> Iterator[Written | frames.Damage]:
    """Yield the decisions of a hot file in the order they were written, and the damage."""
    place = 0
    for body in frames.read(content):
        if isinstance(body, frames.Damage):
            yield body
            place = body.end
            continue
        start, place = place, place + len(body) + frames.AROUND
        try:
            one = _read(body)
        except msgspec.MsgspecError:
            yield frames.Damage(start, place)  # what the gateway was given was no JSON
            continue
        yield one if is_id(one.id) else frames.Damage(start, place)


_TEXTS = ("steps", "inputs", "outputs")
_SAME = tuple(name for name in COLUMNS if name not in {"moment", "tail", "unit", *_TEXTS})
_same_of = attrgetter(*_SAME)


def spooled(one: Written) -> bytes:
    """Return a decision as one line that :func:`spool_sql` reads."""
    row = dict(zip(_SAME, _same_of(one), strict=True))
    for name in _TEXTS:
        row[name] = bytes(getattr(one, name)).decode()
    row["moment"], row["tail"] = one.moment, int(one.id[16:], 16)
    row["unit"] = None if one.unit is None else int(one.unit, 16)
    return _encode(row) + b"\n"


_LONGEST = 2 * LARGEST + 2**20
"""Of a spooled line: inside of a JSON text each character of inputs and outputs takes two at most.

DuckDB takes twice as much memory before it reads the first line.
"""


def spool_sql(path: str) -> str:
    """Return the table that is read from spooled lines."""
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
    return (
        f"read_json({literal(path)}, format = 'newline_delimited',"
        f" columns = {{{columns}}}, maximum_object_size = {_LONGEST})"
    )


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision, read back.

    Attributes:
        id: Its identity.
        route, package, digest, arm, shares, rollout, why: Where it was made, by what, and why
            by that.
        unit: The keyed hash of its unit.
        status, error: Of the answer.
        rows, batch_rows, duration_us: As :class:`Decision` has them.
        steps: Microseconds by step, as JSON.
        shadow_of: The decision that it is a shadow copy of.
        inputs, outputs: As JSON, byte for byte as they were; ``null`` when they were not
            kept, or no longer are.
    """

    id: str
    route: str
    package: str
    digest: str
    arm: str
    shares: str
    rollout: str
    why: str
    unit: str | None
    status: int
    error: str | None
    rows: int
    batch_rows: int
    duration_us: int
    steps: str
    shadow_of: str | None
    inputs: str
    outputs: str

    @property
    def time(self) -> datetime:
        """When it was made."""
        return time_of(self.id)

    def to_json(self) -> dict[str, object]:
        """Return the decision in JSON form."""
        kept = {name: getattr(self, name) for name in self.__slots__}
        texts = {name: msgspec.json.decode(kept[name]) for name in _TEXTS}
        time = self.time.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {"decision": kept.pop("id"), "time": time, **kept, **texts}

    @classmethod
    def of_written(cls, one: Written) -> Recorded:
        """Return what a writer wrote."""
        kept = {name: getattr(one, name) for name in cls.__slots__}
        for name in _TEXTS:
            kept[name] = bytes(kept[name]).decode()
        return cls(**kept)

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> Recorded:
        """Return a row of the table, its columns in the order of :data:`COLUMNS`."""
        kept = dict(zip(COLUMNS, row, strict=True))
        unit = kept["unit"]
        kept["unit"] = None if unit is None else f"{unit:016x}"
        identity = f"{kept.pop('moment'):016x}{kept.pop('tail'):016x}"
        return cls(id=identity, **kept)
