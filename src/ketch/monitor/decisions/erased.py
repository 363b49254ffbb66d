"""Units that were erased, until no hot file can hold anything of them.

Sealed decisions are erased at once; a hot file may be in use by another process. So the
keyed hash of the unit is written down, with the time: whoever reads a hot file passes by
what the unit decided before, and sealing leaves it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from ketch.files import write_whole
from ketch.monitor.decisions import frames, hot
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.decisions.table import Written, written_in

FILE = "erased"
_LATE = timedelta(hours=1)
"""How much later than it was made a decision may be written."""


@dataclass(frozen=True, slots=True)
class Erased:
    """Which units were erased, and until when.

    Attributes:
        units: Keyed hash → the first half of the last identity that is gone.
    """

    units: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, log: Path) -> Erased:
        """Return the erased units of a log."""
        path = log / FILE
        content = path.read_bytes() if path.exists() else b""
        units: dict[str, int] = {}
        for body in frames.read(content):
            if isinstance(body, bytes):
                unit, moment = msgspec.json.decode(body, type=tuple[str, int])
                units[unit] = max(moment, units.get(unit, 0))
        return cls(units)

    def has(self, one: Written) -> bool:
        """Whether a decision is gone."""
        return one.unit is not None and one.moment <= self.units.get(one.unit, -1)

    def write(self, log: Path) -> None:
        """Write the list down."""
        each = (frames.frame(msgspec.json.encode(pair)) for pair in sorted(self.units.items()))
        write_whole(log / FILE, b"".join(each))


def forget(log: Path, now: datetime) -> None:
    """Remove the units from the list that no hot file can hold anything of any more.

    Call it with the lock of sealing, when all that could be sealed has been.
    """
    erased = Erased.read(log)
    begun = [_begun(path) for path in (log / hot.FOLDER).glob(f"*{hot.LOG}")]
    late = (_LATE // timedelta(milliseconds=1)) << 16
    oldest = min((moment_of(now), *begun)) - late
    kept = {unit: moment for unit, moment in erased.units.items() if moment >= oldest}
    if kept != erased.units:
        Erased(kept).write(log)


def _begun(path: Path) -> int:
    """Return the first half of the first identity in a hot file; 0 where nobody knows."""
    with path.open("rb") as file:
        first = next(written_in(file.read(2**20)), None)
    return first.moment if isinstance(first, Written) else 0
