"""A comparison in words: the answer in a sentence, then the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ketch.cli.fit import WIDTH, crop, folded
from ketch.cli.tables import table
from ketch.cli.text import seconds
from ketch.compare.trial import Beside, Trial, sentence, words
from ketch.schema.problems import escaped


def compared(found: Trial) -> str:
    """Return how packages stand beside the first, and what shows it."""
    return "\n".join(_lines(found))


def _lines(found: Trial) -> Iterator[str]:
    yield from folded(escaped(sentence(found)), indent=0, most=8)
    if found.metrics:
        yield ""
        yield table(list(_once(words.metrics(found))), right=(2, 4))
    yield ""
    yield table(words.costs(found), right=(1, 2, 3, 4, 5, 6, 7))
    for remark in words.remarks(found):
        yield from folded(escaped(f"  {remark}"), indent=4, most=4)
    for one in found.beside:
        yield from _beside(found, one)
    yield ""
    yield from folded(escaped(f"{words.asked(found)} ({seconds(found.duration_s)})"), indent=0)
    for note in found.notes:
        yield from folded(escaped(f"  {note}"), indent=4)


def _beside(found: Trial, one: Beside) -> Iterator[str]:
    apart = one.differences
    yield ""
    yield from folded(
        escaped(f"answers of {found.names[one.at]} beside {found.names[0]}"), indent=2
    )
    if apart.moved:
        yield from _cropped(table(words.outputs(apart), right=(1, 2, 3, 4), indent=2))
    else:
        yield f"  {words.same(apart)}"
    if apart.only:
        names = ", ".join(apart.only)
        yield from folded(escaped(f"  one of them alone answers: {names}"), indent=4)
    for head, slices in (("differ most where", one.most), ("by slice", one.slices)):
        if slices:
            yield from _cropped(table(words.slices(head, slices), right=(1, 2, 3), indent=2))
    for why in one.speaks_against:
        yield from folded(escaped(f"  ! {why}"), indent=4)


def _cropped(lines: str) -> Iterator[str]:
    """Yield lines of which values at the end may be cut: JSON has them."""
    return (crop(line, WIDTH) for line in lines.splitlines())


def _once(lines: Sequence[words.Line]) -> Iterator[words.Line]:
    """Yield lines, and a name that is that of the line above not again."""
    before = None
    for first, *others in lines:
        yield ("" if first == before else first, *others)
        before = first
