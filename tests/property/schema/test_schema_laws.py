"""The laws of the schema, each in the docstring of its class."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeAlias

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ketch.errors import UsageError
from ketch.schema import (
    Binary,
    Bool,
    Date,
    Decoder,
    Field,
    Float,
    Int,
    List,
    Member,
    Row,
    Schema,
    String,
    Struct,
    Tensor,
    Timestamp,
    Type,
    canonical_json,
    compare,
    decode,
    infer_fields,
    json_schema,
    parse_fields,
    parse_json,
    parse_type,
    read_text_rows,
    to_wire,
)

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


class TestTypes:
    """``parse_type(str(t)) == t`` for every type ``t``."""

    @given(TYPES)
    def test_law(self, t: Type) -> None:
        assert parse_type(str(t)) == t

    @given(TYPES)
    def test_unlike_types_are_unlike_to_the_worker(self, t: Type) -> None:
        assert to_wire(parse_type(str(t))) == to_wire(t)
        json.dumps(to_wire(t))

    @given(st.text() | st.text("abdefilnorstu<>[]?:,- 12368"))
    def test_a_text_is_a_type_or_a_usage_error(self, text: str) -> None:
        try:
            t = parse_type(text)
        except UsageError:
            return
        assert parse_type(str(t)) == t


class TestSchemas:
    """``Schema.from_json(schema.to_json()) == schema``."""

    @given(FIELDS, FIELDS)
    def test_law(self, inputs: tuple[Field, ...], outputs: tuple[Field, ...]) -> None:
        schema = Schema(inputs, outputs)
        stored = parse_json(canonical_json(schema.to_json()))
        assert Schema.from_json(stored) == schema

    @given(st.dictionaries(NAMES | st.text(), JSON, max_size=3))
    def test_any_table_gives_fields_and_findings(self, table: dict[str, object]) -> None:
        fields, findings = parse_fields(table, "inputs")
        assert len(fields) + len(findings) >= len(table)

    @given(
        TYPES,
        st.dictionaries(
            st.sampled_from(
                ["min", "max", "values", "max_items", "max_length", "rtol", "atol", "compare"]
            ),
            JSON
            | st.lists(st.integers() | st.text(), max_size=3)
            | st.sampled_from(["set", "a:b"]),
        ),
    )
    def test_constraints_that_are_kept_are_kept_when_read_again(
        self, t: Type, table: dict[str, object]
    ) -> None:
        fields, _ = parse_fields({"a": {"type": str(t), **table}}, "inputs")
        schema = Schema(fields, ())
        assert len(fields) == 1
        assert Schema.from_json(parse_json(canonical_json(schema.to_json()))) == schema


class TestDecoding:
    """Rows that were decoded decode to themselves, and nothing makes decoding raise."""

    @given(typed_rows())
    def test_rows_of_the_type_decode(self, drawn: tuple[tuple[Field, ...], list[Row]]) -> None:
        fields, rows = drawn
        decoded, findings = decode(fields, rows)
        assert findings == ()
        assert len(decoded) == len(rows)
        assert all(list(row) == [field.name for field in fields] for row in decoded)

    @given(typed_rows())
    def test_decoding_is_idempotent(self, drawn: tuple[tuple[Field, ...], list[Row]]) -> None:
        fields, rows = drawn
        decoder = Decoder(fields)
        once, _ = decoder.decode(rows)
        twice, findings = decoder.decode(parse_json(canonical_json(once)))
        assert findings == ()
        assert canonical_json(twice) == canonical_json(once)

    @given(FIELDS, PYTHON)
    def test_nothing_raises(self, fields: tuple[Field, ...], value: object) -> None:
        decoder = Decoder(fields)
        named = {field.name: value for field in fields}
        for rows in (value, [value], [named], [named, value]):
            decoded, findings = decoder.decode(rows)
            assert not (decoded and findings)
            assert all(finding.where and finding.message for finding in findings)
            json.dumps([finding.to_json() for finding in findings], allow_nan=False)

    @given(TYPES, JSON)
    def test_what_decodes_is_of_its_type(self, t: Type, value: object) -> None:
        decoded, findings = decode([Field("x", t)], [{"x": value}])
        if not findings:
            jsonschema.validate(decoded[0], json_schema([Field("x", t)]))

    @given(INTS, st.integers())
    def test_an_integer_is_kept_exactly_or_refused(self, t: Int, value: int) -> None:
        decoded, findings = decode([Field("x", t)], [{"x": value}])
        assert bool(findings) == (not t.smallest <= value <= t.largest)
        assert findings or (type(decoded[0]["x"]), decoded[0]["x"]) == (int, value)

    @given(FLOATS, st.integers() | st.integers(-(2**70), 2**70))
    def test_an_integer_becomes_a_float_only_without_loss(self, t: Float, value: int) -> None:
        decoded, findings = decode([Field("x", t)], [{"x": value}])
        if not findings:
            number = decoded[0]["x"]
            assert isinstance(number, float)
            assert int(number) == value

    @given(
        st.datetimes(timezones=st.just(UTC), min_value=EARLY, max_value=LATE),
        st.integers(-900, 900),
    )
    def test_an_instant_has_one_text_whatever_its_offset(self, at: datetime, minutes: int) -> None:
        elsewhere = at.astimezone(timezone(timedelta(minutes=minutes)))
        field = Field("x", Timestamp("us", "UTC"))
        decoded, findings = decode([field], [{"x": at.isoformat()}, {"x": elsewhere.isoformat()}])
        assert findings == ()
        assert decoded[0] == decoded[1]


class TestJsonSchema:
    """A row that decodes is valid."""

    @given(typed_rows())
    def test_law(self, drawn: tuple[tuple[Field, ...], list[Row]]) -> None:
        fields, rows = drawn
        schema = json_schema(fields)
        for row in decode(fields, rows)[0]:
            jsonschema.validate(row, schema)


class TestComparing:
    """``compare(fields, rows, rows) == ()`` for rows that decode."""

    @given(typed_rows())
    def test_law(self, drawn: tuple[tuple[Field, ...], list[Row]]) -> None:
        fields, rows = drawn
        decoded, _ = decode(fields, rows)
        assert compare(fields, decoded, decoded) == ()

    @given(typed_rows())
    def test_notation_does_not_matter(self, drawn: tuple[tuple[Field, ...], list[Row]]) -> None:
        fields, rows = drawn
        given_names = [{**dict.fromkeys(one.name for one in fields), **row} for row in rows]
        assert compare(fields, given_names, decode(fields, rows)[0]) == ()

    @given(TYPES, JSON, JSON)
    def test_no_json_raises(self, t: Type, expected: object, found: object) -> None:
        fields = [Field("x", t)]
        forwards = compare(fields, [{"x": expected}], [{"x": found}])
        backwards = compare(fields, [{"x": found}], [{"x": expected}])
        assert bool(forwards) == bool(backwards)

    @given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
    def test_a_set_is_compared_as_python_does(self, one: list[int], other: list[int]) -> None:
        fields = [Field("x", List(Int(64)), compare="set")]
        assert (compare(fields, [{"x": one}], [{"x": other}]) == ()) == (set(one) == set(other))

    @given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)), st.integers(1, 5))
    def test_a_ranking_is_the_first_items(self, one: list[int], other: list[int], k: int) -> None:
        fields = [Field("x", List(Int(64)), compare=f"ranking@{k}")]
        assert (compare(fields, [{"x": one}], [{"x": other}]) == ()) == (one[:k] == other[:k])

    @given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.floats(0, 1), st.floats(0, 1))
    def test_a_tolerance_is_that_of_math_isclose_seen_from_the_expected(
        self, one: float, other: float, rtol: float, atol: float
    ) -> None:
        fields = [Field("x", Float(64), rtol=rtol, atol=atol)]
        close = abs(other - one) <= atol + rtol * abs(one)
        assert (compare(fields, [{"x": one}], [{"x": other}]) == ()) == close


class TestInferring:
    """Without blocking findings, the example rows decode with the inferred fields."""

    @given(st.lists(st.dictionaries(NAMES, JSON, max_size=3), max_size=3))
    def test_law(self, rows: list[Row]) -> None:
        fields, findings = infer_fields(rows)
        if not any(finding.blocks for finding in findings):
            assert decode(fields, rows)[1] == ()

    @given(typed_rows())
    def test_rows_of_any_schema_are_looked_at(
        self, drawn: tuple[tuple[Field, ...], list[Row]]
    ) -> None:
        _, rows = drawn
        fields, findings = infer_fields(rows)
        if not any(finding.blocks for finding in findings):
            assert decode(fields, rows)[1] == ()
        again = Schema(fields, ())
        assert Schema.from_json(again.to_json()) == again


class TestText:
    """What a row's cells spell is what the row holds."""

    @given(SCALARS | TENSORS, st.data())
    def test_law(self, t: Type, data: st.DataObject) -> None:
        value = data.draw(values(t))
        field = Field("x", t)
        cell = value if isinstance(value, str) else json.dumps(value)
        assume(cell != "" or isinstance(t, String))
        rows, findings = read_text_rows([field], [{"x": cell}])
        assert findings == ()
        assert decode([field], rows) == decode([field], [{"x": value}])

    @given(FIELDS, st.text())
    def test_nothing_raises(self, fields: tuple[Field, ...], cell: str) -> None:
        rows, findings = read_text_rows(fields, [dict.fromkeys((one.name for one in fields), cell)])
        assert bool(rows) != bool(findings)


