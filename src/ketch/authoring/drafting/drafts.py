"""Draft scenarios: rows of the example, or else values that fit the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ketch.authoring.drafting.examples import Examples
from ketch.authoring.drafting.plan import Plan
from ketch.errors import Finding
from ketch.package import Scenario
from ketch.schema import (
    Binary,
    Bool,
    Date,
    Decoder,
    Field,
    Float,
    Int,
    List,
    String,
    Struct,
    Tensor,
    Timestamp,
    Type,
)

MOST = 3
Row = dict[str, object]


def draft_scenarios(
    plan: Plan, examples: Examples, names: Mapping[str, str]
) -> tuple[Scenario, ...]:
    """Return scenarios with inputs only, marked as drafts; recording fills in the rest.

    Args:
        plan: The schema, and typical values of its inputs.
        examples: Rows to take where they fit the schema.
        names: The inputs → the columns of the example.
    """
    rows = tuple(_from_examples(plan.inputs, examples, names))
    if rows:
        drafts = [_draft(f"example-{n}", (row,)) for n, row in enumerate(rows[:MOST], 1)]
        together = [_draft("examples-together", rows)] if len(rows) > 1 else []
        return (*drafts, *together)
    typical = [{one.name: _value(one, plan.typical, at) for one in plan.inputs} for at in range(2)]
    distinct = typical if typical[0] != typical[1] else typical[:1]
    return tuple(_draft(f"invented-{n}", (row,)) for n, row in enumerate(distinct, 1))


def unused(plan: Plan, examples: Examples, names: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return why no row of the example became a scenario; nothing when one did, or none is there.

    Args:
        plan: The schema.
        examples: The rows.
        names: The inputs → the columns of the example.
    """
    if not examples.rows or any(_from_examples(plan.inputs, examples, names)):
        return ()
    lacking = [f"`{one.name[:60]}`" for one in plan.inputs if one.name not in names]
    if lacking:
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        why = f"they lack {', '.join(lacking[:5])}{more}"
    else:
        row = {name: examples.rows[0].get(column) for name, column in names.items()}
        refused = Decoder(plan.inputs).decode([row])[1]
        why = f"the schema refuses them: {refused[0].message}"
    message = f"no row of the example became a scenario, those are invented: {why}"
    hint = "give rows with every input, `--example FILE`, or write scenarios by hand"
    return (Finding("init/example-unused", message, examples.where, hint, blocks=False),)


def _draft(name: str, rows: Sequence[Row]) -> Scenario:
    return Scenario(name, tuple(rows), single=len(rows) == 1, draft=True)


def _from_examples(
    fields: Sequence[Field], examples: Examples, names: Mapping[str, str]
) -> Iterator[Row]:
    """Yield distinct rows that the schema takes, those with gaps not before the others."""
    found: list[Row] = []
    decode = Decoder(fields)
    for row in examples.rows:
        own = {name: row.get(column) for name, column in names.items()}
        if len(own) == len(fields) and own not in found and not decode.decode([own])[1]:
            found.append(own)
        if len(found) == 50:
            break
    whole = [row for row in found if None not in row.values()]
    gaps = [row for row in found if None in row.values()]
    yield from (*whole[: MOST - bool(gaps)], *gaps[:1]) if whole else gaps[:MOST]


def _value(field: Field, typical: Mapping[str, float], at: int) -> object:
    if field.values:
        return field.values[at % len(field.values)]
    if field.name in typical and isinstance(field.type, (Float, Int)):
        centre = typical[field.name]
        return int(centre) if isinstance(field.type, Int) else round(centre, 3)
    return _plain(field.type, at)


def _plain(kind: Type, at: int) -> object:
    match kind:
        case Bool():
            return at == 0
        case Int():
            return at
        case Float():
            return float(at)
        case String():
            return ("a", "b")[at]
        case Binary():
            return ""
        case Date():
            return "2026-01-01"
        case Timestamp(_, zone):
            return "2026-01-01T12:00:00" + ("Z" if zone else "")
        case List(item):
            return [_plain(item, at)]
        case Struct(fields):
            return {member.name: _plain(member.type, at) for member in fields}
        case Tensor(dtype, shape):
            value = _plain(dtype, at)
            for size in reversed(shape):
                value = [value] * max(size, 1)
            return value
