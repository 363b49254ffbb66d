"""``ketch list``: show the packages in the store."""

from __future__ import annotations

from collections.abc import Sequence

from ketch.cli.printer import Printer
from ketch.cli.text import size
from ketch.runtime import Entry, Home, listing


def list_packages(*, json: bool = False) -> None:
    """Show the packages in the store, by name and version.

    Args:
        json: Print one JSON value.
    """
    entries = listing(Home.default())
    Printer(as_json=json).show([entry.to_json() for entry in entries], listing_text(entries))


def listing_text(entries: Sequence[Entry]) -> str:
    """Return the packages of a store as a table."""
    if not entries:
        return "no packages yet; `ketch init` starts one"
    width = max(len(entry.reference) for entry in entries)
    lines = []
    for entry in entries:
        about = entry.problem or f"{size(entry.size_bytes or 0):>9}  {entry.owner}"
        route = f"  → {entry.route}" if entry.route else ""
        lines.append(f"{entry.reference:<{width}}  {entry.digest.short}  {about}{route}")
    return "\n".join(lines)
