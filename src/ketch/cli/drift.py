"""``ketch drift``: whether live inputs and answers are still what they were."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.cli.times import instant
from ketch.errors import UsageError
from ketch.files import check_place, write_whole
from ketch.package import Reference
from ketch.runtime import Home

if TYPE_CHECKING:
    from ketch.monitor.drift import Asked, Drift
    from ketch.package import Package


def drift(
    route: str,
    /,
    *,
    since: str | None = None,
    until: str | None = None,
    against: Literal["training", "previous"] | None = None,
    package: str | None = None,
    rows: int = 2_000,
    offline: bool = False,
    html: Path | None = None,
    log: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    json: bool = False,
) -> None:
    """Say which inputs and answers of a package drifted, and which of that moves its answers.

    Fields are compared by profiles, which stay when decisions are gone; what drifted is then
    taken out of a sample of what was asked, and the package is asked again.

    Args:
        route: The route, such as `recommendations`.
        since: The time to look at, in UTC: from 2026-03-03, 2026-03-03T12:00, or 2h for two
            hours ago; by default the last seven days, so that each weekday is in it.
        until: Its end; by default now.
        against: What it is held against: the package's own training data, which is the default
            where it has a sample, or the time of equal length before.
        package: The package; by default the one in prod.
        rows: So many rows at most are asked again; 0 for none, and no effects.
        offline: Use only libraries and interpreters that lie on this machine.
        html: Write a page with plots, too: one file that needs no network.
        log: The folder of a decision log, in place of the one of this home; any number of
            them, one for each gateway.
        json: Print one JSON value.
    """
    from ketch.monitor.drift import look  # a database
    from ketch.monitor.logs import log_folders

    if html is not None:
        check_place(html)
    home, printer = Home.default(), Printer(as_json=json)
    asked = _asked(since, until, against, rows)
    logs = log_folders(home.path, log or ())
    with printer.progress() as progress:
        chosen = _package(home, route, package)
        found = look(logs, route, chosen, home, asked, offline=offline, progress=progress)
    _show(printer, found, html)


def _asked(since: str | None, until: str | None, against: str | None, rows: int) -> Asked:
    from ketch.monitor.drift import WEEK, Against, Asked

    end = datetime.now(UTC) if until is None else instant(until, ends=True)
    start = end - WEEK if since is None else instant(since)
    if start >= end:
        message = f"expected a time after `{since}`, found the end `{until or 'now'}`"
        raise UsageError(message, code="usage/time")
    if rows < 0:
        message = f"expected rows to ask again, or 0 for none, found `{rows}`"
        raise UsageError(message, code="usage/arguments")
    return Asked(start, end, None if against is None else Against(against), rows)


def _package(home: Home, route: str, named: str | None) -> Package:
    """Return the package that is meant: the one in prod where none is named."""
    from ketch.registry import Place

    with home.desk() as desk:
        arm = desk.route(route).at(Place.PROD)
    if named is not None:
        return home.open(Reference.parse(named))
    if arm is None:
        raise UsageError(
            f"expected a package in prod on `{route}`, found none",
            code="usage/arguments",
            hint="`--package NAME:VERSION` says which one is meant",
        )
    return home.open(Reference.parse(f"{arm.package.partition(':')[0]}@{arm.digest}"))


def _show(printer: Printer, found: Drift, html: Path | None) -> None:
    from ketch.cli.drifted import drift_text

    value, told = found.to_json(), drift_text(found)
    if html is not None:
        from ketch.monitor.drift.page import page

        write_whole(html, page(found).encode())
        value["html"] = str(html)
        told = f"{told}\n\nwritten to {html}"
    printer.show(value, told)
