"""``ketch.toml``, read and checked; and the same tables of a built package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ketch.errors import Finding, ManifestError
from ketch.package.manifest_reader import (
    manifest_of,
    parse_manifest_toml,
    read_draft,
    read_manifest,
)
from ketch.schema import Schema, parse_fields

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
    assert manifest.pipeline.load == "pipeline:load"
    assert manifest.pipeline.steps == ("pipeline:features", "pipeline:predict")
    assert manifest.evaluate == "evaluate:run"
    assert manifest.environment.allow_source_builds == ("implicit",)
    assert manifest.budget.memory_mb == 400
    assert [field.name for field in manifest.schema.inputs] == ["shopper", "hour"]


OWNER = 'owner = "growth@shop.example"'
STEPS = '["pipeline:features", "pipeline:predict"]'
TRAINING = 'source = "s3://shop/events/"'


@pytest.mark.parametrize(
    ("change", "where", "says"),
    [
        ((OWNER, ""), "ketch.toml: package", "expected `owner`"),
        ((OWNER, "owner = 3"), "ketch.toml: package.owner", "text"),
        ((OWNER, 'owner = ""'), "ketch.toml: package.owner", "not empty"),
        ((OWNER, 'owner = "  "'), "ketch.toml: package.owner", "not empty"),
        ((OWNER, 'owner = "\\u001b[2Jme"'), "ketch.toml: package.owner", "one line"),
        (('"recommender"', '"Recommender!"'), "ketch.toml: package.name", "Recommender!"),
        (('"recommender"', "[1]"), "ketch.toml: package.name", "a name"),
        (('"1.0.0"', '"one"'), "ketch.toml: package.version", "one"),
        (('"1.0.0"', "1.0"), "ketch.toml: package.version", "a version"),
        (('"recommendations"', '"a/b"'), "ketch.toml: package.route", "a-b"),
        (('"Next purchase from recent views"', '"two\\nlines"'), "ketch.toml: package.description", "one line"),
        (("takes", "take"), "ketch.toml: pipeline", "unknown key `take`"),
        (('"dataframe"', '"frames"'), "ketch.toml: pipeline.takes", "`records`"),
        (('"pipeline:load"', '"pipeline.load"'), "ketch.toml: pipeline.load", "module:function"),
        ((STEPS, "[]"), "ketch.toml: pipeline.steps", "at least `1`"),
        ((STEPS, '["a:b", 3]'), "ketch.toml: pipeline.steps", "module:function"),
        (('include = ["tables/*.csv"]', "include = 3"), "ketch.toml: pipeline.include", "a list"),
        (('python = "3.11"', 'python = "2.7"'), "ketch.toml: environment.python", "3.11"),
        (('python = "3.11"', "python = 3.11"), "ketch.toml: environment.python", "3.11"),
        (('python = "3.11"', 'python = "3.\u0661\u0661"'), "ketch.toml: environment.python", "3.11"),
        (("latency_ms = 20", "latency_ms = -1"), "ketch.toml: budget.latency_ms", "above 0"),
        (("latency_ms = 20", "latency_ms = true"), "ketch.toml: budget.latency_ms", "above 0"),
        (("latency_ms = 20", "latency_ms = inf"), "ketch.toml: budget.latency_ms", "above 0"),
        (('OMP_NUM_THREADS = "1"', "OMP_NUM_THREADS = 1"), "ketch.toml: environment.variables", "text"),
        (('OMP_NUM_THREADS = "1"', '"OMP-NUM" = "1"'), "ketch.toml: environment.variables", "OMP-NUM"),
        (('OMP_NUM_THREADS = "1"', 'A = "\\u0000"'), "ketch.toml: environment.variables", "NUL"),
        (('OMP_NUM_THREADS = "1"', 'FEATURE_TOKEN = "1"'), "ketch.toml: environment.variables", "secret"),
        (('["FEATURE_URL"]', '"FEATURE_URL"'), "ketch.toml: environment.required", "a list"),
        (('"FEATURE_TOKEN"', '"A=B"'), "ketch.toml: environment.secrets", "variable name"),
        (('"FEATURE_TOKEN"', '"\u00dcBER"'), "ketch.toml: environment.secrets", "variable name"),
        (('"implicit"', '"a\\nb==1"'), "ketch.toml: environment.allow_source_builds", "libraries"),
        (('"implicit"', '"all"'), "ketch.toml: environment.allow_source_builds", "libraries"),
        (("factors = 64", "when = 2026-01-01"), "ketch.toml: params", "JSON"),
        (("factors = 64", "far = inf"), "ketch.toml: params", "JSON"),
        (("factors = 64", f"deep = {'[' * 31}{']' * 31}"), "ketch.toml: params", "levels"),
        (("[params]", "[[params]]"), "ketch.toml: params", "a table"),
        (("[data.training]", "[data]"), "ketch.toml: data.source", "a table"),
        (("[data.training]", '[data."a/b"]'), "ketch.toml: data", "a/b"),
        (("[data.training]", '[data.".."]'), "ketch.toml: data", "`..`"),
        (("[data.training]", "[data.nul]"), "ketch.toml: data", "`nul`"),
        ((TRAINING, ""), "ketch.toml: data.training", "expected `source`"),
        ((TRAINING, 'source = ""'), "ketch.toml: data.training.source", "not empty"),
        (('time_column = "at"', "ship = true"), "ketch.toml: data.training", "sample"),
        (('time_column = "at"', 'sample = "data/"'), "ketch.toml: data.training.sample", "a file"),
        (('run = "evaluate:run"', "run = []"), "ketch.toml: evaluate.run", "module:function"),
        (('run = "evaluate:run"', ""), "ketch.toml: evaluate", "expected `run`"),
        (('shopper = "string"', 'shopper = "text"'), "ketch.toml: inputs.shopper", "`string`"),
        (("min = 0", "rtol = 0"), "ketch.toml: inputs.hour.rtol", "[outputs]"),
        (("min = 0", "atol = 1"), "ketch.toml: inputs.hour.atol", "[outputs]"),
        (("min = 0", 'compare = "set"'), "ketch.toml: inputs.hour.compare", "[outputs]"),
        (("[outputs]", "[outputs]\n[outputs_]"), "ketch.toml: outputs", "at least one field"),
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


@pytest.mark.parametrize(
    ("before", "after", "where", "hint"),
    [
        ("[budget]", "[budgets]", "ketch.toml", "did you mean `budget`?"),
        ("route =", "rout =", "ketch.toml: package", "did you mean `route`?"),
        ("steps =", "Steps =", "ketch.toml: pipeline", "did you mean `steps`?"),
        ("nullable =", "nulable =", "ketch.toml: inputs.hour", "did you mean `nullable`?"),
        ("min =", "minimum =", "ketch.toml: inputs.hour", "did you mean `min`?"),
        ("rtol =", "rtoll =", "ketch.toml: outputs.scores", "did you mean `rtol`?"),
        ("time_column =", "timecolumn =", "ketch.toml: data.training", "did you mean `time_column`?"),
        ("secrets =", "secret =", "ketch.toml: environment", "did you mean `secrets`?"),
        ("run =", "runs =", "ketch.toml: evaluate", "did you mean `run`?"),
        ("memory_mb =", "memory =", "ketch.toml: budget", "did you mean `memory_mb`?"),
        ("route =", "colour =", "ketch.toml: package", "the keys here are `name`"),
    ],
)  # fmt: skip
def test_an_unknown_key_of_any_table_is_told_with_the_one_that_was_meant(
    before: str, after: str, where: str, hint: str
) -> None:
    _, findings = parse_manifest_toml(COMPLETE.replace(before, after, 1).encode())
    (finding,) = [one for one in findings if one.code.endswith("/unknown-key")]
    assert finding.where == where
    assert after.split(maxsplit=1)[0].strip("[]") in finding.message
    assert str(finding.hint).startswith(hint)
    assert finding.blocks


def test_an_unknown_key_of_a_struct_is_told() -> None:
    member = 'a = { type = "struct", fields = { b = { type = "string", nulable = true } } }'
    findings = found(COMPLETE.replace('shopper = "string"', member))
    assert findings["ketch.toml: inputs.a.fields.b"].hint == "did you mean `nullable`?"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    findings = found("[package]\nname = 'A'\n[pipeline]\nsteps = 1\n[inputs]\nx = 'int65'\n")
    assert {"ketch.toml", "ketch.toml: package", "ketch.toml: pipeline.steps"} <= set(findings)
    assert any("int65" in finding.message for finding in findings.values())


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"[package", b"a = 1\na = 2", b"x = " + b"[" * 5000]
)
def test_what_is_no_toml_is_a_finding_not_a_crash(content: bytes) -> None:
    manifest, findings = parse_manifest_toml(content)
    assert manifest is None
    assert findings[0].code in {"manifest/toml", "manifest/unknown-key"}


@pytest.mark.parametrize("content", ["", "package = 3", "package = []\ndata = 1", "x = 1"])
def test_any_toml_is_read_or_told(content: str) -> None:
    manifest, findings = parse_manifest_toml(content.encode())
    assert manifest is None
    assert findings


def test_names_that_move_a_cursor_are_not_repeated() -> None:
    name = r'"\u001b[2J"'
    text = COMPLETE.replace("route", name, 1).replace("hour =", f"{name} =", 1)
    text = text.replace("[budget]", f"[{name}]\n[budget]").replace("OMP_NUM_THREADS", name)
    findings = found(f"{text}\n{name} = 1\n[data.{name}]\nsource = 'x'\n")
    assert len(findings) > 5
    for where, finding in findings.items():
        assert f"{where}{finding.message}{finding.hint}".isprintable()


def test_a_folder_without_a_manifest_says_how_to_get_one(tmp_path: Path) -> None:
    manifest, (finding,) = read_manifest(tmp_path)
    assert manifest is None
    assert finding.code == "manifest/missing"
    assert "ketch init" in str(finding.hint)


def test_a_draft_holds_what_is_right(tmp_path: Path) -> None:
    file = tmp_path / "ketch.toml"
    file.write_text(COMPLETE.replace('"recommender"', '"No Name"').replace("[budget]", "[x]"))
    draft, findings = read_draft(tmp_path)
    assert draft is not None
    assert draft.pipeline.load == "pipeline:load"
    assert {finding.code for finding in findings} == {
        "package/name-syntax",
        "manifest/unknown-key",
    }
    assert read_manifest(tmp_path) == (None, findings)
    file.write_text("= 3")
    assert read_draft(tmp_path)[0] is None


class TestBuilt:
    """The tables of a built package are told by the files that hold them."""

    FILES = {"package": "ketch/package.json", "pipeline": "ketch/pipeline.json", "inputs": "s"}
    RIGHT: dict[str, object] = {
        "package": {"name": "a", "version": "1", "owner": "me"},
        "pipeline": {"steps": ["a:b"]},
    }
    SCHEMA = Schema(parse_fields({"x": "int64"}, "i")[0], parse_fields({"y": "int64"}, "o")[0])

    def findings(self, schema: Schema = SCHEMA, /, **changes: Any) -> tuple[Finding, ...]:
        with pytest.raises(ManifestError) as caught:
            manifest_of({**self.RIGHT, **changes}, schema, self.FILES)
        return caught.value.findings

    def test_it_is_read(self) -> None:
        read = manifest_of(self.RIGHT, self.SCHEMA, self.FILES)
        assert (read.schema, read.pipeline.steps) == (self.SCHEMA, ("a:b",))

    def test_a_finding_points_at_the_file(self) -> None:
        (finding,) = self.findings(package={"name": "a", "version": "1", "owner": ""})
        assert finding.where == "ketch/package.json: package.owner"

    @pytest.mark.parametrize("table", ["package", "pipeline", "environment", "budget", "evaluate"])
    @pytest.mark.parametrize("body", [None, [], 3, "x"])
    def test_what_is_no_table_is_told(self, table: str, body: object) -> None:
        assert "a table" in self.findings(**{table: body})[0].message

    def test_a_package_without_fields_is_told(self) -> None:
        (finding,) = self.findings(Schema((), self.SCHEMA.outputs))
        assert finding.where == "s: inputs"
