"""What is wrong with a log: every byte of it is read, and every damage is a finding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ketch.errors import Finding, KetchError
from ketch.monitor.decisions import frames, hot, segments, table
from ketch.monitor.decisions.keyed import KEY_FILE, keyed
from ketch.monitor.decisions.losses import losses
from ketch.monitor.decisions.segments import Partition, Segment
from ketch.monitor.profiles import kept

_RESTORE = "restore the file from a backup; all else in the log can be read"


def check(log: Path) -> tuple[Finding, ...]:
    """Return everything that is damaged or missing."""
    return (*_key(log), *_hot(log), *_sealed(log), *_losses(log))


def _key(log: Path) -> Iterator[Finding]:
    if (log / KEY_FILE).exists():
        try:
            keyed(log)
        except KetchError as error:
            yield Finding(error.code, error.message, str(log / KEY_FILE), error.hint)


def _hot(log: Path) -> Iterator[Finding]:
    """Yield the damage of hot files; what is being written ends with whole records."""
    for path in sorted((log / hot.FOLDER).glob(f"*{hot.LOG}")):
        damage = [
            one for one in table.written_in(path.read_bytes()) if isinstance(one, frames.Damage)
        ]
        for one in damage:
            message = f"expected decisions, found {one.end - one.start} damaged bytes"
            yield Finding("decisions/damaged", message, f"{path}: byte {one.start}")


def _sealed(log: Path) -> Iterator[Finding]:
    for partition in segments.partitions(log):
        found = partition.segments()
        if found is None:
            where = str(partition.folder / segments.LIST)
            message = "expected a list of segments, found a damaged one"
            hint = "it is made anew when decisions are sealed next"
            yield Finding("decisions/damaged", message, where, hint)
            continue
        for segment in found:
            yield from _segment(partition, segment)


def _segment(partition: Partition, segment: Segment) -> Iterator[Finding]:
    path = partition.path(segment)
    harm = segments.harm(partition, segment)
    for index in harm.groups:
        group = segment.groups[index]
        message = f"expected {group.rows} decisions as they were written, found changed bytes"
        yield Finding("decisions/damaged", message, f"{path}: byte {group.start}", _RESTORE)
    if harm.footer:
        message = "expected the directory of the file as it was written, found changed bytes"
        yield Finding("decisions/damaged", message, str(path), "its copy beside it is used")
    profile = kept.damaged(partition.folder, segment.name)
    if profile is not None:
        message = "expected a profile as it was written, found changed bytes"
        hint = (
            _RESTORE if segment.is_bare else "remove it: it is made anew when decisions are sealed"
        )
        yield Finding("decisions/damaged", message, str(profile), hint)


def _losses(log: Path) -> Iterator[Finding]:
    for loss in losses(log):
        if loss.lost:
            message = f"{loss.lost} decisions were made and never written, or damaged since"
            around = f"between {loss.first} and {loss.last}" if loss.first else loss.source
            yield Finding("decisions/lost", message, around, blocks=False)
