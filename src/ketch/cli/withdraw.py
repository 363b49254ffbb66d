"""``ketch withdraw``: say that a version must not be promoted any more."""

from __future__ import annotations

from ketch.cli.printer import Printer
from ketch.cli.registered import event_json, told
from ketch.package import Reference
from ketch.runtime import Home


def withdraw(package: str, /, *, reason: str, json: bool = False) -> None:
    """Withdraw a published version: it stays, and is promoted no more.

    Args:
        package: The version, such as `shop:1.0.0`.
        reason: Why, for everybody who meets it later.
        json: Print one JSON value.
    """
    with Home.default().desk() as known:
        event = known.withdraw(Reference.parse(package), reason=reason)
    Printer(as_json=json).show(event_json(event), told(event))
