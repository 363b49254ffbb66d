"""What is older than it may be kept goes: first inputs and outputs, then the decisions."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from ketch.files import explained
from ketch.monitor.decisions import segments, table
from ketch.monitor.decisions.segments import Partition
from ketch.monitor.decisions.sorting import listed, write_segment

_BARE = "bare"
"""A file that says that a partition holds no inputs and outputs any more."""


def expire(log: Path, now: datetime, *, keep_days: int, keep_rows_days: int) -> int:
    """Remove what is too old; return how many days of routes were touched.

    Args:
        log: The folder of the log.
        now: The present.
        keep_days: How long decisions are kept, in days.
        keep_rows_days: How long their inputs and outputs are.
    """
    whole, rows = ((now - timedelta(days=days)).date().isoformat() for days in (keep_days, keep_rows_days))
    touched = 0
    with explained(log):
        for partition in segments.partitions(log):
            if partition.day < whole:
                shutil.rmtree(partition.folder)
                touched += 1
            elif partition.day < rows:
                touched += _strip(partition)
    return touched
