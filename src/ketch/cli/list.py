"""``ketch list``: show the packages in the store, or those that are published."""

from __future__ import annotations

from collections.abc import Sequence

from ketch.cli.columns import columns
from ketch.cli.printer import Printer
from ketch.cli.text import size
from ketch.errors import KetchError, UsageError
from ketch.runtime import Entry, Home, listing
from ketch.store import standing

MOST = 10_000


def list_packages(
    *,
    published: bool = False,
    search: str | None = None,
    limit: int | None = None,
    after: int | None = None,
    json: bool = False,
) -> None:
    """Show the packages in the store, by name and version, or those that are published.

    Args:
        published: Show what the registry has, the newest first.
        search: Only those with this text in their name; published ones also by their
            description and owner.
        limit: How many published versions at most; by default 50.
        after: Where to go on, as the page before said.
        json: Print one JSON value.
    """
    home, printer = Home.default(), Printer(as_json=json)
    if published:
        from ketch.cli.published import page_text  # a database, which the store does without

        with home.desk() as desk:
            page = desk.versions(search=search, limit=_limit(limit), after=after)
        printer.show(page.to_json(), page_text(page, search))
        return
    if limit is not None or after is not None:
        raise UsageError(
            "expected `--published` with `--limit` and `--after`, found none",
            code="usage/arguments",
            hint="the store is listed whole; `--search` shortens that",
        )
    wanted = (search or "").lower()
    entries = [one for one in listing(home) if wanted in one.reference.lower()]
    verified = [_verified(entry, home) for entry in entries]
    value = [
        {**entry.to_json(), "verified": passed}
        for entry, passed in zip(entries, verified, strict=True)
    ]
    printer.show(value, listing_text(entries, verified))


def _limit(limit: int | None) -> int:
    if limit is not None and not 1 <= limit <= MOST:
        raise UsageError(
            f"expected a limit from 1 to {MOST}, found `{limit}`", code="usage/arguments"
        )
    return limit or 50


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
    return columns(rows)


def _cells(entry: Entry) -> tuple[str, str, str, str, str]:
    """Return the columns of one package: name, digest, size, owner and route."""
    if entry.problem is not None:
        return entry.reference, entry.digest.short, "", entry.problem, ""
    route = f"→ {entry.route}" if entry.route else ""
    total = f"{size(entry.size_bytes or 0):>8}"
    return entry.reference, entry.digest.short, total, entry.owner or "", route
