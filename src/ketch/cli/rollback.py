"""``ketch rollback``: take the newest package of a route out of live traffic, at once."""

from __future__ import annotations

from ketch.cli.printer import Printer
from ketch.cli.registered import event_json, route_text, told
from ketch.package import Reference
from ketch.runtime import Home


def rollback(
    route: str,
    /,
    *,
    to: str | None = None,
    reason: str = "",
    revision: int | None = None,
    json: bool = False,
) -> None:
    """Go back: end what is at limited, or give prod to the package that held it before.

    Args:
        route: The route, such as `recommendations`.
        to: A package that held prod before, to go back further.
        reason: Why, for the history.
        revision: Refuse when the route has changed since this revision of it.
        json: Print one JSON value.
    """
    with Home.default().desk() as known:
        event = known.roll_back(
            route,
            reason=reason,
            to=None if to is None else Reference.parse(to),
            expected=revision,
        )
        standing = known.route(route)
    Printer(as_json=json).show(event_json(event), f"{told(event)}\n{route_text(standing)}")
