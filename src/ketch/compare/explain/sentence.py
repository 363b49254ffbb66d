"""The answer in a sentence that a person can read."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ketch.compare.explain.explanation import Cause, Explanation
from ketch.compare.explain.inside import Change
from ketch.package import Divergence

_NAMES = {"params": "parameters"}
_NAMED = 3
_LONGEST = 30


def sentence(found: Explanation) -> str:
    """Return why B answers otherwise than A, or that it does not."""
    if not found.differing:
        return f"`{found.a}` and `{found.b}` have the same code, model, parameters and environment."
    if not found.rows:
        rows = "the one row" if found.unsteady == 1 else f"all {found.unsteady} rows"
        return f"Nothing can be said: to {rows} comes another answer each time."
    if not found.changed:
        names = listed([component_name(one) for one in found.differing])
        verb = "differs" if len(found.differing) == 1 else "differ"
        rows = "the one row" if found.rows == 1 else f"all {found.rows} rows"
        same = f"`{found.b}` answers {rows} as `{found.a}` does"
        return f"Nothing changed: {same}, though the {names} {verb}."
    if not found.causes:
        return f"`{found.b}` answers {found.changed} of {found.rows} rows otherwise."
    return f"{'; '.join(_parts(found))}."


def component_name(component: str) -> str:
    """Return the name of a component as people say it."""
    return _NAMES.get(component, component)


def listed(names: list[str]) -> str:
    """Return names as a list in words: ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def change_text(change: Change) -> str:
    """Return a change in a few words: ``pandas 2.2.3 → 3.0.1``."""
    if change.kind in {"pipeline", "schema"}:
        return f"the {change.kind}"
    if change.kind == "order":
        return f"the order of what `{change.name}` defines"
    if change.kind == "step":
        return f"step `{change.name}`, which is {'new' if change.before is None else 'gone'}"
    if change.kind == "model" or change.before == change.after:
        return f"`{change.name}`"
    name = change.name if change.kind in {"library", "python"} else f"`{change.name}`"
    if change.kind == "definition" and _is_long(change.before, change.after):
        return name
    if change.before is None:
        return f"{name} {_value(change, change.after)}, which is new".replace("  ", " ")
    if change.after is None:
        return f"{name}, which is gone"
    return f"{name} {_value(change, change.before)} → {_value(change, change.after)}"


def changes_text(changes: tuple[Change, ...]) -> str:
    """Return some changes in words; many are counted."""
    told = [change_text(one) for one in changes[:_NAMED]]
    more = len(changes) - _NAMED
    return listed([*told, f"{more} more"] if more > 0 else told)


def _parts(found: Explanation) -> Iterator[str]:
    for number, cause in enumerate(found.causes):
        share = percent(cause.share)
        share += "" if number else " of the change comes"
        yield f"{share} from the {component_name(cause.component)}{_inside(cause)}"


def _inside(cause: Cause) -> str:
    said = ""
    if cause.changes and cause.is_smallest:
        said += f", from {changes_text(cause.changes)}"
    elif cause.changes:
        said += f", from some of its {cause.of} changes"
    if cause.entry is not None:
        moved = cause.entry.divergence
        said += f", and it enters at {place(moved)}"
    return said


def place(moved: Divergence) -> str:
    """Return at which step and field something moves; of wide arrays the last columns are one."""
    step, (first, colon, _) = f"step `{moved.step}`", (moved.field or "").partition(":")
    if colon and first.isdecimal():
        return f"{step}, in columns from {first} on"
    return f"{step}, field `{moved.field}`" if moved.field else step


def percent(share: float) -> str:
    """Return a share without decimals, but never a part as nothing or all.

    >>> percent(0.914), percent(0.999), percent(1.0), percent(-0.25)
    ('91 %', '>99 %', '100 %', '-25 %')
    """
    whole = round(share * 100)
    if whole == 100 and share < 1 - 1e-9:
        return ">99 %"
    if whole == 0 and share > 1e-9:
        return "<1 %"
    return f"{whole} %"


def _is_long(*texts: object) -> bool:
    """Whether a text says more than a sentence can; a diff shows it."""
    return any(isinstance(text, str) and len(text) > _LONGEST for text in texts)


def _value(change: Change, value: object) -> str:
    if isinstance(value, str) and change.kind != "parameter":
        text = value
    else:
        text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
