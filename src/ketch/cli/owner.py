"""``ketch owner``: hand a package over to somebody else."""

from __future__ import annotations

from ketch.cli.printer import Printer
from ketch.cli.registered import event_json, told
from ketch.package import PackageName
from ketch.runtime import Home


def owner(name: str, to: str, /, *, reason: str = "", json: bool = False) -> None:
    """Hand a package over: from now on its versions must name the new owner.

    Args:
        name: The package, such as `shop`.
        to: Who answers for it from now on.
        reason: Why.
        json: Print one JSON value.
    """
    with Home.default().desk() as known:
        event = known.hand_over(PackageName.parse(name), to, reason=reason)
    Printer(as_json=json).show(event_json(event), told(event))
