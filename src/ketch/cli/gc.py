"""``ketch gc``: remove what no package needs any more."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.cli.text import size
from ketch.runtime import Home, clean_up


def gc(*, dry_run: bool = False, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Remove blobs, environments and leftovers that no package in the store needs.

    What is younger than an hour stays: another process may be about to use it.

    Args:
        dry_run: Say what would be removed, and remove nothing.
        json: Print one JSON value.
    """
    cleaned = clean_up(Home.default(), dry_run=dry_run)
    done = "would free" if dry_run else "freed"
    text = (
        f"{cleaned.blobs} blobs, {cleaned.environments} environments and "
        f"{cleaned.leftovers} leftovers, {done} {size(cleaned.freed_bytes)}"
    )
    Printer(as_json=json).show(cleaned.to_json(), text)
