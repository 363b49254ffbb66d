"""The schema for editors: it takes what ketch takes, and refuses what a schema can."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from tests.unit.package.test_manifest_reader import COMPLETE

from ketch.package.ketch_toml import PACKAGE, PIPELINE, editor_schema
from ketch.package.manifest_reader import parse_manifest_toml

ROOT = Path(__file__).parents[3]
PUBLISHED = json.loads((ROOT / "docs" / "reference" / "ketch.schema.json").read_text())
PROJECTS = sorted(
    path
    for folder in ("tests/projects", "src/ketch/demo/projects")
    for path in (ROOT / folder).rglob("ketch.toml")
)

# Folders below tests/projects/refused whose document breaks a rule that no schema can say.
INEXPRESSIBLE: frozenset[str] = frozenset()

# What is changed in COMPLETE, and refused by ketch and by the schema.
EXPRESSIBLE = {
    "a missing owner": ('owner = "growth@shop.example"', ""),
    "an empty owner": ('"growth@shop.example"', '" "'),
    "a number for an owner": ('"growth@shop.example"', "3"),
    "a name outside the grammar": ('"recommender"', '"No Name"'),
    "a name that is too long": ('"recommender"', f'"{"a" * 65}"'),
    "a version outside the grammar": ('"1.0.0"', '"1.0-1"'),
    "a route outside the grammar": ('"recommendations"', '"a/b"'),
    "two lines of description": ('"Next purchase from recent views"', '"a\\nb"'),
    "an unknown table": ("[budget]", "[budgets]"),
    "a misspelt key": ("takes =", "take ="),
    "a value outside the list": ('"dataframe"', '"frames"'),
    "a function without a module": ('"pipeline:load"', '"load"'),
    "no steps": ('["pipeline:features", "pipeline:predict"]', "[]"),
    "an old Python": ('python = "3.11"', 'python = "2.7"'),
    "digits of another script": ('python = "3.11"', 'python = "3.\u0661"'),
    "a variable that is a number": ('OMP_NUM_THREADS = "1"', "OMP_NUM_THREADS = 1"),
    "a variable with a dash": ("OMP_NUM_THREADS", '"OMP-NUM"'),
    "a secret with its value": ('"FEATURE_TOKEN"', '"FEATURE_TOKEN=1"'),
    "a budget below zero": ("latency_ms = 20", "latency_ms = -1"),
    "a type that is none": ('shopper = "string"', 'shopper = "str"'),
    "an input that is a number": ('shopper = "string"', "shopper = 3"),
    "a field without a type": ('shopper = "string"', "shopper = {}"),
    "an unknown key of a field": ("nullable = true", "nulable = true"),
    "a tolerance of an input": ("min = 0", "rtol = 1e-6"),
    "a comparison of an input": ("min = 0", 'compare = "set"'),
    "a comparison that is none": ("rtol = 1e-6", 'compare = "bag"'),
    "a tolerance below zero": ("rtol = 1e-6", "rtol = -1e-6"),
    "a struct without members": ('shopper = "string"', 'shopper = { type = "struct" }'),
    "members of a string": ('shopper = "string"', 'shopper = { type = "string", fields = { a = "int64" } }'),
    "a wrong member": ('shopper = "string"', 'shopper = { type = "struct", fields = { a = "int" } }'),
    "a shipped sample that is not there": ('time_column = "at"', "ship = true"),
    "data without a source": ('source = "s3://shop/events/"', ""),
    "data under a path": ("[data.training]", '[data."a/b"]'),
    "an evaluation without a function": ('run = "evaluate:run"', ""),
}  # fmt: skip

# Refused by ketch alone: a schema cannot compare two values, or types with limits.
BEYOND = {
    "limits that exclude each other": ("max = 23", "max = -1"),
    "a limit that the type cannot keep": ("min = 0", "max_length = 3"),
    "a secret that is a variable, too": ("OMP_NUM_THREADS", "FEATURE_TOKEN"),
    "a day in the params": ("factors = 64", "when = 2026-01-01"),
    "a type that ends early": ('shopper = "string"', 'shopper = "list<int65>"'),
}


def as_json(text: str) -> object:
    """Return a TOML document as an editor sees it: days and instants are text."""
    return json.loads(json.dumps(tomllib.loads(text), default=dt.date.isoformat))


def is_valid(text: str) -> bool:
    try:
        document = as_json(text)
    except tomllib.TOMLDecodeError:
        return False
    return bool(jsonschema.Draft202012Validator(PUBLISHED).is_valid(document))


def changed(change: tuple[str, str]) -> str:
    before, after = change
    assert before in COMPLETE
    return COMPLETE.replace(before, after, 1)


def test_the_published_schema_is_the_one_the_code_makes() -> None:
    assert editor_schema() == PUBLISHED
    jsonschema.Draft202012Validator.check_schema(PUBLISHED)


def test_a_complete_document_is_valid() -> None:
    assert is_valid(COMPLETE)


@pytest.mark.parametrize(
    "path", PROJECTS, ids=lambda path: path.parent.relative_to(ROOT).as_posix()
)
def test_it_takes_a_document_exactly_when_ketch_does(path: Path) -> None:
    content = path.read_bytes()
    is_taken = parse_manifest_toml(content)[0] is not None
    assert is_valid(content.decode()) == is_taken or path.parent.name in INEXPRESSIBLE


@pytest.mark.parametrize("name", EXPRESSIBLE)
def test_it_refuses_what_a_schema_can_express(name: str) -> None:
    text = changed(EXPRESSIBLE[name])
    assert parse_manifest_toml(text.encode())[0] is None
    assert not is_valid(text)


@pytest.mark.parametrize("name", BEYOND)
def test_the_rest_is_refused_by_ketch_alone(name: str) -> None:
    text = changed(BEYOND[name])
    assert parse_manifest_toml(text.encode())[0] is None
    assert is_valid(text)


def test_days_and_instants_are_limits_to_an_editor_too() -> None:
    text = COMPLETE.replace("hour =", 'day = { type = "date32", min = 2026-01-01 }\nhour =')
    assert parse_manifest_toml(text.encode())[0] is not None
    assert is_valid(text)


def test_an_editor_is_told_what_each_key_is_for() -> None:
    for name, table in (("package", PACKAGE), ("pipeline", PIPELINE)):
        told = PUBLISHED["properties"][name]["properties"]
        assert {key.name: key.doc for key in table.keys} == {
            key: one["description"] for key, one in told.items()
        }
    declared = PUBLISHED["properties"]["outputs"]["additionalProperties"]["anyOf"][1]
    limits = declared["properties"].items()
    assert all("description" in one for key, one in limits if key not in {"type", "fields"})
