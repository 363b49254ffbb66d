"""``ketch history``: what happened, who did it and why; and how things stood at a time."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.cli.registered import told
from ketch.cli.text import percent
from ketch.cli.times import instant
from ketch.errors import UsageError
from ketch.runtime import Home


def history(
    route: str | None = None,
    /,
    *,
    package: str | None = None,
    at: Annotated[str | None, Parameter(name="--at")] = None,
    limit: int = 50,
    before: int | None = None,
    json: bool = False,
) -> None:
    """Show what happened, the newest first.

    Args:
        route: Only what happened on a route.
        package: Only what happened to a package and its versions, on any route, by its name.
        at: How things stood at a time in UTC, such as 2026-03-03, 2026-03-03T12:00, or 2h
            for two hours ago.
        limit: At most so many events.
        before: Only events before this one: the next page.
        json: Print one JSON value.
    """
    if limit < 1:
        raise UsageError(f"expected at least 1 event, found `{limit}`", code="usage/limit")
    until = None if at is None else instant(at, ends=True)
    subject = f"route:{route}" if route else f"package:{package}" if package else None
    with Home.default().desk() as known:
        if route:
            known.route(route)  # tells a route that nobody knows from one without events
        events = known.history(subject=subject, until=until, before=before, limit=limit)
        arms = known.arms_at(route, until) if route and until else ()
    value: dict[str, object] = {"events": [event.to_json() for event in events]}
    lines = [told(event) for event in events] or ["nothing happened"]
    if route and until:
        value["arms"] = [arm.to_json() for arm in arms]
        stood = [
            f"  {arm.place:<8}  {arm.package}  {percent(arm.share.fraction)}" for arm in arms
        ] or ["  nothing answered"]
        lines = [f"{route} at {until:%Y-%m-%d %H:%M} UTC", *stood, "", *lines]
    Printer(as_json=json).show(value, "\n".join(lines))
