"""The package format, sentences 18 to 21: what a package declares."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests import packages
from tests.packages import Body, replaced_json
from tests.property.package.agreement import (
    RIGHT,
    SPECIFICATION,
    judged,
    read,
    refusal,
    values,
)
from tests.property.package.second.rules import TABLES, is_valid
from tests.property.package.second.texts import Broken
from tests.property.package.second.types import check_type

from ketch.errors import UsageError
from ketch.package.manifest import Pipeline
from ketch.package.manifest_reader import parse_manifest_toml
from ketch.package.paths import check_path
from ketch.schema import Schema, parse_type
from ketch.schema.constraints import CONSTRAINTS
from ketch.schema.parse import canonical_json
from ketch.schema.types import PLAIN


class TestSentence18:
    """`ketch/package.json` MUST hold `format`, the text `"1"`, and the table `package`, and MAY
    hold `evaluate` and `budget`; `pipeline.json`, `params.json`, `environment.json` and
    `data.json` MUST hold the one table of their name.
    """

    HELD = {
        "ketch/package.json": {"format", "package", "evaluate", "budget"},
        "ketch/pipeline.json": {"pipeline"},
        "ketch/params.json": {"params"},
        "ketch/environment.json": {"environment"},
        "ketch/data.json": {"data"},
    }
    NEEDED = [("ketch/package.json", "format"), ("ketch/package.json", "package"), *((path, next(iter(held))) for path, held in HELD.items() if len(held) == 1)]  # fmt: skip

    def test_the_builder_obeys(self) -> None:
        assert {path: set(json.loads(RIGHT[path])) for path in self.HELD} == self.HELD

    @given(values)
    def test_any_other_format_is_refused(self, value: object) -> None:
        assume(value != "1")
        changed = replaced_json(RIGHT["ketch/package.json"], "format", value=value)
        error = refusal({**RIGHT, "ketch/package.json": changed})
        assert error.code == "package/format-version"

    def test_none_is_refused_even_when_another_file_has_one(self) -> None:
        identity = json.loads(RIGHT["ketch/package.json"])
        del identity["format"]
        data = replaced_json(RIGHT["ketch/data.json"], "format", value="1")
        refusal({**RIGHT, "ketch/package.json": canonical_json(identity), "ketch/data.json": data})

    @pytest.mark.parametrize("path", HELD)
    @pytest.mark.parametrize("table", [*sorted(set().union(*HELD.values())), "inputs", "other"])
    def test_a_table_of_another_file_is_refused(self, path: str, table: str) -> None:
        if table in self.HELD[path]:
            return
        found = [json.loads(RIGHT[other]).get(table) for other in self.HELD]
        value: object = next((each for each in found if each is not None), {})
        error = refusal({**RIGHT, path: replaced_json(RIGHT[path], table, value=value)})
        assert table in error.message

    @pytest.mark.parametrize(("path", "table"), NEEDED)
    def test_a_table_that_is_missing_is_refused(self, path: str, table: str) -> None:
        body = json.loads(RIGHT[path])
        del body[table]
        refusal({**RIGHT, path: canonical_json(body)})

    def test_the_others_may_be_missing(self) -> None:
        body = json.loads(RIGHT["ketch/package.json"])
        del body["evaluate"], body["budget"]
        found = read({**RIGHT, "ketch/package.json": canonical_json(body)}).manifest
        assert (found.evaluate, found.budget.latency_ms) == (None, None)

    @pytest.mark.parametrize("path", HELD)
    @settings(max_examples=25)
    @given(value=values)
    def test_a_file_is_an_object(self, path: str, value: object) -> None:
        refusal({**RIGHT, path: canonical_json([value])})


class TestSentence19:
    """A table MUST be valid against its definition in [`ketch.schema.json`](ketch.schema.json), and
    the name of a table of `data` MUST be a segment as in 12; a builder MUST leave the keys
    `include` and `requirements` out; each table of `data` MAY have a `profile` (see
    [data profiles](profile.md)).
    """

    PATHS: Mapping[str, list[tuple[str, ...]]] = {
        "ketch/package.json": [("package",), ("evaluate",), ("budget",)],
        "ketch/pipeline.json": [("pipeline",)],
        "ketch/params.json": [("params",)],
        "ketch/environment.json": [("environment",)],
        "ketch/data.json": [("data",), ("data", "training")],
    }
    PLACES = [(path, place) for path, places in PATHS.items() for place in places]

    def test_the_builder_obeys(self) -> None:
        declared = packages.manifest(pipeline=Pipeline(("a:b",), include=("tables/*",)))
        contents = packages.files(manifest=declared)
        document: Body = {}
        for path in self.PATHS:
            document |= json.loads(contents[path])
        del document["data"]["training"]["profile"]
        for table, body in document.items():
            assert table == "format" or is_valid(TABLES["properties"][table], body)
        assert "include" not in document["pipeline"]
        assert "requirements" not in document["environment"]

    @pytest.mark.parametrize(("path", "place"), PLACES, ids=str)
    @pytest.mark.parametrize("key", ["other", "Name", "", "profile"])
    def test_an_unknown_key_is_refused(self, path: str, place: tuple[str, ...], key: str) -> None:
        if place[0] == "params" or (key == "profile" and len(place) == 2):
            return
        refusal({**RIGHT, path: replaced_json(RIGHT[path], *place, key, value={"a": 1})})

    @pytest.mark.parametrize(("path", "place"), PLACES, ids=str)
    @settings(max_examples=25)
    @given(value=values)
    def test_both_readers_judge_any_table_alike(
        self, path: str, place: tuple[str, ...], value: object
    ) -> None:
        judged({**RIGHT, path: replaced_json(RIGHT[path], *place, value=value)})

    @given(st.data())
    def test_both_readers_judge_any_value_of_a_key_alike(self, data: st.DataObject) -> None:
        path, place = data.draw(st.sampled_from(self.PLACES))
        table = json.loads(RIGHT[path])
        for key in place:
            table = table[key]
        assume(table)
        key = data.draw(st.sampled_from(sorted(table)))
        assume(key != "profile")
        value = data.draw(values | st.sampled_from(_SUSPECTS))
        judged({**RIGHT, path: replaced_json(RIGHT[path], *place, key, value=value)})

    @pytest.mark.parametrize(
        ("path", "place", "value"),
        [
            ("ketch/package.json", ("package", "name"), "No Name"),
            ("ketch/package.json", ("package", "version"), "1.0-1"),
            ("ketch/package.json", ("package", "owner"), " "),
            ("ketch/package.json", ("package", "owner"), "a\nb"),
            ("ketch/package.json", ("package", "route"), "a/b"),
            ("ketch/package.json", ("package", "description"), "\x1b[2J"),
            ("ketch/package.json", ("evaluate", "run"), "evaluate"),
            ("ketch/package.json", ("evaluate",), None),
            ("ketch/package.json", ("budget", "latency_ms"), 0),
            ("ketch/package.json", ("budget", "memory_mb"), True),
            ("ketch/pipeline.json", ("pipeline",), None),
            ("ketch/pipeline.json", ("pipeline", "steps"), []),
            ("ketch/pipeline.json", ("pipeline", "takes"), "frames"),
            ("ketch/pipeline.json", ("pipeline", "load"), None),
            ("ketch/params.json", ("params",), []),
            ("ketch/environment.json", ("environment", "network"), 1),
            ("ketch/environment.json", ("environment", "variables"), {"A-B": "x"}),
            ("ketch/environment.json", ("environment", "variables"), {"A": "\0"}),
            ("ketch/environment.json", ("environment", "allow_source_builds"), ["all"]),
            ("ketch/data.json", ("data",), None),
            ("ketch/data.json", ("data", "training"), None),
            ("ketch/data.json", ("data", "training", "source"), ""),
            ("ketch/data.json", ("data", "training", "ship"), "yes"),
        ],
        ids=str,
    )
    def test_another_value_is_refused(
        self, path: str, place: tuple[str, ...], value: object
    ) -> None:
        error = refusal({**RIGHT, path: replaced_json(RIGHT[path], *place, value=value)})
        assert [one.where for one in error.findings if path in str(one.where)]

    @pytest.mark.parametrize("name", ["", "a/b", "..", ".a", "nul", "a" * 129, "a\n", "é"])
    def test_another_name_of_data_is_refused(self, name: str) -> None:
        document = {"data": {name: {"source": "s3://shop/"}}}
        refusal({**RIGHT, "ketch/data.json": canonical_json(document)})

    def test_a_profile_may_be_missing(self) -> None:
        data = json.loads(RIGHT["ketch/data.json"])
        del data["data"]["training"]["profile"]
        assert read({**RIGHT, "ketch/data.json": canonical_json(data)}).profiles == {}


class TestSentence20:
    """`ketch/schema.json` MUST hold `inputs` and `outputs`, each a list, in the order of the
    columns, of at least one object: the `name` of a field, which no other has, beside its type
    and limits as in [schema types](schema-types.md).
    """

    PATH = "ketch/schema.json"

    def test_the_builder_obeys(self) -> None:
        declared = tomllib.loads(packages.TOML)
        for side, fields in json.loads(RIGHT[self.PATH]).items():
            assert [field["name"] for field in fields] == list(declared[side])
            for field in fields:
                body = declared[side][field.pop("name")]
                assert field == ({"type": body} if isinstance(body, str) else body)

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            (("inputs",), []),
            (("outputs",), []),
            (("inputs",), {}),
            (("inputs",), None),
            (("other",), []),
            (("inputs", 0), None),
            (("inputs", 0), "string"),
            (("inputs", 0, "name"), "age"),
            (("inputs", 0, "name"), "a\0b"),
            (("inputs", 0, "name"), ""),
            (("inputs", 0, "name"), None),
            (("inputs", 0, "name"), "1st"),
            (("inputs", 0, "other"), 1),
            (("inputs", 0, "type"), "int65"),
            (("inputs", 0, "type"), "struct<a: int64, a: int64>"),
            (("inputs", 0, "type"), "list<" * 17 + "int64" + ">" * 17),
            (("inputs", 0, "type"), None),
            (("inputs", 1, "rtol"), 1e-6),
            (("inputs", 0, "compare"), "checks:close"),
            (("inputs", 1, "nullable"), 1),
            (("inputs", 1, "min"), None),
            (("outputs", 1, "rtol"), -1),
            (("outputs", 1, "compare"), "bag"),
            (("outputs", 1, "description"), "a\nb"),
        ],
        ids=str,
    )
    def test_another_schema_is_refused(self, place: tuple[str | int, ...], value: object) -> None:
        changed = replaced_json(RIGHT[self.PATH], *place, value=value)
        refusal({**RIGHT, self.PATH: changed})

    @pytest.mark.parametrize("side", ["inputs", "outputs"])
    def test_a_missing_side_is_refused(self, side: str) -> None:
        body = json.loads(RIGHT[self.PATH])
        del body[side]
        refusal({**RIGHT, self.PATH: canonical_json(body)})

    @given(st.permutations(["a", "b", "c", "d"]))
    def test_the_order_of_fields_is_kept(self, order: list[str]) -> None:
        fields = [{"name": name, "type": "int64"} for name in order]
        changed = canonical_json({"inputs": fields, "outputs": fields})
        found = read({**RIGHT, self.PATH: changed}).manifest.schema
        assert [field.name for field in found.inputs] == order

    @given(
        st.text("abdefilnorstu<>[]?:,- 12368UTC/", max_size=24)
        | st.from_regex(r"(list|struct|tensor|timestamp) ?[<\[][a-z0-9:,?\[\] <>-]{0,20}[>\]]")
    )
    def test_both_readers_judge_the_name_of_a_type_alike(self, text: str) -> None:
        assert _is_type(text) == _is_second_type(text), text

    def test_the_page_of_types_names_every_limit_and_every_type(self) -> None:
        page = SPECIFICATION.with_name("schema-types.md").read_text()
        rows = re.findall(r"^\| (`.+?`) \|", page.partition("## Limits")[2], re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(CONSTRAINTS)
        assert "| `int8` … `int64`, `uint8` … `uint64` |" in page
        for name in PLAIN:
            assert name.startswith(("int", "uint")) or f"`{name}`" in page, name

    @pytest.mark.parametrize("path", ["inputs", "outputs"])
    @settings(max_examples=25)
    @given(value=values)
    def test_whatever_stands_there_is_read_or_refused(self, path: str, value: object) -> None:
        judged({**RIGHT, self.PATH: replaced_json(RIGHT[self.PATH], path, value=value)})


class TestSentence21:
    """`ketch/environment.json` MUST name an exact Python release, `3.X.Y`, and MUST NOT give a
    variable that it names as secret a value.
    """

    PATH = "ketch/environment.json"

    @pytest.mark.parametrize(
        "python",
        [
            "3.11",
            "3",
            "3.11.*",
            ">=3.11",
            "3.11.7rc1",
            "2.7.18",
            "",
            "3.11.7\n",
            "3.1\u0661.7",
            None,
        ],
    )
    def test_another_python_is_refused(self, python: object) -> None:
        changed = replaced_json(RIGHT[self.PATH], "environment", "python", value=python)
        error = refusal({**RIGHT, self.PATH: changed})
        places = [error.where, *(finding.where for finding in error.findings)]
        assert f"{self.PATH}: environment.python" in places

    def test_none_is_refused(self) -> None:
        body = json.loads(RIGHT[self.PATH])
        del body["environment"]["python"]
        refusal({**RIGHT, self.PATH: canonical_json(body)})

    @pytest.mark.parametrize(
        "secrets",
        [
            {"FEATURE_TOKEN": "value"},
            ["FEATURE_TOKEN=value"],
            ["not a name"],
            [["A", "b"]],
            "A",
            [1],
        ],
        ids=str,
    )
    def test_anything_but_names_is_refused(self, secrets: object) -> None:
        changed = replaced_json(RIGHT[self.PATH], "environment", "secrets", value=secrets)
        refusal({**RIGHT, self.PATH: changed})

    @given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12))
    def test_a_value_for_a_secret_is_refused(self, value: str) -> None:
        variables = {"FEATURE_TOKEN": value}
        changed = replaced_json(RIGHT[self.PATH], "environment", "variables", value=variables)
        error = refusal({**RIGHT, self.PATH: changed})
        assert "FEATURE_TOKEN" in error.findings[0].message

    def test_the_author_is_told(self) -> None:
        text = packages.TOML.replace("secrets", 'variables = { FEATURE_TOKEN = "x" }\nsecrets')
        manifest, findings = parse_manifest_toml(text.encode())
        assert manifest is None
        assert "FEATURE_TOKEN" in findings[0].message


_SUSPECTS: list[object] = [
    "", " ", "..", "a\x00b", "\x1b[2J", "nul", "x" * 1000, -1, 0, 1e12, 1e13, 2**63, True, [], {},
    [[]], [{}], {"": ""}, "3.11", "3.11.7", "a:b", "a.b:c", ["a:b"], ["A"], ["A", "a b"], "1.0", "hello",
    "1.0\n", "records", {"A": "b"}, {"A": 1}, ["implicit", "six"], "a/b", "é",
]  # fmt: skip


def _is_type(text: str) -> bool:
    """Whether ketch takes the name of a type in a schema."""
    try:
        parse_type(text)
    except UsageError:
        return False
    body = {"inputs": [{"name": "x", "type": text}], "outputs": [{"name": "y", "type": "bool"}]}
    return bool(Schema.from_json(body))


def _is_second_type(text: str) -> bool:
    """Whether the second reader takes the name of a type in a schema."""
    declared = {"x": {"type": text}}
    if not is_valid(TABLES["properties"]["inputs"], declared):
        return False
    try:
        check_type(text)
    except Broken:
        return False
    return True


def test_the_grammar_of_a_name_of_data_is_that_of_a_segment() -> None:
    pattern = TABLES["properties"]["data"]["propertyNames"]["pattern"]
    for name in ("training", "a b", "x.y", "0"):
        assert re.search(pattern, name)
        assert not check_path(name)
