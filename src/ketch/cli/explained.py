"""An explanation in words: the answer in a sentence, then the evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ketch.cli.columns import columns
from ketch.cli.fit import both, folded
from ketch.cli.text import counted, seconds
from ketch.compare.explain import Cause, Entry, Explanation, Tried, sentence
from ketch.compare.explain.sentence import changes_text, component_name, percent, place
from ketch.schema.problems import escaped

_COMPONENTS = ("environment", "code", "params", "model")
_REASON = 4
_NONE = "-"


def explained(found: Explanation) -> str:
    """Return why B answers otherwise than A, and what shows it."""
    return "\n".join(_lines(found))


def _lines(found: Explanation) -> Iterator[str]:
    yield from folded(escaped(sentence(found)), indent=0, most=8)
    if found.causes:
        yield ""
        yield columns(_shares(found))
        yield from _together(found)
        yield from _failures(found)
        for cause in found.causes:
            if cause.entry is not None:
                yield from _entry(cause.component, cause.entry)
        yield ""
        yield columns(_mixtures(found))
        yield from _incompatible(found)
    if not found.differing:
        return
    yield ""
    yield from folded(f"{_asked(found)} ({seconds(found.duration_s)})", indent=0)
    for note in found.notes:
        yield from folded(escaped(note), indent=2)
    for missing in found.missing:
        yield from folded(f"! there was no time for {escaped(missing)}", indent=2)
    if found.missing:
        times = " with these times" if found.notes else ""
        yield f"  run the same command again{times} to go on from here"


def _shares(found: Explanation) -> Iterator[tuple[str, ...]]:
    causes = {cause.component: cause for cause in found.causes}
    ordered = sorted(_COMPONENTS, key=lambda name: -abs(found.shares[name]))
    yield "component", "share", ""
    for name in ordered:
        if name not in found.differing:
            yield component_name(name), _NONE, "the same in both"
        elif name not in causes:
            yield component_name(name), percent(found.shares[name]), "changes no answer"
        else:
            yield component_name(name), percent(found.shares[name]), _inside(causes[name])


def _inside(cause: Cause) -> str:
    if not cause.is_smallest:
        return f"{counted(cause.of, 'change')}, not taken apart"
    said = changes_text(cause.changes)
    if cause.along:
        said += f", with {changes_text(cause.along)}"
    left = cause.of - len(cause.changes) - len(cause.along)
    return f"{said} ({counted(left, 'other change')} without effect)" if left else said


def _together(found: Explanation) -> Iterator[str]:
    for group in found.together:
        names = " and ".join(map(component_name, group))
        yield f"  ! {names} fit only each other: their common part is split equally"


def _failures(found: Explanation) -> Iterator[str]:
    for name, said in zip((found.a, found.b), found.failures, strict=True):
        if said is not None:
            yield from folded(escaped(f"  ! {name} fails: {said}"), indent=4, most=_REASON)


def _entry(component: str, entry: Entry) -> Iterator[str]:
    moved = entry.divergence
    yield ""
    line = f"what the {component_name(component)} first moves: {place(moved)}, in {entry.question}"
    yield from folded(escaped(line), indent=2)
    if moved.measure == "digest":
        yield "  it moves beyond the values that a trace shows"
        return
    told = (_value(one, in_field=bool(moved.field)) for one in (moved.expected, moved.found))
    yield both(f"  {moved.measure or 'its value'}", *told, indent=4)


def _mixtures(found: Explanation) -> Iterator[tuple[str, ...]]:
    yield f"from {found.b}", "rows that differ", "numbers moved"
    for one in found.mixtures:
        if one.state == "ran":
            share = percent(one.rows / found.rows) if found.rows else _NONE
            moved = _NONE if one.moved is None else percent(one.moved)
            yield _names(one, found), f"{one.rows:,} of {found.rows:,}  {share}", moved
        else:
            state = {"incompatible": "cannot exist"}.get(one.state, "not run")
            yield _names(one, found), state, ""


def _names(one: Tried, found: Explanation) -> str:
    if not one.from_b:
        return f"nothing: {found.a} as it is"
    named = " + ".join(map(component_name, one.from_b))
    return f"{named}: all" if len(one.from_b) == len(found.differing) > 1 else named


def _incompatible(found: Explanation) -> Iterator[str]:
    for one in found.mixtures:
        if one.problem is not None:
            said = f"  {_names(one, found)} cannot exist: {one.problem}"
            yield from folded(escaped(said), indent=4, most=_REASON)


def _asked(found: Explanation) -> str:
    said = f"{counted(found.rows, 'row')} asked"
    if found.unsteady:
        said += f"; {found.unsteady} left out, whose answers change each time they are asked"
    if found.left_out:
        said += f"; {found.left_out} left out, which one of the schemas refuses"
    if found.outputs:
        said += f"; not compared: {', '.join(found.outputs)}, which one of them alone answers"
    return said


def _value(value: object, *, in_field: bool) -> str:
    if not in_field:
        return escaped(str(value))
    return f"`{escaped(json.dumps(value, ensure_ascii=False, default=str))}`"
