"""What is older than it may be kept goes: first inputs and outputs, then the decisions.

Their profiles stay by the day, for as long again as decisions are kept.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from ketch.files import explained
from ketch.monitor.decisions import segments, table
from ketch.monitor.decisions.rewriting import rewritten, settled
from ketch.monitor.decisions.segments import Partition, Segment
from ketch.monitor.profiles import kept

_BARE = ", ".join(
    f"'null' AS {name}" if name in ("inputs", "outputs") else name for name in table.COLUMNS
)


def expire(log: Path, now: datetime, *, keep_days: int, keep_rows_days: int) -> int:
    """Remove what is too old; return of how many days of a route.

    Call it with the lock of sealing.

    Args:
        log: The folder of the log.
        now: The present.
        keep_days: How long decisions are kept, in days.
        keep_rows_days: How long their inputs and outputs are.
    """
    touched = 0
    with explained(log):
        for partition in segments.partitions(log):
            if partition.day < _day(now, keep_days):
                kept.outlive(log, partition)
                shutil.rmtree(partition.folder)
                touched += 1
            elif partition.day < _day(now, keep_rows_days):
                touched += _strip(partition)
        kept.drop(log, _day(now, 2 * keep_days))
    return touched


def _day(now: datetime, days: int) -> str:
    return (now - timedelta(days=days)).date().isoformat()


def _strip(partition: Partition) -> bool:
    """Keep no inputs and outputs of a partition; return whether there were any."""
    found = settled(partition)
    if all(one.is_bare for one in found):
        return False
    new = [
        msgspec.structs.replace(bare, is_bare=True)
        for one in found
        for bare in ((one,) if one.is_bare else _bare(partition, one))
    ]
    partition.write(new)
    return True


def _bare(partition: Partition, segment: Segment) -> tuple[Segment, ...]:
    new = rewritten(partition, segment, _BARE)
    kept.hand_over(partition, segment, new)
    return new
