"""``ketch decisions``: look at decisions, ask about them in SQL, export them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ketch.cli.columns import columns
from ketch.cli.fit import crop
from ketch.cli.printer import Printer
from ketch.cli.text import counted
from ketch.cli.times import instant
from ketch.errors import UsageError
from ketch.runtime import Home
from ketch.schema.problems import escaped

if TYPE_CHECKING:
    from ketch.monitor.decisions.querying import Table
    from ketch.monitor.decisions.table import Recorded
    from ketch.monitor.logs import Asked, Logs

LATEST = 50
_WIDEST = 60
_HEADS = ("time", "decision", "route", "arm", "package", "why", "unit", "status", "ms")


def decisions(
    *,
    route: str | None = None,
    unit: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int | None = None,
    sql: str | None = None,
    export: Path | None = None,
    check: bool = False,
    log: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    json: bool = False,
) -> int:
    """Show decisions, the newest first.

    Args:
        route: Only those of a route.
        unit: Only those of a unit, such as a shopper.
        since: Only those from a time on, in UTC: 2026-03-03, 2026-03-03T12:00, or 2h for the
            last two hours.
        until: Only those before a time.
        limit: At most so many; 50, where they are shown.
        sql: A query of the tables `decisions` and `outcomes`, in the SQL of DuckDB.
        export: A file for the answer, which ends in `.parquet`, `.csv` or `.jsonl`.
        check: Read every byte of the log and say what is damaged or missing.
        log: The folder of a log, in place of the one of this home; any number of them.
        json: Print one JSON value.
    """
    filters = {"--route": route, "--unit": unit, "--since": since, "--until": until}
    _check({**filters, "--limit": limit}, {"--sql": sql, "--check": check or None})
    if check and export is not None:
        raise UsageError("expected `--check` or `--export`, found both", code="usage/arguments")
    from ketch.monitor.decisions.querying import form_of  # a database
    from ketch.monitor.logs import Asked, Logs, log_folders

    printer = Printer(as_json=json)
    folders = log_folders(Home.default().path, log or ())
    if check:
        return _checked(printer, folders)
    if export is not None:
        form_of(export)
    start, end = (None if one is None else instant(one) for one in (since, until))
    asked = Asked(route, unit, start, end)
    with Logs(folders) as known:
        if sql is None and export is None:
            _show(printer, known.newest(asked, limit or LATEST))
        else:
            query = _query(known, asked, limit, export) if sql is None else sql
            _answer(printer, known, query, export)
    return 0


def _check(filters: Mapping[str, object], others: Mapping[str, object]) -> None:
    """Refuse what makes no sense together."""
    chosen = [flag for flag, value in filters.items() if value is not None]
    other = [flag for flag, value in others.items() if value is not None]
    if other and (clash := [*other, *chosen][1:2]):
        raise UsageError(
            f"expected `{other[0]}` or `{clash[0]}`, found both",
            code="usage/arguments",
            hint="a query says itself which decisions it is about" if other[0] == "--sql" else None,
        )
    limit = filters["--limit"]
    if isinstance(limit, int) and limit < 1:
        raise UsageError(f"expected at least 1 decision, found `{limit}`", code="usage/limit")


def _show(printer: Printer, found: Sequence[Recorded]) -> None:
    value = {"decisions": [one.to_json() for one in found]}
    printer.show(value, columns([_HEADS, *map(_line, found)]) if found else "no decisions")


def _line(one: Recorded) -> tuple[str, ...]:
    return (
        f"{one.time:%Y-%m-%d %H:%M:%S}",
        one.id,
        one.route,
        one.arm,
        one.package,
        one.why,
        one.unit or "",
        one.error or str(one.status),
        f"{one.duration_us / 1000:.1f}",
    )


def _query(known: Logs, asked: Asked, limit: int | None, export: Path | None) -> str:
    """Return the query that chooses what to export; JSON stays JSON, where a file can hold it."""
    chosen = known.sql(asked)
    if export is not None and export.suffix == ".jsonl":
        nested = ", ".join(f"{one}::JSON AS {one}" for one in ("steps", "inputs", "outputs"))
        chosen = chosen.replace("SELECT *", f"SELECT * REPLACE ({nested})", 1)
    return chosen if limit is None else f"{chosen} ORDER BY id DESC LIMIT {limit:d}"


def _answer(printer: Printer, known: Logs, sql: str, export: Path | None) -> None:
    with known.table() as table:
        _add_outcomes(known, table, sql)
        if export is not None:
            rows = table.export(sql, export)
            value = {"rows": rows, "file": str(export)}
            printer.show(value, f"{counted(rows, 'row')} in {export}")
            return
        names, found = table.query(sql)
    told = [tuple(names), *(tuple(_cell(one) for one in row) for row in found)]
    printer.show({"columns": names, "rows": found}, columns(told))


def _add_outcomes(known: Logs, table: Table, sql: str) -> None:
    """Make the table `outcomes`, where a query names it."""
    if re.search(r"\boutcomes\b", sql, re.IGNORECASE):
        known.add_outcomes(table)


def _cell(value: object) -> str:
    return "" if value is None else crop(escaped(str(value)), _WIDEST)


def _checked(printer: Printer, folders: Sequence[Path]) -> int:
    from ketch.monitor.decisions.checking import check

    findings = [one for folder in folders for one in check(folder)]
    text = "every byte is as it was written" if not findings else counted(len(findings), "finding")
    printer.show({"findings": [one.to_json() for one in findings]}, text)
    printer.findings(findings)
    return 1 if any(one.blocks for one in findings) else 0
