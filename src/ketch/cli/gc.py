"""``ketch gc``: remove what no package needs any more."""

from __future__ import annotations

from ketch.cli.printer import Printer
from ketch.cli.text import counted, size
from ketch.runtime import Home, clean_up


def gc(*, dry_run: bool = False, json: bool = False) -> None:
    """Remove blobs, environments and leftovers that no package in the store needs.

    What is younger than an hour stays: another process may be about to use it.

    Args:
        dry_run: Say what would be removed, and remove nothing.
        json: Print one JSON value.
    """
    cleaned = clean_up(Home.default(), dry_run=dry_run)
    done = "would free" if dry_run else "freed"
    text = (
        f"{counted(cleaned.blobs, 'blob')}, {counted(cleaned.environments, 'environment')} and "
        f"{counted(cleaned.leftovers, 'leftover')}, {done} {size(cleaned.freed_bytes)}"
    )
    Printer(as_json=json).show(cleaned.to_json(), text)
