"""Tables on the screen: rows in columns, numbers to the right."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len

from ketch.cli.columns import columns


def table(rows: Sequence[Sequence[str]], *, right: Collection[int] = (), indent: int = 0) -> str:
    """Return rows in columns, of which some stand to the right; one without a word is left out.

    Args:
        rows: The first holds the names of the columns.
        right: Columns of numbers.
        indent: Columns before each line.
    """
    kept = [at for at in range(len(rows[0])) if any(row[at] for row in rows[1:])]
    widths = {at: max(cell_len(row[at]) for row in rows) for at in kept}
    told = [
        [" " * (widths[at] - cell_len(row[at])) * (at in right) + row[at] for at in kept]
        for row in rows
    ]
    space = " " * indent
    return "\n".join(f"{space}{line}" for line in columns(told).splitlines())
