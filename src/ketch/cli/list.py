"""``ketch list``: show the packages in the store."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from ketch.cli.printer import Printer
from ketch.cli.text import size
from ketch.errors import KetchError
from ketch.runtime import Entry, Home, listing
from ketch.runtime.failures import printable
from ketch.store import standing


def list_packages(*, json: bool = False) -> None:
    """Show the packages in the store, by name and version.

    Args:
        json: Print one JSON value.
    """
    home = Home.default()
    entries = listing(home)
    verified = [_verified(entry, home) for entry in entries]
    value = [
        {**entry.to_json(), "verified": passed}
        for entry, passed in zip(entries, verified, strict=True)
    ]
    Printer(as_json=json).show(value, listing_text(entries, verified))


def _verified(entry: Entry, home: Home) -> bool | None:
    """Return what its newest attestation says; None when there is none that can be read."""
    try:
        found = standing(entry.digest, home.store)
    except KetchError:
        return None
    return None if found is None else found.passed


def listing_text(entries: Sequence[Entry], verified: Sequence[bool | None]) -> str:
    """Return the packages of a store as a table; who kept its contract needs no word."""
    if not entries:
        return "no packages yet; `ketch init` starts one"
    said = {True: "", False: "✗ breaks its contract", None: "not verified"}
    rows = [(*_cells(entry), said[passed]) for entry, passed in zip(entries, verified, strict=True)]
    lines = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(_padded, cells, widths)).rstrip() for cells in lines)


def _cells(entry: Entry) -> tuple[str, str, str, str, str]:
    """Return the columns of one package: name, digest, size, owner and route."""
    if entry.problem is not None:
        return entry.reference, entry.digest.short, "", entry.problem, ""
    route = f"→ {entry.route}" if entry.route else ""
    total = f"{size(entry.size_bytes or 0):>8}"
    return entry.reference, entry.digest.short, total, entry.owner or "", route


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - cell_len(cell))
