"""What a notebook shows of a value: a small table of text, nothing that runs.

Whatever a package or a file calls itself stays text: everything is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

MOST_ROWS = 50
LONGEST = 500

_CELL = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"


def card(title: str, facts: Mapping[str, object], rows: Iterable[Sequence[object]] = ()) -> str:
    """Return HTML that shows a title, some facts, and a table of at most fifty rows.

    >>> print(card("a", {}, [("<b>",)]).replace(_CELL, "…"))
    <div><strong>a</strong><table><tr><td style="…">&lt;b&gt;</td></tr></table></div>
    """
    listed = list(rows)
    more = [(f"and {len(listed) - MOST_ROWS:,} more",)] if len(listed) > MOST_ROWS else []
    told = _table([(name, value) for name, value in facts.items() if value not in ("", None)])
    return f"<div><strong>{_text(title)}</strong>{told}{_table([*listed[:MOST_ROWS], *more])}</div>"


def _table(rows: Sequence[Sequence[object]]) -> str:
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table>{body}</table>" if body else ""


def _cell(value: object) -> str:
    return f'<td style="{_CELL}">{_text(value)}</td>'


def _text(value: object) -> str:
    text = str(value)
    return escape(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")
