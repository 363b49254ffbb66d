import pytest

from ketch.errors import ManifestError
from ketch.schema import Field, Float, Int, List, Schema, String, parse_fields
from ketch.schema.types import Member, Struct


def test_the_table_of_the_design_is_read() -> None:
    fields, findings = parse_fields(
        {
            "shopper": "string",
            "viewed": {"type": "list<string>", "max_items": 50},
            "hour": {"type": "int64", "min": 0, "max": 23, "nullable": True},
        },
        "ketch.toml: inputs",
    )
    assert findings == ()
    assert fields == (
        Field("shopper", String()),
        Field("viewed", List(String()), max_items=50),
        Field("hour", Int(64), nullable=True, min=0, max=23),
    )


def test_a_struct_may_be_written_as_a_table() -> None:
    fields, findings = parse_fields(
        {
            "address": {
                "type": "struct",
                "fields": {
                    "street": "string",
                    "flat": {"type": "int64", "nullable": True},
                    "at": {"type": "struct", "fields": {"x": "float64"}},
                },
            }
        },
        "inputs",
    )
    assert findings == ()
    assert str(fields[0].type) == "struct<street: string, flat: int64?, at: struct<x: float64>>"


def test_columns_of_real_data_are_names() -> None:
    names = ("Customer ID", "sepal.length", "week-day", "_id", "X" * 128, "Weight ")
    fields, findings = parse_fields(dict.fromkeys(names, "string"), "inputs")
    assert findings == ()
    assert tuple(field.name for field in fields) == names


@pytest.mark.parametrize("name", ["", "1st", " a", "a:b", "a/b", "größe", "a\nb", "X" * 129, "a`b"])
def test_a_name_outside_the_grammar_is_a_finding(name: str) -> None:
    fields, findings = parse_fields({name: "string"}, "inputs")
    assert fields == ()
    assert [finding.code for finding in findings] == ["schema/bad-name"]


def test_optional_implies_nullable() -> None:
    assert Field("a", String(), optional=True).nullable


def test_all_that_is_wrong_is_told_at_once() -> None:
    fields, findings = parse_fields(
        {
            "a": "float",
            "b": {"type": "string", "min": 1, "maximum": 3},
            "c": {"type": "int64", "min": 3, "max": 2},
            "d": 7,
            "e": "string",
        },
        "ketch.toml: inputs",
    )
    assert [(finding.code, finding.where) for finding in findings] == [
        ("schema/bad-type", "ketch.toml: inputs.a"),
        ("schema/bad-constraint", "ketch.toml: inputs.b.min"),
        ("schema/unknown-key", "ketch.toml: inputs.b"),
        ("schema/out-of-range", "ketch.toml: inputs.c.max"),
        ("schema/bad-field", "ketch.toml: inputs.d"),
    ]
    assert findings[2].hint == "did you mean `max`?"
    assert [field.name for field in fields] == ["b", "c", "e"]


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ({}, "s.a.type"),
        ({"type": 3}, "s.a.type"),
        ({"type": "struct"}, "s.a.type"),
        ({"type": "string", "fields": {"x": "int64"}}, "s.a.fields"),
        ({"type": "struct", "fields": {}}, "s.a.fields"),
        ({"type": "struct", "fields": {"x ": "int64"}}, "s.a.fields.x "),
        ({"type": "struct", "fields": {"x": {"type": "int64", "min": 1}}}, "s.a.fields.x"),
        (
            {"type": "struct", "fields": {"x": {"type": "int64", "nullable": 1}}},
            "s.a.fields.x.nullable",
        ),
    ],
)
def test_a_declaration_that_cannot_be_read_is_a_finding(
    table: dict[str, object], where: str
) -> None:
    fields, findings = parse_fields({"a": table}, "s")
    assert fields == ()
    assert [finding.where for finding in findings] == [where]


def test_a_schema_prints_only_what_was_said() -> None:
    schema = Schema(
        (Field("a", Int(64), optional=True, values=(1, 2)),),
        (Field("b", Float(64), rtol=1e-6),),
    )
    assert schema.to_json() == {
        "inputs": [{"name": "a", "type": "int64", "optional": True, "values": [1, 2]}],
        "outputs": [{"name": "b", "type": "float64", "rtol": 1e-6}],
    }
    assert Schema.from_json(schema.to_json()) == schema


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"inputs": [], "outputs": [], "more": []},
        {"inputs": {}, "outputs": []},
        {"inputs": [{"type": "string"}], "outputs": []},
        {"inputs": [3], "outputs": []},
        {"inputs": [{"name": "a", "type": "nope"}], "outputs": []},
        {"inputs": [{"name": "a", "type": "string"}] * 2, "outputs": []},
        {"inputs": [{"name": "a", "type": "string", "x": 1}], "outputs": []},
    ],
)
def test_a_stored_schema_that_is_not_one_is_refused(body: object) -> None:
    with pytest.raises(ManifestError) as raised:
        Schema.from_json(body)
    assert raised.value.code == "schema/invalid"


def test_a_field_tells_the_worker_its_type() -> None:
    field = Field("a", Struct((Member("x", Int(8)),)), nullable=True)
    assert field.to_wire() == {
        "name": "a",
        "type": {
            "kind": "struct",
            "fields": [{"name": "x", "type": {"kind": "int8"}, "nullable": False}],
        },
        "nullable": True,
    }
