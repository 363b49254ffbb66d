"""``ketch list``: show the packages in the store."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.cli.report import listing_text
from ketch.runtime import Home, listing


def list_packages(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show the packages in the store, by name and version.

    Args:
        json: Print one JSON value.
    """
    entries = listing(Home.default())
    Printer(as_json=json).show([entry.to_json() for entry in entries], listing_text(entries))
