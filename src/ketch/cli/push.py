"""``ketch push``: publish a package, so that others find it and it can be promoted."""

from __future__ import annotations

from ketch.cli.printer import Printer
from ketch.cli.registered import event_json, person, registry
from ketch.package import Reference
from ketch.runtime import Home


def push(package: str, /, *, json: bool = False) -> None:
    """Publish a package: its version means these bytes from now on, for ever.

    Args:
        package: A package in the store, such as `shop:1.0.0`.
        json: Print one JSON value.
    """
    home = Home.default()
    found = home.open(Reference.parse(package))
    with registry(home) as known:
        event = known.publish(found, actor=person())
    text = f"{found.reference} is published as {found.digest}"
    Printer(as_json=json).show(event_json(event), text)
