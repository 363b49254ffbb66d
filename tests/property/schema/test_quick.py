"""What is read in one go is what the slow way reads."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.property.schema.strategies import NAMES, NUMBERS, Make, fields, values

from ketch.errors import UsageError
from ketch.schema import Decoder, Field, List, Row, String, Type, parse_fields, parse_json
from ketch.schema.quick import Quick, is_plain

_SCALARS = NUMBERS | st.just(String())
PLAIN_TYPES: Make[Type] = _SCALARS | _SCALARS.map(List) | _SCALARS.map(List).map(List)
ODD = (
    *(
        "0",
        "-0",
        "-0.0",
        "1.0",
        "1e2",
        "-1e-400",
        "0." + "1" * 400,
        "1e999",
        "1" * 400,
        "1" * 5_000,
    ),
    *("9007199254740991", "9007199254740993", "16777217", "2049", "9223372036854775808"),
    *("true", "false", "null", "NaN", "{}", "[]", "[1,null]", '{"a":1}', '"1"', '"a:b"', '""'),
    *(r'"\ud800"', r'"\u0000"', '"é"', '"\x01"', "01", "+1"),
)
"""Values as JSON has them, or nearly."""


def slowly(declared: tuple[Field, ...], text: bytes) -> list[Row] | None:
    """Return the rows as they are read and checked value by value; None if they are refused."""
    try:
        value = parse_json(text)
    except UsageError:
        return None
    rows, findings = Decoder(declared).decode(value if isinstance(value, list) else [value])
    return None if findings else rows


@st.composite
def asked(draw: st.DrawFn) -> tuple[tuple[Field, ...], bytes]:
    """Draw plain fields, and a text that may be rows of them."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    declared = tuple(draw(fields(name, answers=False, types=PLAIN_TYPES)) for name in names)
    assume(is_plain(declared))

    def member(field: Field) -> str:
        name = draw(st.sampled_from([field.name] * 8 + names + ["x"]))
        value = json.dumps(draw(values(field.type)))
        return f"{json.dumps(name)}:{draw(st.sampled_from([value] * 8 + [*ODD]))}"

    rows = []
    for _ in range(draw(st.integers(0, 2))):
        members = [member(field) for field in declared]
        rows.append(f"{{{', '.join(draw(st.permutations(members)))}}}")
    is_one = draw(st.booleans())
    text = rows[0] if rows and is_one else f"[{','.join(rows)}]"
    text = draw(st.sampled_from([text] * 8 + [f" {text}\n", f"{text}{text}", text[:-1]]))
    return declared, draw(st.just(text.encode()) | broken(text.encode()))


def broken(text: bytes) -> Make[bytes]:
    """Draw a text of which one byte is another."""
    at = st.integers(0, len(text) - 1)
    byte = st.integers(0, 255) | st.sampled_from(list(b'[]{}":,0-.e \\'))
    return st.builds(lambda at, byte: text[:at] + bytes([byte]) + text[at + 1 :], at, byte)


class TestQuick:
    """``quick(text)`` is None, or what the decoder makes of ``parse_json(text)``."""

    @given(asked())
    def test_law(self, drawn: tuple[tuple[Field, ...], bytes]) -> None:
        declared, text = drawn
        quick = Quick(declared)
        found = quick.rows(text)
        one = quick.row(text)
        expected = slowly(declared, text)

        for rows in (found, None if one is None else [one]):
            assert rows is None or json.dumps(rows) == json.dumps(expected)


PLAIN, _ = parse_fields(
    {
        "price": "float64",
        "half": "float32",
        "age": {"type": "int64", "min": 0, "max": 150},
        "colour": {"type": "string", "values": ["red", "blue"], "nullable": True},
        "items": {"type": "list<string>", "max_items": 2},
        "is new": "bool",
        "note": {"type": "string", "optional": True},
    },
    "inputs",
)
ROW = {
    "price": 1,
    "half": -0.0,
    "age": 7,
    "colour": None,
    "items": ["a"],
    "is new": True,
    "note": "b",
}


def test_plain_rows_are_read_at_once_in_the_declared_order() -> None:
    text = json.dumps([dict(reversed(ROW.items())), ROW]).encode()

    assert json.dumps(Quick(PLAIN).rows(text)) == json.dumps([{**ROW, "price": 1.0}] * 2)
    assert Quick(PLAIN).row(json.dumps(ROW).encode()) == ROW


@pytest.mark.parametrize("name", [field.name for field in PLAIN])
@pytest.mark.parametrize("value", ODD)
def test_an_odd_value_is_read_as_the_slow_way_reads_it_or_not_at_all(name: str, value: str) -> None:
    text = json.dumps([{**ROW, name: "ODD"}]).replace('"ODD"', value).encode()
    found = Quick(PLAIN).rows(text)

    assert found is None or json.dumps(found) == json.dumps(slowly(PLAIN, text))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"age"', b'"price"'),  # twice, and one is missing
        lambda text: text.replace(b'"age": 7', b'"age": 7, "age": 8'),
        lambda text: text.replace(b'"age": 7', b'"age": 7, "more": 8'),
        lambda text: text.replace(b'"age": 7, ', b""),
        lambda text: text.replace(b', "note": "b"', b""),
        lambda text: text.replace(b'"note": "b"', b'"age": 7'),
        lambda text: text + b",{}",
        lambda text: b"\xef\xbb\xbf" + text,
    ],
)
def test_members_are_those_declared_each_once(change: object) -> None:
    assert callable(change)
    text = change(json.dumps([ROW]).encode())

    assert Quick(PLAIN).rows(text) is None
    assert Quick(PLAIN).row(text[1:-1]) is None


@pytest.mark.parametrize(
    "declared",
    [
        *({"x": t} for t in ("date32", "timestamp[us]", "binary", "tensor<float32>[2]")),
        {"x": {"type": "string", "values": ["abc"], "max_length": 2}},
        {},
    ],
)
def test_what_has_several_forms_is_not_plain(declared: dict[str, object]) -> None:
    assert not is_plain(parse_fields(declared, "inputs")[0])
