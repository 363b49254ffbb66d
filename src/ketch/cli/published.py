"""What is published, as people and programs read it: a page of versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketch.cli.columns import columns
from ketch.cli.text import size
from ketch.schema.problems import escaped

if TYPE_CHECKING:
    from ketch.registry import Page, Version


def page_text(page: Page, search: str | None = None) -> str:
    """Return a page of versions, the newest published first, and how to get the next."""
    if not page.items and search is not None:
        return f"nothing that is published has `{escaped(search)}` in it"
    if not page.items:
        return "nothing is published; `ketch push` publishes a package"
    text = columns([_cells(version) for version in page.items])
    more = "" if page.after is None else f"\nmore: --after {page.after}"
    return f"{text}{more}"


def _cells(version: Version) -> tuple[str, ...]:
    by = f"{version.published:%Y-%m-%d %H:%M} by {version.publisher}"
    state = "" if version.withdrawn is None else f"withdrawn: {version.withdrawn}"
    route = f"→ {version.route}" if version.route else ""
    total = f"{size(version.size_bytes):>8}"
    return version.reference, version.digest.short, total, version.owner, route, by, state
