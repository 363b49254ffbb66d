"""Changing one member in the text of a JSON object."""

from __future__ import annotations

import pytest

from ketch.authoring.editing import drop_member, member_text, set_member

ROWS = """{
    "name": "by hand",
    "inputs": [
        {"size": 1, "tags": ["a", "b"]},
        {"size": 2, "tags": []}
    ]
}
"""


def test_a_new_member_looks_like_the_one_it_is_told_to() -> None:
    value = [{"price": 1.5}, {"price": 2.0}]
    assert set_member(ROWS, "expected", value, like="inputs") == ROWS.replace(
        "    ]\n}",
        '    ],\n    "expected": [\n        {"price": 1.5},\n        {"price": 2.0}\n    ]\n}',
    )


def test_an_old_member_keeps_its_place_and_its_look() -> None:
    text = '{\n  "expected": {\n    "a": 1,\n    "b": [1, 2]\n  },\n  "name": "x"\n}'
    changed = set_member(text, "expected", {"b": [3], "a": {"c": 1}})
    assert changed == (
        '{\n  "expected": {\n    "b": [3],\n    "a": {"c": 1}\n  },\n  "name": "x"\n}'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"name": "x", "inputs": {"a": 1}}', '{"name": "x", "inputs": {"a": 1}, "y": [1, 2]}'),
        ('{"name":"x","inputs":{"a":1}}', '{"name":"x","inputs":{"a":1},"y":[1,2]}'),
        (' { "name" : "x" } ', ' { "name" : "x", "y" : [1, 2] } '),
        ('{\n\t"name": "x"\n}', '{\n\t"name": "x",\n\t"y": [1, 2]\n}'),
        ('{\r\n  "name": "x"\r\n}', '{\r\n  "name": "x",\r\n  "y": [1, 2]\r\n}'),
        ('{"name": "x", "y": "old"}', '{"name": "x", "y": [1, 2]}'),
        ('{"y": "a \\" } b", "name": "x"}', '{"y": [1, 2], "name": "x"}'),
    ],
)
def test_the_text_keeps_its_ways(text: str, expected: str) -> None:
    assert set_member(text, "y", [1, 2]) == expected


def test_letters_are_escaped_where_the_file_escapes_them() -> None:
    assert set_member('{"name": "Zo\\u00eb"}', "y", "ü") == '{"name": "Zo\\u00eb", "y": "\\u00fc"}'
    assert set_member('{"name": "Zoë"}', "y", "ü") == '{"name": "Zoë", "y": "ü"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"draft": true, "name": "x"}', '{"name": "x"}'),
        ('{"name": "x", "draft": true}', '{"name": "x"}'),
        ('{"name": "x", "draft": true, "inputs": {}}', '{"name": "x", "inputs": {}}'),
        ('{\n  "name": "x",\n  "draft": true,\n  "a": 1\n}', '{\n  "name": "x",\n  "a": 1\n}'),
        ('{"draft": true}', "{}"),
        ('{"name": "x"}', '{"name": "x"}'),
        ('{"inputs": {"draft": true}}', '{"inputs": {"draft": true}}'),
    ],
)
def test_a_member_goes_without_a_trace(text: str, expected: str) -> None:
    assert drop_member(text, "draft") == expected


def test_a_member_is_found_as_it_is_written() -> None:
    assert member_text('{"a" : [1,  2], "b": 3}', "a") == "[1,  2]"
    assert member_text('{"a": {"b": 1}}', "b") is None
