"""Tables of keys: one description that reads a table and explains it to an editor."""

from __future__ import annotations

import math
import re
import time

import jsonschema
import pytest

from ketch.errors import Finding
from ketch.package.keys import (
    AMOUNT,
    ANYTHING,
    ENTRY_POINT,
    FLAG,
    MOST,
    TEXT,
    Key,
    Kind,
    Table,
    either,
    list_of,
    table_of,
    text,
)

FRUIT = text("a fruit", allowed=("apple", "pear"))
ENTRY = text("a function as `module:function`", pattern=ENTRY_POINT)
TABLE = Table(
    "A table.",
    (Key("name", TEXT, "What it is called.", required=True), Key("count", AMOUNT, "How many.")),
)


def read(body: object) -> tuple[dict[str, object], list[Finding]]:
    findings: list[Finding] = []
    return TABLE.read(body, "ketch.toml: table", findings), findings


@pytest.mark.parametrize(
    ("kind", "value", "is_right"),
    [
        (TEXT, "x", True),
        (TEXT, "", True),
        (TEXT, 3, False),
        (TEXT, True, False),
        (TEXT, None, False),
        (FLAG, True, True),
        (FLAG, 1, False),
        (FLAG, "true", False),
        (AMOUNT, 1, True),
        (AMOUNT, 0.5, True),
        (AMOUNT, MOST, True),
        (AMOUNT, 0, False),
        (AMOUNT, -1, False),
        (AMOUNT, True, False),
        (AMOUNT, "1", False),
        (AMOUNT, MOST * 2, False),
        (AMOUNT, 10**400, False),
        (FRUIT, "pear", True),
        (FRUIT, "plum", False),
        (FRUIT, ["pear"], False),
        (ENTRY, "a.b:c", True),
        (ENTRY, "a:b\n", False),
        (ENTRY, "a:b:c", False),
        (ENTRY, "a.:b", False),
        (ENTRY, "é:b", False),
        (list_of(ENTRY), ["a:b"], True),
        (list_of(ENTRY), [], True),
        (list_of(ENTRY), ["a:b", "c"], False),
        (list_of(ENTRY), "a:b", False),
        (table_of(TEXT), {"a": "b"}, True),
        (table_of(TEXT), {"a": 1}, False),
        (table_of(TEXT), [], False),
        (either(FLAG, list_of(TEXT)), ["x"], True),
        (either(FLAG, list_of(TEXT)), False, True),
        (either(FLAG, list_of(TEXT)), [1], False),
        (ANYTHING, object(), True),
    ],
)
def test_a_kind_and_its_json_schema_agree(kind: Kind, value: object, is_right: bool) -> None:  # noqa: FBT001
    assert (kind.problem(value) is None) is is_right
    ends_in_newline = isinstance(value, str) and value.endswith("\n")  # `$` differs by dialect
    if not ends_in_newline and kind is not ANYTHING:
        found = jsonschema.Draft202012Validator(dict(kind.schema)).is_valid(value)
        assert found is is_right


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_an_amount_is_finite(value: float) -> None:
    """TOML has `inf`; a package is JSON, which has not."""
    assert AMOUNT.problem(value)


def test_right_values_are_returned_and_wrong_ones_named() -> None:
    values, findings = read({"name": "x", "count": "many"})
    assert values == {"name": "x"}
    (finding,) = findings
    assert finding.where == "ketch.toml: table.count"
    assert finding.message == "expected a number above 0, found `many`"


def test_a_missing_key_is_explained() -> None:
    _, (finding,) = read({})
    assert (finding.code, finding.hint) == ("manifest/missing-key", "What it is called.")


def test_an_unknown_key_gets_the_nearest_one() -> None:
    _, (finding,) = read({"name": "x", "cuont": 1})
    assert finding.hint == "did you mean `count`?"
    _, (finding,) = read({"name": "x", "zzz": 1})
    assert finding.hint == "the keys here are `name`, `count`"


@pytest.mark.parametrize("body", [None, 3, [], "name = 1"])
def test_what_is_no_table_is_told(body: object) -> None:
    assert read(body)[1][0].code == "manifest/wrong-value"


@pytest.mark.parametrize(
    "value",
    [
        10**5000,
        -(10**5000),
        "x" * 10_000_000,
        [[[["x" * 1000] * 1000] * 10] * 10],
        {f"key {number}": "x" * 100 for number in range(100_000)},
        "\x1b[2Jgone\n",
        [b"\0", "\u202e"],
    ],
    ids=["long-integer", "negative", "long-text", "nested", "large-table", "terminal", "odd"],
)
def test_a_hostile_value_is_shown_in_one_short_line(value: object) -> None:
    began = time.monotonic()
    problem = AMOUNT.problem(value)
    assert problem is not None
    assert len(problem) < 120
    assert problem.isprintable()
    assert time.monotonic() - began < 1


def test_thousands_of_unknown_keys_are_not_all_named() -> None:
    began = time.monotonic()
    _, findings = read({"name": "x", **{f"\x1b{number}": 1 for number in range(200_000)}})
    assert 1 < len(findings) < 100
    assert all(finding.message.isprintable() for finding in findings)
    assert time.monotonic() - began < 2


def test_an_editor_is_told_the_same() -> None:
    schema = TABLE.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["name"]
    assert schema["additionalProperties"] is False
    assert re.match(r"^\^\(\?:", str(dict(ENTRY.schema)["pattern"]))
