"""What differs in one component, in words: a summary of a few, and line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import singledispatch

from ketch.cli.differing_code import code_lines
from ketch.cli.differing_data import data_lines
from ketch.cli.differing_lines import (
    SHOWN,
    Line,
    balance,
    change_lines,
    diff_lines,
    file_lines,
    line,
    long_lines,
    marked,
    more,
    named,
    sized,
    told,
)
from ketch.cli.text import counted
from ketch.compare.diff.changes import Change, Kind
from ketch.compare.diff.code_changes import Code
from ketch.compare.diff.data import Data
from ketch.compare.diff.documents import Documents
from ketch.compare.diff.environment import Environments, LibraryChange
from ketch.compare.diff.files import Files
from ketch.compare.diff.scenarios import ScenarioChange, Scenarios
from ketch.compare.diff.schemas import FieldChange, Schemas
from ketch.compare.diff.whole import Details, Values
from ketch.errors import Finding

_NAMED = {"name", "type"}


@singledispatch
def summary(found: Details) -> str:
    """Return in a few words what differs in a component; nothing, where nothing is read so."""
    raise TypeError(type(found).__name__)


@singledispatch
def details(found: Details) -> Iterator[Line]:
    """Yield what differs in a component."""
    raise TypeError(type(found).__name__)


@summary.register
def _(found: Code) -> str:
    if found.wording:
        return "comments, docstrings or layout alone: the same runs"
    parts = [part for file in found.files for part in file.parts]
    words = sum(part.wording for part in parts)
    kinds = [part.kind for part in parts if not part.wording]
    moved = f"{len(found.moves)} moved" if found.moves else ""
    worded = f"{words} in words alone" if words else ""
    said = ", ".join(filter(None, (_kinds(kinds), moved, worded)))
    return said or _kinds(file.change.kind for file in found.files) or "the pipeline"


@details.register
def _(found: Code) -> Iterator[Line]:
    yield from change_lines(found.pipeline)
    yield from code_lines(found)


@summary.register
def _(found: Environments) -> str:
    count, direct = len(found.libraries), sum(one.direct for one in found.libraries)
    named = f"{count:,} {'library' if count == 1 else 'libraries'}" if count else ""
    said = f"{named} ({direct:,} direct)" if direct else named
    settings = counted(len(found.settings), "setting") if found.settings else ""
    return ", ".join(filter(None, (said, settings)))


@details.register
def _(found: Environments) -> Iterator[Line]:
    yield from change_lines(found.settings)
    width = max((len(library.name) for library in found.libraries), default=0)
    for library in found.libraries[: 2 * SHOWN]:
        direct = "  direct" if library.direct else ""
        yield marked(library.kind, f"{library.name:<{width}}  {_versions(library)}{direct}")
    yield from more(len(found.libraries), 2 * SHOWN, "library that changed")


def _versions(library: LibraryChange) -> str:
    a, b = (", ".join(side) for side in (library.a, library.b))
    if library.files:
        return f"{a}, of which other files are allowed"
    return " → ".join(filter(None, (a, b)))


@summary.register
def _(found: Values) -> str:
    names = dict.fromkeys(str(change.path[0]) for change in found.changes if change.path)
    return _listed(names)


@details.register
def _(found: Values) -> Iterator[Line]:
    yield from change_lines(found.changes)


@summary.register
def _(found: Schemas) -> str:
    stands = "breaks callers of a" if found.b_for_a else "b can stand in for a"
    return ", ".join(filter(None, (_kinds(one.kind for one in found.fields), stands)))


@details.register
def _(found: Schemas) -> Iterator[Line]:
    yield from _stumbles(found.b_for_a, "callers of a would stumble over b:")
    yield from _stumbles(found.a_for_b, "after a roll back, callers of b would stumble over a:")
    for side in found.reordered:
        yield line(f"  ~ {side}  the same fields in another order")
    for change in found.fields[: 2 * SHOWN]:
        yield from _field(change)
    yield from more(len(found.fields), 2 * SHOWN, "field")


def _stumbles(findings: Sequence[Finding], title: str) -> Iterator[Line]:
    if findings:
        yield line(f"  ! {title}", "red")
        for one in findings[:SHOWN]:
            yield from long_lines(f"{one.where}: {one.message}", "red", indent=6)
        yield from more(len(findings), SHOWN, "reason", indent=6)


def _field(change: FieldChange) -> Iterator[Line]:
    field = change.b or change.a
    if change.kind is not Kind.CHANGED and field is not None:
        body = field.to_json()
        rest = ", ".join(_limit(*item) for item in body.items() if item[0] not in _NAMED)
        yield marked(change.kind, f"{change.path}  {field.type}  {rest}")
        return
    yield marked(change.kind, f"{change.path}  {'; '.join(map(_said, change.changes))}")


def _limit(name: str, value: object) -> str:
    return name if value is True else f"{name} {value}"


def _said(change: Change) -> str:
    signs = {Kind.ADDED: "now ", Kind.REMOVED: "no longer "}
    return f"{signs.get(change.kind, '')}{change.place} {told(change)}".rstrip()


@summary.register
def _(found: Files) -> str:
    return _kinds(change.kind for change in found.changes)


@details.register
def _(found: Files) -> Iterator[Line]:
    yield from file_lines(found)


@summary.register
def _(found: Documents) -> str:
    return _kinds(change.kind for change in found.files.changes)


@details.register
def _(found: Documents) -> Iterator[Line]:
    for change in found.files.changes[:SHOWN]:
        lines = found.lines.get(change.path)
        said = sized(change) if lines is None else balance(lines)
        yield marked(change.kind, f"{named(change)}  {said}")
        if lines is not None:
            yield from diff_lines(lines)
    yield from more(len(found.files.changes), SHOWN, "file")


@summary.register
def _(found: Data) -> str:
    samples = f"{counted(len(found.samples.changes), 'sample')} that it ships"
    names = _listed(change.name for change in found.references)
    return ", ".join(filter(None, (names, samples if found.samples.changes else "")))


@details.register
def _(found: Data) -> Iterator[Line]:
    yield from data_lines(found)
    yield from file_lines(found.samples)


@summary.register
def _(found: Scenarios) -> str:
    traces = f"{counted(len(found.traces), 'step trace')}" if found.traces else ""
    return ", ".join(filter(None, (_kinds(one.kind for one in found.scenarios), traces)))


@details.register
def _(found: Scenarios) -> Iterator[Line]:
    for change in found.scenarios[:SHOWN]:
        yield marked(change.kind, f"{change.name}{_asks(change)}")
        yield from change_lines(change.changes, indent=6)
    yield from more(len(found.scenarios), SHOWN, "scenario")
    if found.traces:
        yield line(f"  ~ step traces of {_listed(found.traces)}")


def _asks(change: ScenarioChange) -> str:
    scenario = change.b or change.a
    if change.kind is Kind.CHANGED or scenario is None or not scenario.description:
        return ""
    return f"  {scenario.description}"


def _kinds(kinds: Iterable[Kind]) -> str:
    counts = Counter(kinds)
    return ", ".join(f"{counts[kind]:,} {kind}" for kind in Kind if counts[kind])


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    left = f" and {len(every) - 4:,} more" if len(every) > 4 else ""
    return ", ".join(every[:4]) + left
