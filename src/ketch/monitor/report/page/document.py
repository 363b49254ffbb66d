"""A page as a whole document: what every page of ketch has around what it says."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ketch.monitor.report.page.markup import paragraph, text

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The browser is told, too, to ask nobody for anything and to run nothing."""


def document(title: str, parts: Iterable[str], made: str) -> str:
    """Return a whole document of HTML, which is well-formed XML, too.

    Args:
        title: As text.
        parts: What stands on the page, as HTML.
        made: From what it was made, as text.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f'<title>{text(title)}</title><link rel="icon" href="data:,"/>'
        f"<style>{style()}</style></head><body><main>{''.join(parts)}</main>"
        f"<footer>{paragraph(made)}</footer></body></html>\n"
    )


@cache
def style() -> str:
    """Return the style of every page."""
    return (Path(__file__).parent / "page.css").read_text("utf-8")
