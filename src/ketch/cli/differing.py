"""Two packages that are not the same, in words: one line a component, then what differs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from ketch.cli.differing_lines import Line, line
from ketch.cli.differing_parts import details, summary
from ketch.cli.fit import WIDTH, crop
from ketch.compare.diff import Component, Diff

_ALIKE = "written in another way; all that is read of it is the same"


def differing(found: Diff, *said: str) -> object:
    """Return a diff as text; with colours, where a terminal shows it.

    Args:
        found: The diff.
        said: What named the two packages, which is shown where it is not their name.
    """
    lines = [*_who(found, said), *_all(found)]
    if not sys.stdout.isatty():
        return "\n".join(text for text, _ in lines)
    from rich.text import Text  # a pipe takes no colours

    return Text("\n").join(Text(text, style=style) for text, style in lines)


def _who(found: Diff, said: Sequence[str]) -> Iterator[Line]:
    sides = (("a", found.a), ("b", found.b))
    for (side, who), name in zip(sides, said or (found.a.package, found.b.package), strict=True):
        given = "" if name == who.package else f" ({crop(name, 40)})"
        yield line(f"{side}  {who.package}{given}  {who.digest}", "bold", width=2 * WIDTH)
    yield line("")


def _all(found: Diff) -> Iterator[Line]:
    if found.same:
        yield line("they are the same package")
        return
    yield from map(_row, found.components)
    for component in found.components:
        if component.details is not None:
            yield line("")
            yield line(component.name, "bold")
            yield from list(details(component.details)) or [line(f"  {_ALIKE}", "dim")]


def _row(component: Component) -> Line:
    short = ["none" if one is None else one.short for one in (component.a, component.b)]
    digests = " → ".join(dict.fromkeys(short))
    if component.details is None:
        return line(f"  {component.name:<11}  same     {digests}", "dim")
    said = summary(component.details) or _ALIKE
    return line(f"  {component.name:<11}  changed  {digests:<27}  {said}", "yellow")
