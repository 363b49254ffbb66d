"""A file of outcomes: read to its end before anything of it is recorded.

A file with a wrong row is refused with all that is wrong in it, and nothing of it is
recorded. To give the same file again is harmless: what is known counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from ketch.errors import Finding, Refused, UsageError
from ketch.files import temporary_folder
from ketch.monitor.outcomes.decoding import Form, Read, cell_reader, reader
from ketch.monitor.outcomes.ledger import Outcomes
from ketch.monitor.outcomes.outcome import Outcome, Recorded
from ketch.progress import Progress, Silent
from ketch.schema import Row
from ketch.schema.problems import MOST
from ketch.tables import Format
from ketch.tables.batch import row_of
from ketch.tables.cell_rows import decode_cells
from ketch.tables.decoded import Decode
from ketch.tables.header import column_findings, refusal
from ketch.tables.read import Reader, read_rows

AT_ONCE = 1_000
"""Outcomes that are recorded or sent in one piece."""

_HINTS = {
    "expected a column `name`": "`--name purchase` says it for all rows, `--name-column COLUMN` "
    "which column does",
    "expected a declared column": "leave it out of the file, or say what it is with an option "
    "such as `--value-column`",
}
"""What to do about columns, by how what is wrong with them begins."""

Send: TypeAlias = Callable[[Sequence[dict[str, Any]]], Recorded]
"""Sends outcomes as ``POST /outcomes`` takes them; they are on the disk when it returns."""

Take: TypeAlias = Callable[[Sequence[Outcome]], Sequence[Finding]]
"""Takes outcomes, and returns what they contradict."""

_encode = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(Outcome).decode


@dataclass(frozen=True, slots=True)
class File:
    """A file of outcomes.

    Attributes:
        path: Where it is; None for standard input.
        form: How its rows are written.
        format: Its format, where the name does not say.
    """

    path: Path | None
    form: Form
    format: Format | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return "stdin" if self.path is None else str(self.path)


def import_file(file: File, outcomes: Outcomes, progress: Progress | None = None) -> Recorded:
    """Record the outcomes of a file, all of them or none.

    Only if another process tells a conflicting outcome at the same moment, or the disk
    refuses, some may be recorded already; to give the file again records the others.

    Raises:
        UsageError: ``table/…``, ``schema/…``, ``outcomes/…``: all that is wrong with it,
            also keys that are recorded with another content.
        Unavailable: ``outcomes/…``, ``disk/…``.
    """
    return _told(file, outcomes.record, progress, outcomes)


def send_file(file: File, send: Send, progress: Progress | None = None) -> Recorded:
    """Send the outcomes of a file to a gateway, once all of it was read.

    Raises:
        UsageError: ``table/…``, ``schema/…``, ``outcomes/…``: all that is wrong with it.
        KetchError: What the gateway says; the pieces before that one are recorded.
    """
    return _told(file, lambda many: send([_sent(one) for one in many]), progress, None)


def _told(
    file: File,
    tell: Callable[[Sequence[Outcome]], Recorded],
    progress: Progress | None,
    against: Outcomes | None,
) -> Recorded:
    progress = progress or Silent()
    new = known = 0
    with temporary_folder("ketch-outcomes-") as folder:
        progress.step(f"reading {file.name}")
        spool = folder / "spool.jsonl"
        count = _spool(file, spool, progress, against)
        progress.step("telling the outcomes", total_bytes=count)
        with spool.open("rb") as lines:
            while piece := [_decode_line(line) for line in islice(lines, AT_ONCE)]:
                done = tell(piece)
                new, known = new + done.new, known + done.known
                progress.advance(len(piece))
    return Recorded(new, known)


def _spool(file: File, spool: Path, progress: Progress, against: Outcomes | None) -> int:
    """Put the outcomes of a file into a spool, each checked; return how many there are."""
    count = 0
    with Outcomes(spool.parent / "seen") as seen, spool.open("wb") as out:

        def take(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
            try:
                seen.record(outcomes)
            except Refused as twice:  # in the file itself
                return twice.findings
            out.writelines(_encode(one) + b"\n" for one in outcomes)
            return () if against is None else against.conflicts(outcomes)

        declared = Reader(file.form.columns_of_file, lambda kind: _decode(file, kind, take))
        try:
            for batch in read_rows(file.path, declared, format=file.format, batch_rows=AT_ONCE):
                count += len(batch.rows)
                progress.advance(len(batch.rows))
        except UsageError as wrong:
            raise _explained(wrong) from None
    return count


def _explained(wrong: UsageError) -> UsageError:
    """Return what is wrong with a file; beside its columns, what can be done about them."""

    def hint_of(message: str) -> str | None:
        return next((hint for said, hint in _HINTS.items() if message.startswith(said)), None)

    if hint_of(wrong.message) is None:
        return wrong
    return refusal([replace(one, hint=one.hint or hint_of(one.message)) for one in wrong.findings])


def _decode(file: File, kind: Format, take: Take) -> Decode:
    """Return what gives the outcomes of rows to ``take``; the rows stay as they are."""
    form = file.form
    read: Read = (
        cell_reader(form, decode_cells(form.text_fields)) if kind == "csv" else reader(form)
    )
    is_first = kind == "parquet"

    def decode(rows: list[Row]) -> tuple[list[Row], Sequence[Finding]]:
        nonlocal is_first
        if is_first and (
            wrong := list(column_findings(form.columns_of_file, list(rows[0]), file.name))
        ):
            raise refusal(wrong)
        is_first = False
        return rows, _wrong(rows, read, take)

    return decode


def _wrong(rows: Sequence[Row], read: Read, take: Take) -> Sequence[Finding]:
    """Return what is wrong with rows: also with those that only beside others look right."""
    outcomes, findings = read(rows)
    if not findings:
        return take(outcomes)
    wrong = {row_of(one) for one in findings}
    others = [index for index in range(len(rows)) if index not in wrong]
    if None in wrong or len(findings) > MOST or not others:
        return findings
    more = _wrong([rows[index] for index in others], read, take)
    return sorted(
        [*findings, *(_moved(one, others) for one in more)], key=lambda one: row_of(one) or 0
    )


def _moved(finding: Finding, places: Sequence[int]) -> Finding:
    """Return a finding of some of the rows at its place among all."""
    index = row_of(finding)
    if index is None:
        return finding
    rest = (finding.where or "").partition("]")[2]
    return replace(finding, where=f"rows[{places[index]}]{rest}")


def _sent(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as ``POST /outcomes`` takes it."""
    body: dict[str, Any] = msgspec.to_builtins(outcome)
    return {name: value for name, value in body.items() if value is not None}
