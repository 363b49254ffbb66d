"""Rows of text in columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from ketch.schema.problems import escaped


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as lines whose cells stand below each other; what ends them is cut."""
    lines = [[escaped(" ".join(cell.splitlines())) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(_padded, cells, widths)).rstrip() for cells in lines)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - cell_len(cell))
