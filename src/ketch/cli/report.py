"""``ketch report``: what a rollout says, and what to do next, in one screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.cli.times import instant
from ketch.errors import UsageError
from ketch.files import check_place, write_whole
from ketch.runtime import Home

if TYPE_CHECKING:
    from ketch.monitor.report import RouteReport


def report(
    *routes: str,
    at: Annotated[str | None, Parameter(name="--at")] = None,
    since: str | None = None,
    rollout: str | None = None,
    rollouts: bool = False,
    html: Path | None = None,
    log: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    json: bool = False,
) -> None:
    """Show what a rollout says: arms, lift, guardrails, the verdict, and what to do next.

    Without a route, or with several, each is a line.

    Args:
        routes: The route, such as `recommendations`.
        at: As of a time in UTC: the rollout of that time, and what was known of it then. Such
            as 2026-03-03, 2026-03-03T12:00, or 2h for two hours ago.
        since: Compare shadow copies, and count metrics, from a time on.
        rollout: An earlier rollout, by its identity.
        rollouts: List the rollouts of the route.
        html: Write a page with plots, too: one file that needs no network.
        log: The folder of a decision log, in place of the one of this home; any number of
            them, one for each gateway.
        json: Print one JSON value.
    """
    from ketch.monitor.logs import log_folders  # a database
    from ketch.monitor.report import Asked, gather

    if (rollout or rollouts or html) and len(routes) != 1:
        flag = "--rollout" if rollout else "--rollouts" if rollouts else "--html"
        message = f"expected one route with `{flag}`, found {len(routes)}"
        raise UsageError(message, code="usage/arguments", hint="`ketch status` lists the routes")
    if html is not None:
        check_place(html)
    home, printer = Home.default(), Printer(as_json=json)
    logs = log_folders(home.path, log or ())
    asked = Asked(_past(at), None if since is None else instant(since), rollout)
    if rollouts:
        _list(home, printer, routes[0], asked.at)
    elif len(routes) == 1:
        with home.desk() as desk:
            found = gather(logs, home, desk, routes[0], asked)
        _show(printer, found, html)
    else:
        _several(home, printer, logs, routes, asked.at)


def _past(at: str | None) -> datetime | None:
    """Return the time that is meant; None for now, and for what is still to come."""
    end = None if at is None else instant(at, ends=True)
    return end if end is not None and end < datetime.now(UTC) else None


def _show(printer: Printer, found: RouteReport, html: Path | None) -> None:
    from ketch.cli.reported import report_text

    value, told = found.to_json(), report_text(found)
    if html is not None:
        from ketch.monitor.report.page import page

        write_whole(html, page(found).encode())
        value["html"] = str(html)
        told = f"{told}\n\nwritten to {html}"
    printer.show(value, told)


def _several(
    home: Home, printer: Printer, logs: Sequence[Path], routes: Sequence[str], at: datetime | None
) -> None:
    from ketch.cli.reported import HEADS, line_of
    from ketch.cli.tables import table
    from ketch.monitor.rollouts import report_of

    with home.desk() as desk:
        names = routes or [one.name for one in desk.routes()]
        found = [report_of(logs, desk, name, at=at) for name in names]
    text = table([HEADS, *map(line_of, found)], right=(2, 3, 4))
    empty = "no routes yet; `ketch promote PACKAGE prod` makes one"
    value = {"routes": [one.to_json() for one in found]}
    printer.show(value, text if found else empty)


def _list(home: Home, printer: Printer, route: str, at: datetime | None) -> None:
    from ketch.cli.reported import rollouts_text
    from ketch.registry.rollouts import rollouts

    with home.desk() as desk:
        desk.route(route)  # tells a route that nobody knows from one without rollouts
        found = rollouts(desk, route, until=at)
    empty = "no rollouts yet; `ketch promote PACKAGE limited --share 10%` begins one"
    value = {"rollouts": [one.to_json() for one in found]}
    printer.show(value, rollouts_text(found) if found else empty)
