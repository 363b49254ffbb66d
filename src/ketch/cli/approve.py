"""``ketch approve``: say yes to a package in production."""

from __future__ import annotations

from ketch.cli.printer import Printer
from ketch.cli.registered import event_json, meant, told
from ketch.package import Reference
from ketch.runtime import Home


def approve(
    package: str, /, *, reason: str = "", route: str | None = None, json: bool = False
) -> None:
    """Approve a package for prod: exactly these bytes, on what is known of them now.

    Args:
        package: The package, such as `shop:1.0.0`.
        reason: Why.
        route: Another route than the one in its ketch.toml.
        json: Print one JSON value.
    """
    with Home.default().desk() as known:
        event = known.approve(Reference.parse(package), reason=reason, route=route)
    Printer(as_json=json).show(event_json(event), f"{told(event)}\n{meant(event)}")
