"""``ketch.toml``, read and checked."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from ketch.errors import Finding
from ketch.package.manifest import editor_schema, parse_manifest_toml, read_manifest

COMPLETE = """
[package]
name = "recommender"
version = "1.0.0"
owner = "growth@shop.example"
route = "recommendations"
description = "Next purchase from recent views"

[pipeline]
load = "pipeline:load"
takes = "dataframe"
steps = ["pipeline:features", "pipeline:predict"]
include = ["tables/*.csv"]

[inputs]
shopper = "string"
hour = { type = "int64", min = 0, max = 23, nullable = true }

[outputs]
scores = { type = "list<float64>", rtol = 1e-6 }

[params]
factors = 64

[data.training]
source = "s3://shop/events/"
version = "2026-10-31"
time_column = "at"

[environment]
python = "3.11"
variables = { OMP_NUM_THREADS = "1" }
required = ["FEATURE_URL"]
secrets = ["FEATURE_TOKEN"]
allow_source_builds = ["implicit"]

[evaluate]
run = "evaluate:run"

[budget]
latency_ms = 20
memory_mb = 400
"""


def found(text: str) -> dict[str, Finding]:
    manifest, findings = parse_manifest_toml(text.encode())
    if any(finding.blocks for finding in findings):
        assert manifest is None
    return {f"{finding.where}": finding for finding in findings}


def test_a_complete_manifest_is_read() -> None:
    manifest, findings = parse_manifest_toml(COMPLETE.encode())
    assert findings == ()
    assert manifest is not None
    assert str(manifest.name) == "recommender"
    assert manifest.pipeline.takes == "dataframe"
    assert manifest.entry_points == (
        "pipeline:load",
        "pipeline:features",
        "pipeline:predict",
        "evaluate:run",
    )
    assert manifest.environment.allow_source_builds == ("implicit",)
    assert manifest.budget.memory_mb == 400
    assert [field.name for field in manifest.schema.inputs] == ["shopper", "hour"]


@pytest.mark.parametrize(
    ("change", "where", "says"),
    [
        (('owner = "growth@shop.example"', ""), "ketch.toml: package", "expected `owner`"),
        (('owner = "growth@shop.example"', "owner = 3"), "ketch.toml: package.owner", "text"),
        (('"recommender"', '"Recommender!"'), "ketch.toml: package.name", "Recommender!"),
        (('"1.0.0"', '"one"'), "ketch.toml: package.version", "one"),
        (("takes", "take"), "ketch.toml: pipeline", "unknown key `take`"),
        (('"dataframe"', '"frames"'), "ketch.toml: pipeline.takes", "`records`"),
        (('"pipeline:load"', '"pipeline.load"'), "ketch.toml: pipeline.load", "module:function"),
        (('["pipeline:features", "pipeline:predict"]', "[]"), "ketch.toml: pipeline.steps", "step"),
        (('python = "3.11"', 'python = "2.7"'), "ketch.toml: environment.python", "3.11"),
        (("latency_ms = 20", "latency_ms = -1"), "ketch.toml: budget.latency_ms", "above 0"),
        (("latency_ms = 20", "latency_ms = true"), "ketch.toml: budget.latency_ms", "above 0"),
        (('OMP_NUM_THREADS = "1"', "OMP_NUM_THREADS = 1"), "ketch.toml: environment.variables", "text"),
        (('"FEATURE_TOKEN"', '"A=B"'), "ketch.toml: environment.secrets", "variable name"),
        (("factors = 64", "when = 2026-01-01"), "ketch.toml: params", "JSON"),
        (('time_column = "at"', "ship = true"), "ketch.toml: data.training", "sample"),
        (("[budget]", "[budgets]"), "ketch.toml", "unknown key `budgets`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(
    change: tuple[str, str], where: str, says: str
) -> None:
    before, after = change
    assert before in COMPLETE
    findings = found(COMPLETE.replace(before, after, 1))
    assert where in findings
    told = findings[where]
    assert says in f"{told.message} {told.hint}"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    findings = found("[package]\nname = 'A'\n[pipeline]\nsteps = 1\n[inputs]\nx = 'int65'\n")
    assert {"ketch.toml", "ketch.toml: package", "ketch.toml: pipeline.steps"} <= set(findings)
    assert any("int65" in finding.message for finding in findings.values())


def test_a_misspelt_key_gets_the_nearest_one_as_a_hint() -> None:
    finding = found(COMPLETE.replace("route =", "rout ="))["ketch.toml: package"]
    assert finding.hint == "did you mean `route`?"


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"[package", b"a = 1\na = 2", b"x = " + b"[" * 5000]
)
def test_what_is_no_toml_is_a_finding_not_a_crash(content: bytes) -> None:
    manifest, findings = parse_manifest_toml(content)
    assert manifest is None
    assert findings[0].code in {"manifest/toml", "manifest/unknown-key"}


def test_a_folder_without_a_manifest_says_how_to_get_one(tmp_path: Path) -> None:
    manifest, (finding,) = read_manifest(tmp_path)
    assert manifest is None
    assert finding.code == "manifest/missing"
    assert "ketch init" in str(finding.hint)


def test_the_editor_schema_accepts_what_the_reader_accepts() -> None:
    import tomllib

    schema = editor_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(tomllib.loads(COMPLETE), schema)
    wrong = tomllib.loads(COMPLETE.replace("takes", "take"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)


def test_the_published_editor_schema_is_the_one_the_code_makes() -> None:
    published = Path(__file__).parents[3] / "docs" / "reference" / "ketch.schema.json"
    assert json.loads(published.read_text()) == editor_schema()
