"""Probes: questions every prediction API must survive, derived from its schema.

The author writes none of them. Each takes a row that a scenario proved to be good
and bends one field of it. A request that the schema allows must be answered, or
refused by the package with a ``ValueError`` that says why: any other exception is a
crash. A request that the schema does not allow must be refused by the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ketch.errors import PackageCodeError
from ketch.schema import (
    Bool,
    Date,
    Field,
    Float,
    Int,
    List,
    Row,
    String,
    Timestamp,
    decode,
)
from ketch.verify.results import ProbeResult
from ketch.verify.subject import FAILED, Subject

UNSEEN = "value-never-seen-before"
HINT = "handle it, raise `ValueError` in words, or narrow the field under `[inputs]` in ketch.toml"


def run(subject: Subject, good: Row) -> Iterator[ProbeResult]:
    """Yield one result a probe, for a row that is known to be answered."""
    fields = subject.schema.inputs
    yield _refuses("missing field", fields, lambda field: _without(good, field))
    yield _refuses("renamed field", fields, lambda field: _renamed(good, field))
    yield _refuses("extra field", fields[:1], lambda _: {**good, "field_nobody_declared": 1})
    yield _refuses("wrong type", fields, lambda field: {**good, field.name: _wrong_type(field)})
    yield _refuses(
        "null where none is allowed",
        [field for field in fields if not field.nullable],
        lambda field: {**good, field.name: None},
    )
    for name, values in _BENDS.items():
        cases = [
            (field, value)
            for field in fields
            for value in values(field)
            if value != good.get(field.name)
        ]
        if cases:
            yield _survives(subject, name, good, cases)


def _refuses(
    name: str, fields: Sequence[Field], bent: Callable[[Field], Row | None]
) -> ProbeResult:
    """The schema refuses a bent row, naming the field."""
    accepted = []
    for field in fields:
        row = bent(field)
        if row is not None and not decode(fields, [row])[1]:
            accepted.append(field.name)
    detail = f"accepted for {', '.join(f'`{field}`' for field in accepted)}" if accepted else ""
    return ProbeResult(name, not accepted, detail=detail)


def _survives(
    subject: Subject, name: str, good: Row, cases: Sequence[tuple[Field, object]]
) -> ProbeResult:
    """The package answers a bent row that the schema allows, or refuses it in words."""
    for field, value in cases:
        row = {**good, field.name: value}
        rows, refused = decode(subject.schema.inputs, [row])
        if refused:
            continue
        if problem := _problem(subject, rows):
            return ProbeResult(
                name,
                passed=False,
                detail=f"`{field.name}` = `{_shown(value)}`: {problem}",
                hint=HINT,
            )
    return ProbeResult(name, passed=True, detail=f"requests: {len(cases)}")


def _problem(subject: Subject, rows: Sequence[Row]) -> str | None:
    try:
        answer = subject.predict(rows)
    except FAILED as problem:
        is_refusal = isinstance(problem, PackageCodeError) and problem.is_refusal
        return None if is_refusal else subject.told(problem)
    wrong = decode(subject.schema.outputs, answer.rows)[1]
    return f"{wrong[0].where}: {wrong[0].message}" if wrong else None


def _without(row: Row, field: Field) -> Row | None:
    if field.optional:
        return None
    return {name: value for name, value in row.items() if name != field.name}


def _renamed(row: Row, field: Field) -> Row:
    return {
        (f"{name}_renamed" if name == field.name else name): value for name, value in row.items()
    }


def _wrong_type(field: Field) -> object:
    """Return a value that no lenient reader should take for this type."""
    match field.type:
        case Bool():
            return "false"
        case Int():
            return 1.7
        case Float():
            return "1.0"
        case String():
            return 7
        case _:
            return True


def _nulls(field: Field) -> Iterator[object]:
    if field.nullable:
        yield None


def _unseen(field: Field) -> Iterator[object]:
    match field.type:
        case String() if field.values is None:
            yield UNSEEN
        case List(item=String()):
            yield [UNSEEN]


def _empty(field: Field) -> Iterator[object]:
    match field.type:
        case String() if field.values is None:
            yield ""
        case List():
            yield []


def _extremes(field: Field) -> Iterator[object]:
    match field.type:
        case Int(bits=bits, signed=signed):
            top = 2 ** (bits - signed) - 1
            yield from _bounds(field, -top - 1 if signed else 0, top)
        case Float():
            yield from _bounds(field, -1e30, 1e30)
        case Date():
            yield from _bounds(field, "1970-01-01", "2200-01-01")
        case Timestamp(zone=zone):
            end = "" if zone is None else "Z"
            yield from _bounds(field, f"1970-01-01T00:00:00{end}", f"2200-01-01T00:00:00{end}")
        case String() if field.values is not None:
            yield from field.values
        case String():
            yield "x" * min(field.max_length or 1_000, 1_000)


def _longest(field: Field) -> Iterator[object]:
    match field.type:
        case List(item=String()):
            yield [f"{UNSEEN}-{index}" for index in range(min(field.max_items or 1_000, 1_000))]


def _bounds(field: Field, lowest: object, highest: object) -> Iterator[object]:
    yield lowest if field.min is None else field.min
    yield highest if field.max is None else field.max


_BENDS: dict[str, Callable[[Field], Iterator[object]]] = {
    "null where it is allowed": _nulls,
    "unseen category": _unseen,
    "empty value": _empty,
    "extreme value": _extremes,
    "longest list": _longest,
}


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"
