"""Text that fits a screen: folded, cropped, and shortened around what matters."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from rich.cells import cell_len

WIDTH = 100
"""Columns of a line, whatever the terminal: reports are read in logs and mails, too."""

_CONTEXT = 12
"""Characters shown before the first that differs."""


def crop(text: str, width: int) -> str:
    """Return a text of at most ``width`` columns: ``crop("abcdef", 4) == "abc…"``."""
    if cell_len(text) <= width:
        return text
    cut = text[: width - 1]
    while cell_len(cut) >= width:
        cut = cut[:-1]
    return f"{cut}…"


def folded(text: str, *, indent: int, most: int = 3) -> Iterator[str]:
    """Yield a text as lines; the middle of what needs more than ``most`` is left out.

    Args:
        text: What to say; its first line begins where the text does.
        indent: Columns before each further line.
        most: How many lines there may be.
    """
    text = " ".join(text.splitlines())
    room = most * (WIDTH - indent - 20)  # words do not fill a line to its end
    if len(text) > room:
        text = f"{text[: room * 2 // 3]} … {text[-room // 3 :]}"
    lines = wrap(text, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)
    begins = text[: len(text) - len(text.lstrip())]
    return (crop(line, WIDTH) for line in [begins + lines[0].lstrip(), *lines[1:]])


def both(what: str, expected: str, found: str, *, indent: int) -> str:
    """Return what was expected and what was found: one line, or three if they are long.

    Args:
        what: What is spoken of.
        expected: A value as text; both are shortened around their first difference.
        found: The other one.
        indent: Columns before the further lines.
    """
    line = f"{what}: expected {expected}, found {found}"
    if cell_len(line) <= WIDTH:
        return line
    room = WIDTH - indent - len("expected ")
    first, second = around(expected, found, room)
    space = " " * indent
    return f"{crop(what, WIDTH - 1)}:\n{space}expected {first}\n{space}found    {second}"


def around(one: str, other: str, width: int) -> tuple[str, str]:
    """Return two texts, each in ``width`` columns, around the first place they differ.

    >>> around("x" * 50 + "a" + "y" * 50, "x" * 50 + "b" + "y" * 50, 20)
    ('…xxxxxxxxxxxxayyyyy…', '…xxxxxxxxxxxxbyyyyy…')
    """
    if max(cell_len(one), cell_len(other)) <= width:
        return one, other
    pairs = enumerate(zip(one, other, strict=False))
    differ = next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))
    begin = max(0, differ - _CONTEXT)
    head = "…" if begin else ""
    return crop(head + one[begin:], width), crop(head + other[begin:], width)
