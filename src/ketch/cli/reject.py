"""``ketch reject``: say no to a package in production."""

from __future__ import annotations

from ketch.cli.printer import Printer
from ketch.cli.registered import event_json, meant, told
from ketch.package import Reference
from ketch.runtime import Home


def reject(package: str, /, *, reason: str, route: str | None = None, json: bool = False) -> None:
    """Reject a package for prod: approvals it has are taken back.

    Args:
        package: The package, such as `shop:1.0.0`.
        reason: Why.
        route: Another route than the one in its ketch.toml.
        json: Print one JSON value.
    """
    with Home.default().desk() as known:
        event = known.reject(Reference.parse(package), reason=reason, route=route)
    Printer(as_json=json).show(event_json(event), f"{told(event)}\n{meant(event)}")
