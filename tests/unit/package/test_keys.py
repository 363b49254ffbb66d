"""Tables of keys: one description that reads a table and explains it to an editor."""

from __future__ import annotations

import time

import jsonschema
import pytest

from ketch.errors import Finding
from ketch.package.keys import Key, Table
from ketch.package.kinds import AMOUNT, LINE

TABLE = Table(
    "A table.",
    (Key("name", LINE, "What it is called.", required=True), Key("count", AMOUNT, "How many.")),
    rules={"maxProperties": 9},
)


def read(body: object) -> tuple[dict[str, object], list[Finding]]:
    findings: list[Finding] = []
    return TABLE.read(body, "ketch.toml: table", findings), findings


def test_right_values_are_returned_and_wrong_ones_named() -> None:
    values, findings = read({"name": "x", "count": "many"})
    assert values == {"name": "x"}
    (finding,) = findings
    assert finding.where == "ketch.toml: table.count"
    assert finding.message == "expected a number above 0, found `many`"


def test_a_missing_key_is_explained() -> None:
    _, (finding,) = read({})
    assert (finding.code, finding.hint) == ("manifest/missing-key", "What it is called.")


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("cuont", "did you mean `count`?"),
        ("Count", "did you mean `count`?"),
        ("COUNTS", "did you mean `count`?"),
        ("zzz", "the keys here are `name`, `count`"),
        ("n" * 1_000_000, "the keys here are `name`, `count`"),
    ],
)
def test_an_unknown_key_gets_the_nearest_one(key: str, hint: str) -> None:
    _, (finding,) = read({"name": "x", key: 1})
    assert (finding.code, finding.hint) == ("manifest/unknown-key", hint)
    assert len(finding.message) < 150


@pytest.mark.parametrize("body", [None, 3, [], "name = 1"])
def test_what_is_no_table_is_told(body: object) -> None:
    assert read(body)[1][0].code == "manifest/wrong-value"


def test_thousands_of_unknown_keys_are_not_all_named() -> None:
    began = time.monotonic()
    _, findings = read({"name": "x", **{f"\x1b{number}": 1 for number in range(200_000)}})
    assert 1 < len(findings) < 100
    assert all(finding.message.isprintable() for finding in findings)
    assert time.monotonic() - began < 2


def test_an_editor_is_told_the_same() -> None:
    schema = TABLE.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    assert check.is_valid({"name": "x", "count": 1})
    assert not check.is_valid({"count": 1})
    assert not check.is_valid({"name": "x", "cuont": 1})
    assert schema["maxProperties"] == 9