class TestParsing:
    """``parse_json`` reads what ``canonical_json`` wrote, and refuses by a usage error."""

    @given(JSON)
    def test_law(self, value: object) -> None:
        written = canonical_json(value)
        read = parse_json(written)
        assert canonical_json(read) == written

    @given(JSON, JSON)
    def test_equal_bytes_mean_equal_values(self, one: object, other: object) -> None:
        if canonical_json(one) == canonical_json(other):
            assert one == other

    @given(st.binary() | st.text(st.characters(codec="utf-8")).map(str.encode))
    def test_bytes_are_json_or_a_usage_error(self, data: bytes) -> None:
        check_against_the_standard_library(data)

    @given(st.text('{}[],:"\\ue0123456789.-+ntrfals ', max_size=30).map(str.encode))
    def test_what_looks_like_json_is_json_or_a_usage_error(self, data: bytes) -> None:
        check_against_the_standard_library(data)

    @given(st.lists(st.tuples(st.text('ab:"\\{é', max_size=3), JSON), max_size=5))
    def test_a_duplicate_member_never_passes(self, members: list[tuple[str, object]]) -> None:
        pairs = (f"{json.dumps(name)}:{json.dumps(value)}" for name, value in members)
        text = f"[{{{','.join(pairs)}}}]".encode()
        if len({name for name, _ in members}) < len(members):
            with pytest.raises(UsageError):
                parse_json(text)
        else:
            assert parse_json(text) == [dict(members)]


def check_against_the_standard_library(data: bytes) -> None:
    """What we accept, the standard library reads as the same value."""
    refuse: Callable[[str], object] = pytest.fail
    try:
        value = parse_json(data)
    except UsageError:
        return
    assert not (isinstance(value, float) and not math.isfinite(value))
    assert json.loads(data, parse_constant=refuse) == value
