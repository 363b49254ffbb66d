"""What libraries do to the answers, as an explanation found it."""

from __future__ import annotations

from ketch.compare.explain import Change, Explanation


def changing(found: Explanation) -> tuple[Change, ...]:
    """Return the libraries that change the answers; none where there was no time to find them."""
    return tuple(
        change
        for cause in found.causes
        if cause.is_smallest
        for change in cause.changes
        if change.kind == "library"
    )


def effect(found: Explanation, name: str) -> str:
    """Return what a library does to the answers, alone or with others."""
    others = [f"`{one.name}`" for one in changing(found) if one.name != name]
    together = f" together with {', '.join(others)}" if others else ""
    before, after = found.failures
    if after is not None and before is None:
        all_rows = "every row" if found.changed == found.rows else f"{found.changed} rows"
        return f"{all_rows} fails{together}: {after}"
    rows = f"changes {found.changed} of {found.rows} rows{together}"
    named = ", ".join(f"`{one}`" for one in found.fields)
    return f"{rows} ({'outputs' if len(found.fields) > 1 else 'output'} {named})" if named else rows
