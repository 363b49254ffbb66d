"""Types, fields, rows and values of JSON, as Hypothesis draws them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, TypeAlias

from hypothesis import strategies as st

from ketch.schema import (
    Binary,
    Bool,
    Date,
    Field,
    Float,
    Int,
    List,
    Member,
    Row,
    String,
    Struct,
    Tensor,
    Timestamp,
    Type,
)
from ketch.schema.floats import largest_float
from ketch.schema.lines import LINE_PATTERN
from ketch.schema.types import holds_floats, leaf

Make: TypeAlias = st.SearchStrategy
EARLY = datetime(1700, 1, 1)  # noqa: DTZ001  # Hypothesis adds the zone
LATE = datetime(2200, 1, 1)  # noqa: DTZ001

JSON: Make[object] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=3
        )
    ),
    max_leaves=8,
)
PYTHON: Make[object] = st.recursive(
    JSON | st.floats() | st.text() | st.binary() | st.complex_numbers() | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=4) | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=6,
)
LINES: Make[str] = st.from_regex(
    LINE_PATTERN, fullmatch=True, alphabet=st.characters(codec="utf-8")
)
NAMES: Make[str] = st.from_regex(r"[A-Za-z_][A-Za-z0-9_ .-]{0,5}", fullmatch=True)
MEMBER_NAMES: Make[str] = NAMES.filter(lambda name: not name.endswith(" "))
INTS: Make[Int] = st.builds(Int, st.sampled_from([8, 16, 32, 64]), st.booleans())
FLOATS: Make[Float] = st.builds(Float, st.sampled_from([16, 32, 64]))
ZONES: Make[str | None] = st.sampled_from([None, "UTC", "Europe/Berlin", "Etc/GMT+5", "+05:30"])
TIMESTAMPS: Make[Timestamp] = st.builds(Timestamp, st.sampled_from(["s", "ms", "us", "ns"]), ZONES)
NUMBERS: Make[Bool | Int | Float] = st.just(Bool()) | INTS | FLOATS
SHAPES: Make[tuple[int, ...]] = st.lists(
    st.sampled_from([-1, 1, 2, 3]), min_size=1, max_size=3
).map(tuple)
TENSORS: Make[Tensor] = st.builds(Tensor, NUMBERS, SHAPES)


def structs(inner: Make[Type]) -> Make[Struct]:
    return st.lists(
        st.builds(Member, MEMBER_NAMES, inner, st.booleans()),
        min_size=1,
        max_size=3,
        unique_by=lambda member: member.name,
    ).map(lambda members: Struct(tuple(members)))


def lists(inner: Make[Type]) -> Make[Type]:
    return st.builds(List, inner)


SCALARS: Make[Type] = NUMBERS | TIMESTAMPS | st.sampled_from([String(), Binary(), Date()])
TYPES: Make[Type] = st.recursive(
    SCALARS | TENSORS, lambda inner: lists(inner) | structs(inner), max_leaves=4
)


def values(t: Type) -> Make[object]:
    """Return values of a type, in JSON form, not always the normal one."""
    match t:
        case Bool():
            return st.booleans()
        case Int():
            return st.integers(t.smallest, t.largest)
        case Float(bits):
            small = st.integers(-(2**11), 2**11)
            return small | st.floats(width=bits, allow_nan=False, allow_infinity=False)  # type: ignore[arg-type]
        case String():
            return st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
        case Binary():
            return st.sampled_from(["", "AA==", "AAE=", "////"])
        case Date():
            return st.dates().map(lambda day: day.isoformat())
        case Timestamp():
            return timestamps(t)
        case List(item):
            return st.lists(values(item), max_size=3)
        case Tensor(dtype, shape):
            return tensors(dtype, shape)
        case Struct(members):
            return st.fixed_dictionaries({one.name: member_values(one) for one in members})


def timestamps(t: Timestamp) -> Make[object]:
    offsets = st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    moments = st.datetimes(
        EARLY,
        LATE,
        timezones=offsets if t.zone else st.none(),
    )
    width = {"s": "seconds", "ms": "milliseconds"}.get(t.unit, "auto")
    return moments.map(lambda moment: moment.isoformat(timespec=width))


def tensors(dtype: Type, shape: tuple[int, ...]) -> Make[object]:
    inner = values(dtype)
    for length in reversed(shape):
        size = 2 if length == -1 else length
        inner = st.lists(inner, min_size=size, max_size=size)
    return inner


def member_values(member: Member) -> Make[object]:
    return values(member.type) | st.none() if member.nullable else values(member.type)


FIELDS: Make[tuple[Field, ...]] = st.lists(
    st.builds(
        Field, NAMES, TYPES, nullable=st.booleans(), optional=st.booleans(), pii=st.booleans()
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda field: field.name,
).map(tuple)


@st.composite
def typed_rows(draw: st.DrawFn) -> tuple[tuple[Field, ...], list[Row]]:
    """Draw fields, and rows that the fields allow."""
    fields = draw(FIELDS)
    members = {
        one.name: values(one.type) | st.none() if one.nullable else values(one.type)
        for one in fields
    }
    required = {one.name: members[one.name] for one in fields if not one.optional}
    optional = {one.name: members[one.name] for one in fields if one.optional}
    row = st.fixed_dictionaries(required, optional=optional)
    return fields, draw(st.lists(row, max_size=3))


@st.composite
def fields(draw: st.DrawFn, name: str, *, answers: bool, types: Make[Type] = TYPES) -> Field:
    """Draw a field of this name with limits that its type can keep."""
    t = draw(types)
    limits: dict[str, Any] = {
        "nullable": draw(st.booleans()),
        "optional": draw(st.booleans()),
        "pii": draw(st.booleans()),
        "description": draw(LINES),
    }
    scalar = leaf(t)
    if isinstance(scalar, Int | Float | Date):
        ordered = sorted(draw(st.lists(_bounds(scalar), min_size=2, max_size=2)))
        limits["min"] = draw(st.none() | st.just(ordered[0]))
        limits["max"] = draw(st.none() | st.just(ordered[1]))
    if isinstance(scalar, Int | String | Date) and limits.get("min") is limits.get("max") is None:
        few = st.lists(_bounds(scalar), min_size=1, max_size=3, unique=True).map(tuple)
        limits["values"] = draw(st.none() | few)
    if isinstance(t, List):
        limits["max_items"] = draw(st.none() | st.integers(0, 2**53))
    if isinstance(scalar, String | Binary):
        limits["max_length"] = draw(st.none() | st.integers(0, 2**53))
    if answers:
        limits |= draw(_comparing(t))
    return Field(name, t, **limits)


def _bounds(scalar: Int | Float | String | Date) -> Make[Any]:
    match scalar:
        case Int():
            return st.integers(scalar.smallest, scalar.largest)
        case Float(bits):
            most = largest_float(bits)
            return st.floats(-most, most).map(lambda number: number + 0.0)
        case Date():
            return st.dates().map(lambda day: day.isoformat())
        case String():
            return st.text(st.characters(codec="utf-8"), max_size=8)


def _comparing(t: Type) -> Make[dict[str, Any]]:
    ways: list[Make[dict[str, Any]]] = [st.just({}), st.just({"compare": "checks:close"})]
    if isinstance(t, List):
        ways.append(st.sampled_from(["set", "ranking@5"]).map(lambda how: {"compare": how}))
    if holds_floats(t):
        tolerance: Make[Any] = st.none() | st.floats(0, 1e300)
        ways.append(st.fixed_dictionaries({"rtol": tolerance, "atol": tolerance}))
    return st.one_of(ways)


def _named(*, answers: bool) -> Make[tuple[Field, ...]]:
    return (
        st.lists(NAMES, min_size=1, max_size=4, unique=True)
        .flatmap(lambda names: st.tuples(*(fields(name, answers=answers) for name in names)))
    )  # fmt: skip


DECLARED: Make[tuple[Field, ...]] = _named(answers=False)
"""The fields of a request, with limits."""

ANSWERS: Make[tuple[Field, ...]] = _named(answers=True)
"""The fields of an answer, with limits and how they are compared."""
