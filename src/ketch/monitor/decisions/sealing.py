"""Full hot files become Parquet, sorted, by route and day; in a process of its own.

In this order, so that a process killed anywhere loses nothing and counts nothing twice:
write the segment, list it together with the hot files it came from, write down what is
missing of the writer, remove the hot file. A hot file that a list already names is passed
by for that route and day.

Afterwards small segments of a partition become one, so that there are never more than a
few, however often hot files fill; each gets its profile; and what is older than it may be
kept is removed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ketch import logs
from ketch.errors import KetchError, Unavailable, UsageError
from ketch.files import explained, sync_folder
from ketch.monitor.decisions import compacting, hot, segments
from ketch.monitor.decisions.erased import Erased, forget
from ketch.monitor.decisions.losses import Loss, note
from ketch.monitor.decisions.retention import expire
from ketch.monitor.decisions.spool import Seen, Spool, clear
from ketch.monitor.outcomes.ledger import Outcomes
from ketch.monitor.profiles import kept
from ketch.store.locks import locked

LOCK = "sealing.lock"
_AT_ONCE = 8
"""Hot files that become segments together."""


def seal(log: Path, now: datetime) -> int:
    """Seal what is full, put small segments together; return how many decisions were sealed.

    Raises:
        Unavailable: ``store/busy``: another process does so; ``disk/…``.
    """
    sealed = 0
    with locked(log / LOCK, exclusive=True, wait_s=0.0), explained(log):
        clear(log)
        erased = Erased.read(log)
        for writer in hot.writers(log / hot.FOLDER):
            files = writer.sealable
            for at in range(0, len(files), _AT_ONCE):
                sealed += _seal(log, writer, files[at : at + _AT_ONCE], erased)
            if not writer.is_alive:
                _bury(log, writer)
        forget(log, now)
        for partition in segments.partitions(log):
            kept.keep(partition, now)
            _compact(log, partition, now)
    return sealed


def _compact(log: Path, partition: segments.Partition, now: datetime) -> None:
    """Put small segments together; where one is damaged, leave all as they are."""
    try:
        compacting.compact(log, partition, now)
    except UsageError as damaged:
        logs.told("decisions are damaged", where=str(partition.folder), why=damaged.message)


def _seal(log: Path, writer: hot.Writer, files: Sequence[Path], erased: Erased) -> int:
    """Turn some files of a writer into segments, and remove them."""
    with Spool(log, [path.name for path in files]) as spool:
        seen = [spool.add(path, erased) for path in files]
        spool.write()
    for path, one in zip(files, seen, strict=True):
        _account(log, writer, path, one)
        path.unlink()
    sync_folder(log / hot.FOLDER)  # before any list forgets that it has what was in them
    return sum(one.kept for one in seen)


def _account(log: Path, writer: hot.Writer, path: Path, seen: Seen) -> None:
    """Write down what is missing of a hot file that is about to go."""
    folder = log / hot.FOLDER
    start = hot.read_end(folder, writer.name)
    following = next((one for one in writer.files if one > path), None)
    if following is not None:
        end = hot.start_of(following)
    else:
        count = None if writer.is_alive else hot.read_count(folder / f"{writer.name}{hot.COUNT}")
        end = max(seen.end, count or 0)
    if end > start:  # else a process was killed that had come as far as this
        note(log, Loss(path.name, end - start - seen.kept, seen.damaged, seen.first, seen.last))
        hot.write_end(folder, writer.name, end)


def _bury(log: Path, writer: hot.Writer) -> None:
    """Count what a dead writer was given and never wrote; remove what is left of it."""
    folder = log / hot.FOLDER
    count = hot.read_count(folder / f"{writer.name}{hot.COUNT}")
    start = hot.read_end(folder, writer.name)
    if count is not None and count > start:
        note(log, Loss(writer.name, count - start))
    for suffix in (hot.END, hot.COUNT):
        (folder / f"{writer.name}{suffix}").unlink(missing_ok=True)


def main(log: Path, keep_days: int, keep_rows_days: int, bucket: str | None = None) -> int:
    """Seal, remove what is too old, send what is sealed; return an exit status."""
    logs.start()
    with suppress(OSError):
        os.nice(19)  # serving has all it wants, whatever lies here
    now = datetime.now(UTC)
    try:
        sealed = seal(log, now)
        with locked(log / LOCK, exclusive=True, wait_s=0.0):
            gone = expire(log, now, keep_days=keep_days, keep_rows_days=keep_rows_days)
        with Outcomes(log) as outcomes:
            outcomes.expire(now - timedelta(days=keep_days))
    except KetchError as error:
        return _refused(error, "decisions are not sealed")
    if sealed or gone:
        logs.told("decisions sealed", decisions=sealed, days_removed=gone)
    return 0 if bucket is None else _shipped(log, bucket)


def _shipped(log: Path, bucket: str) -> int:
    try:
        from ketch.monitor.decisions.shipping import ship  # obstore, which is an extra

        sent = ship(log, bucket)
    except KetchError as error:
        return _refused(error, "decisions are not in the bucket")
    if sent:
        logs.told("decisions sent", files=sent, to=bucket)
    return 0


def _refused(error: KetchError, what: str) -> int:
    """Tell why; another process that does the same is no reason to."""
    if isinstance(error, Unavailable) and error.code == "store/busy":
        return 0
    logs.told(what, why=str(error), code=error.code)
    return error.exit_status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]))
