"""``ketch status``: who answers on every route, in one screen."""

from __future__ import annotations

from ketch.cli.printer import Printer
from ketch.cli.registered import route_text, verdict_text
from ketch.runtime import Home


def status(*, json: bool = False) -> None:
    """Show every route: which packages answer there, at which stage, with which share.

    Of a rollout that is under way it shows the newest verdict, too.

    Args:
        json: Print one JSON value.
    """
    with Home.default().desk() as known:
        routes = known.routes()
    text = "\n\n".join("\n".join([route_text(one), *verdict_text(one)]) for one in routes)
    value = {"routes": [route.to_json() for route in routes]}
    empty = "no routes yet; `ketch promote PACKAGE staging` makes one"
    Printer(as_json=json).show(value, text or empty)
