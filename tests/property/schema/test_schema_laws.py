"""The laws of the schema, each in the docstring of its class."""

import json
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.property.schema.strategies import (
    ANSWERS,
    DECLARED,
    EARLY,
    FIELDS,
    FLOATS,
    INTS,
    JSON,
    LATE,
    NAMES,
    PYTHON,
    SCALARS,
    TENSORS,
    TYPES,
    typed_rows,
    values,
)

from ketch.errors import Finding, UsageError
from ketch.schema import (
    Decoder,
    Field,
    Float,
    Int,
    List,
    Row,
    Schema,
    String,
    Timestamp,
    Type,
    canonical_json,
    check_columns,
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
from ketch.schema.editor import definitions, fields_schema


def is_shown(findings: Iterable[Finding]) -> bool:
    """Whether a terminal can show every finding: no name or value of a request moves its cursor."""
    return all(
        f"{one.message} {one.where} {one.hint}".isprintable() and len(one.message) < 1000
        for one in findings
    )


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

    @given(DECLARED, ANSWERS)
    def test_law(self, inputs: tuple[Field, ...], outputs: tuple[Field, ...]) -> None:
        schema = Schema(inputs, outputs)
        stored = parse_json(canonical_json(schema.to_json()))
        assert Schema.from_json(stored) == schema

    @given(st.dictionaries(NAMES | st.text(), JSON, max_size=3))
    def test_any_table_gives_fields_and_findings(self, table: dict[str, object]) -> None:
        fields, findings = parse_fields(table, "inputs")
        assert len(fields) + len(findings) >= len(table)
        assert is_shown(findings)

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
        fields, _ = parse_fields({"a": {"type": str(t), **table}}, "outputs")
        schema = Schema((), fields)
        assert len(fields) == 1
        assert Schema.from_json(parse_json(canonical_json(schema.to_json()))) == schema


class TestFields:
    """A field that is printed and read again is the same field, for editors, too."""

    @given(ANSWERS)
    def test_law(self, fields: tuple[Field, ...]) -> None:
        assert parse_fields(_table(fields), "outputs") == (fields, ())

    @given(DECLARED)
    def test_inputs_are_fields_that_say_nothing_of_comparing(
        self, fields: tuple[Field, ...]
    ) -> None:
        assert parse_fields(_table(fields), "inputs", answers=False) == (fields, ())

    @given(ANSWERS)
    def test_how_an_input_is_compared_is_a_finding(self, fields: tuple[Field, ...]) -> None:
        compared = [one for one in fields if {"rtol", "atol", "compare"} & one.to_json().keys()]
        found, findings = parse_fields(_table(fields), "inputs", answers=False)
        assert len(found) == len(fields)
        assert {str(one.where).rpartition(".")[0] for one in findings} == {
            f"inputs.{one.name}" for one in compared
        }

    @settings(max_examples=40)
    @given(DECLARED, ANSWERS)
    def test_an_editor_takes_them(
        self, inputs: tuple[Field, ...], outputs: tuple[Field, ...]
    ) -> None:
        for fields, answers in ((inputs, False), (outputs, True)):
            schema = {**fields_schema(answers=answers), "$defs": definitions()}
            jsonschema.validate(_table(fields), schema)

    @given(st.dictionaries(NAMES, JSON | st.sampled_from(["string", "list<int64>"]), max_size=3))
    def test_an_editor_takes_every_table_without_findings(self, table: dict[str, object]) -> None:
        for answers in (True, False):
            if table and not parse_fields(table, "here", answers=answers)[1]:
                schema = {**fields_schema(answers=answers), "$defs": definitions()}
                jsonschema.validate(table, schema)


def _table(fields: tuple[Field, ...]) -> dict[str, object]:
    """Return fields as a table of ``ketch.toml``."""
    bodies = {field.name: field.to_json() for field in fields}
    return {
        name: {key: value for key, value in body.items() if key != "name"}
        for name, body in bodies.items()
    }


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
            assert is_shown(findings)
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
        assert is_shown(findings)
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
        assert is_shown(findings)

    @given(FIELDS, st.lists(st.text(), max_size=4))
    def test_columns_of_any_name_are_told_in_words_that_can_be_shown(
        self, fields: tuple[Field, ...], columns: list[str]
    ) -> None:
        assert is_shown(check_columns(fields, columns, "rows.csv"))
        assert is_shown(read_text_rows(fields, [dict.fromkeys(columns, "1")])[1])


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
