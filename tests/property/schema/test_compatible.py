"""When one schema can stand in for another: the law, and what a refusal says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.registries import schema

from ketch.schema import Field, Int, Row, Schema, decode, parse_type
from ketch.schema.compatible import incompatibilities

NOTHING: dict[str, object] = {}
NUMBERS = st.sampled_from(["int8", "uint8", "int16", "int32", "int64", "float32", "float64"])
TYPES = st.sampled_from(
    [
        *("bool", "string", "binary", "date32", "timestamp[s]", "timestamp[us]", "timestamp[ns]"),
        *("timestamp[us, UTC]", "timestamp[ns, UTC]", "list<int8>", "list<int64>", "list<string>"),
        *("tensor<int8, [2]>", "tensor<int64, [-1]>", "tensor<float64, [2]>"),
        *("struct<a: int8>", "struct<a: int64?>", "struct<a: int8, b: string>"),
    ]
)
VALUES: Mapping[str, st.SearchStrategy[object]] = {
    "bool": st.booleans(),
    "string": st.sampled_from(["", "a", "b", "abc", "abcdef"]),
    "binary": st.sampled_from(["", "AA==", "AAAA"]),
    "date32": st.sampled_from(["2024-02-29", "1600-01-01", "2300-01-01"]),
    "moment": st.sampled_from(
        [
            *("2024-01-01T00:00:00", "2024-01-01T00:00:00.5", "1600-01-01T00:00:00"),
            *("2024-01-01T00:00:00.000001", "2024-01-01T00:00:00.000000001Z"),
            *("2024-01-01T00:00:00Z", "2300-01-01T00:00:00Z"),
        ]
    ),
    "number": st.sampled_from([-(2**63), -129, -1, 0, 1, 2, 7, 127, 128, 255, 2**24 + 1, 2**53 + 1])
    | st.sampled_from([0.5, -1.5, 1e39, 3e38]),
}


def values(t: str) -> st.SearchStrategy[object]:
    """Return values that could be of a type."""
    if t.startswith("list"):
        return st.lists(values(t[5:-1]), max_size=3)
    if t.startswith("tensor"):
        return st.lists(values(t[7:].partition(",")[0]), max_size=3)
    if t.startswith("struct"):
        number = values("int64") | st.none()
        whole = st.fixed_dictionaries({"a": number}, optional={"b": values("string")})
        return whole.map(dict)
    if t.startswith("timestamp"):
        return VALUES["moment"]
    return VALUES.get(t, VALUES["number"])


@st.composite
def tables(draw: st.DrawFn, t: str) -> dict[str, object]:
    """Return a field's declaration as ketch.toml has it."""
    table: dict[str, object] = {"type": t}
    for flag in ("nullable", "optional"):
        if draw(st.integers(0, 3)) == 0:
            table[flag] = True
    if t.startswith(("int", "uint", "float")) and draw(st.booleans()):
        table["min"] = draw(st.sampled_from([0, 1]))
        if draw(st.booleans()):
            table["max"] = draw(st.sampled_from([2, 7, 100]))
    elif (t == "string" or t.startswith("int")) and draw(st.booleans()):
        few = ["a", "b", "abc"] if t == "string" else [0, 1, 7]
        table["values"] = draw(st.lists(st.sampled_from(few), min_size=1, unique=True))
    if t.startswith("list") and draw(st.booleans()):
        table["max_items"] = draw(st.integers(0, 3))
    if t == "string" and "values" not in table and draw(st.booleans()):
        table["max_length"] = draw(st.sampled_from([1, 3, 6]))
    return table


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, object], dict[str, object], object]:
    """Return two declarations that are somewhat alike, and a value for them."""
    first = draw(NUMBERS | TYPES)
    second = draw(st.just(first) | NUMBERS | TYPES)
    value = draw(values(first) | values(second) | st.none())
    return draw(tables(first)), draw(tables(second)), value


def accepts(side: tuple[Field, ...], row: Row) -> bool:
    return not decode(side, [row])[1]


class TestAcceptAllReturnNoLess:
    """When nothing is found, every row that was right stays right."""

    @given(pairs())
    @example(({"type": "int8"}, {"type": "int64", "values": [1]}, 1))
    @example(({"type": "timestamp[us]"}, {"type": "timestamp[ns]"}, "1600-01-01T00:00:00"))
    @example(({"type": "int64"}, {"type": "float64"}, 2**53 + 1))
    def test_of_inputs(self, pair: tuple[Any, Any, object]) -> None:
        old, new, value = pair
        before, after = schema({"x": old}, NOTHING), schema({"x": new}, NOTHING)
        assume(accepts(before.inputs, {"x": value}))
        if not incompatibilities(before, after):
            assert accepts(after.inputs, {"x": value})

    @given(pairs())
    def test_of_outputs(self, pair: tuple[Any, Any, object]) -> None:
        old, new, value = pair
        before, after = schema(NOTHING, {"x": old}), schema(NOTHING, {"x": new})
        assume(accepts(after.outputs, {"x": value}))
        if not incompatibilities(before, after):
            assert accepts(before.outputs, {"x": value})

    @given((NUMBERS | TYPES).flatmap(tables))
    def test_every_schema_stands_in_for_itself(self, table: dict[str, object]) -> None:
        same = schema({"x": table}, {"x": table})
        assert incompatibilities(same, same) == ()


class TestWhatIsSaid:
    """Each reason names the field and says what a caller would stumble over."""

    @pytest.mark.parametrize(
        ("old", "new", "where", "says"),
        [
            ({"a": "int64"}, {}, "inputs.a", "does not know it"),
            ({}, {"a": "int64"}, "inputs.a", "callers do not send it"),
            ({"a": "int64"}, {"a": "int32"}, "inputs.a", "`int64` does not fit into `int32`"),
            (
                {"a": {"type": "int64", "nullable": True}},
                {"a": "int64"},
                "inputs.a",
                "it may be null",
            ),
            (
                {"a": {"type": "int64", "max": 9}},
                {"a": {"type": "int64", "max": 8}},
                "inputs.a",
                "above `8`",
            ),
            (
                {"a": {"type": "string", "values": ["x", "y"]}},
                {"a": {"type": "string", "values": ["x"]}},
                "inputs.a",
                "the value `y`",
            ),
            (
                {"a": "string"},
                {"a": {"type": "string", "max_length": 5}},
                "inputs.a",
                "`max_length` is any number, at most `5` fit",
            ),
        ],
    )
    def test_of_inputs(
        self, old: dict[str, object], new: dict[str, object], where: str, says: str
    ) -> None:
        (found,) = incompatibilities(schema(old, NOTHING), schema(new, NOTHING))
        assert (found.code, found.where) == ("schema/incompatible", where)
        assert says in found.message

    def test_a_new_optional_input_and_another_output_are_no_trouble(self) -> None:
        old = schema({"a": "int64"}, {"x": "int64"})
        new = schema(
            {"a": "int64", "b": {"type": "string", "optional": True}},
            {"x": "int32", "y": "string"},
        )
        assert incompatibilities(old, new) == ()

    def test_an_output_that_is_gone_or_wider_is(self) -> None:
        old = schema(NOTHING, {"x": "int32", "y": "string"})
        new = schema(NOTHING, {"x": "int64"})
        found = incompatibilities(old, new)
        assert [one.where for one in found] == ["outputs.x", "outputs.y"]


def test_the_types_here_are_types() -> None:
    assert parse_type("int8") == Int(8)
    assert Schema((), ()) == schema(NOTHING, NOTHING)
