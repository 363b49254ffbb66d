"""What drifted on one screen, readable without colour: the sentence first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ketch.cli.fit import crop, folded
from ketch.cli.tables import table
from ketch.monitor.drift import Drift, FieldDrift, words

_MOST = 20
_ROOM = 34


def drift_text(found: Drift) -> str:
    """Return what drifted, as ``ketch drift`` prints it."""
    return "\n".join(_lines(found))


def _lines(found: Drift) -> Iterator[str]:
    yield from folded(words.sentence(found), indent=2)
    for fact in words.facts(found):
        yield from folded(f"  {fact}", indent=2)
    asked = [one for one in found.fields if one.side == "input"]
    answered = [one for one in found.fields if one.side == "output"]
    yield from _drifted("inputs that drifted, those first that move the answers most", asked)
    yield from _drifted("answers that drifted", answered)
    still = [one for one in found.fields if not one.drifted]
    deep = [f"{one.name} {one.main.value:.3f}" for one in still if not one.is_shallow]
    yield from _listed("no drift, and how far each moved", deep)
    yield from _listed(
        "nothing more is missing; values too many to tell",
        [one.name for one in still if one.is_shallow],
    )
    if found.not_compared:
        yield from ("", "not compared")
        listed = list(found.not_compared.items())
        yield table([("", ""), *listed[:_MOST]], indent=2).partition("\n")[2]
        if len(listed) > _MOST:
            yield f"  and {len(listed) - _MOST:,} more"


def _listed(title: str, said: Sequence[str]) -> Iterator[str]:
    if said:
        yield from ("", title)
        yield from folded(f"  {', '.join(said)}", indent=2)


def _drifted(title: str, fields: Sequence[FieldDrift]) -> Iterator[str]:
    drifted = [one for one in fields if one.drifted]
    if not drifted:
        return
    yield from ("", title)
    heads = ("FIELD", "MEASURE", "WHAT MOVED", "AGAINST", "IT MOVES")
    rows = [row for one in drifted[:_MOST] for row in _rows(one)]
    yield table([heads, *rows], indent=2)
    if len(drifted) > _MOST:
        yield f"  and {len(drifted) - _MOST:,} more; `--json` has all of them"


def _rows(field: FieldDrift) -> Iterator[Sequence[str]]:
    """Yield a line for the measure that says most, and one for each other that drifted."""
    says, moves = crop(field.main.says, _ROOM), crop(words.effect(field), _ROOM)
    yield field.name, words.measure(field.main), says, words.against(field), moves
    for one in field.others:
        yield "", words.measure(one), crop(one.says, _ROOM), "", ""
