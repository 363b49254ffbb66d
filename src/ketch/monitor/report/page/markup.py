"""Pieces of HTML; whatever text they are given is text in them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from ketch.schema.problems import escaped


def text(says: str) -> str:
    """Return text as HTML, and what cannot be printed in words: a name is no control code."""
    return escape(escaped(says))


def table(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int] = ()
) -> str:
    """Return a table whose first column names its rows; nothing where there are none.

    Args:
        caption: What it shows, for those who cannot see where it stands.
        heads: The names of the columns; those of which no row says anything are left out.
        rows: Text.
        numbers: Columns that stand to the right.
    """
    kept = [at for at in range(len(heads)) if any(row[at] for row in rows)]
    if not kept:
        return ""
    kinds = {at: ' class="number"' if at in numbers else "" for at in kept}
    head = "".join(f'<th scope="col"{kinds[at]}>{text(heads[at])}</th>' for at in kept)
    lines = []
    for row in rows:
        cells = [
            f'<th scope="row">{text(row[at])}</th>'
            if place == 0
            else f"<td{kinds[at]}>{text(row[at])}</td>"
            for place, at in enumerate(kept)
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll" role="region" aria-label="{text(caption)}" tabindex="0"><table>'
        f"<caption>{text(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def section(title: str, *parts: str) -> str:
    """Return a part of a page under its title; nothing of nothing."""
    inside = "".join(parts)
    return f"<section><h2>{text(title)}</h2>{inside}</section>" if inside else ""


def figure(drawing: str, says: str, numbers: str = "") -> str:
    """Return a plot, what it shows, and its numbers in a table that can be unfolded."""
    if not drawing:
        return ""
    more = f"<details><summary>The numbers</summary>{numbers}</details>" if numbers else ""
    drawn = (
        f'<div class="scroll" role="region" aria-label="{text(says)}" tabindex="0">{drawing}</div>'
    )
    return f"<figure>{drawn}<figcaption>{text(says)}</figcaption>{more}</figure>"


def paragraph(says: str, kind: str = "") -> str:
    """Return a paragraph; nothing of nothing."""
    name = f' class="{kind}"' if kind else ""
    return f"<p{name}>{text(says)}</p>" if says else ""
