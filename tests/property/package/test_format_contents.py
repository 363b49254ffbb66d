"""The package format, sentences 22 to 25: lock, scenarios, traces and samples."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import packages
from tests.packages import Body, replaced_json
from tests.property.package.agreement import (
    HELLO,
    RIGHT,
    a_folder,
    built,
    hello,
    judged,
    names,
    read,
    refusal,
    scalars,
    values,
)

from ketch.package import Digest, Scenario, open_package
from ketch.runtime import Home
from ketch.runtime.layout import lay_out
from ketch.schema.parse import canonical_json
from ketch.store import MemoryStore


class TestSentence22:
    """`ketch/requirements.lock` MUST be UTF-8 text of the lines `# ketch lock 1`, `# python` with
    that release, and, where `allow_source_builds` is not false or empty, `# source-builds` with
    `all` or the names, sorted, with `, ` between; then, for each library, sorted by name, version
    and marker, `NAME==VERSION \\` or `NAME==VERSION ; MARKER \\` and its hashes, sorted, one or
    more lines `    --hash=sha256:HEX`, all but the last with ` \\` at the end; names and versions
    are normalised as PyPA has them, and markers are those of PEP 508.
    """

    PATH = "ketch/requirements.lock"
    HEAD = "# ketch lock 1\n# python 3.11.7\n"
    HASH = "    --hash=sha256:" + "1e" * 32
    SIX = f"six==1.16.0 \\\n{HASH}\n"

    def test_the_builder_names_the_release_it_resolved(self) -> None:
        with a_folder() as home:
            built(HELLO, home)
            package = open_package(Digest.parse(hello()), Home(home).store)
            lines = package.lock.decode().splitlines()
        assert lines[0] == "# ketch lock 1"
        assert lines[1] == f"# python {package.manifest.environment.python}"

    @pytest.mark.parametrize(
        "line",
        [
            "six\n",
            "six==1.16.0\n",
            "six>=1.16.0 \\\n" + HASH + "\n",
            "six==1.16.0 \\\n    --hash=md5:" + "1e" * 16 + "\n",
            "six==1.16.0 \\\n    --hash=sha256:" + "1E" * 32 + "\n",
            "six @ https://files.example/six.whl \\\n" + HASH + "\n",
            "--index-url https://packages.example/simple\n",
            "--extra-index-url https://packages.example/simple\n",
            "-r other.txt\n",
            "-e .\n",
            "./six.whl\n",
            SIX.rstrip("\n") + " --pre\n",
            SIX.rstrip("\n"),
            SIX.rstrip("\n") + " \\\n",
            SIX + SIX,
            SIX.replace("six", "wheel") + SIX,
            SIX.replace("six", "Six"),
            SIX.replace("six", "a_b"),
            SIX + "\n",
            SIX.replace("\n", "\r\n"),
            f"six==1.16.0 \\\n{HASH} \\\n{HASH}\n",
            SIX.replace("1.16.0", "01.16"),
            SIX.replace("1.16.0", "1.16.0-1"),
            f"six==1.16.0 \\\n    --hash=sha256:{'2e' * 32} \\\n{HASH}\n",
            "# a remark\n" + SIX,
            "# inputs sha256:" + "0" * 64 + "\n" + SIX,
            "# source-builds all\n" + SIX,
        ],
    )
    def test_a_lock_that_pins_less_or_says_more_is_refused(self, line: str) -> None:
        error = refusal({**RIGHT, self.PATH: f"{self.HEAD}{line}".encode()})
        assert error.code == "env/lock"

    @pytest.mark.parametrize(
        "head",
        [
            "",
            "# ketch lock 2\n# python 3.11.7\n",
            "# ketch lock 1\n",
            "# ketch lock 1\n# python 3.11\n",
            "# ketch lock 1\n# python 3.11.8\n",
            "# python 3.11.7\n# ketch lock 1\n",
            "\ufeff# ketch lock 1\n# python 3.11.7\n",
        ],
    )
    def test_a_lock_for_something_else_is_refused(self, head: str) -> None:
        assert refusal({**RIGHT, self.PATH: f"{head}{self.SIX}".encode()}).code == "env/lock"

    @pytest.mark.parametrize(
        ("builds", "line"),
        [
            (False, ""),
            ([], ""),
            (True, "# source-builds all\n"),
            (["implicit"], "# source-builds implicit\n"),
            (["Zope.interface", "a_b", "a-b"], "# source-builds a-b, zope-interface\n"),
        ],
    )
    def test_source_builds_are_those_that_the_package_allows(
        self, builds: object, line: str
    ) -> None:
        path = "ketch/environment.json"
        changed = {
            **RIGHT,
            path: replaced_json(RIGHT[path], "environment", "allow_source_builds", value=builds),
        }
        for said in {"", "# source-builds all\n", "# source-builds implicit\n", line}:
            contents = {**changed, self.PATH: f"{self.HEAD}{said}{self.SIX}".encode()}
            if said == line:
                read(contents)
            else:
                assert refusal(contents).code == "env/lock"

    def test_no_libraries_and_markers_are_read(self) -> None:
        marked = self.SIX.replace(" \\", " ; sys_platform == 'linux' \\", 1)
        for lines in ("", self.SIX, self.SIX + marked, marked):
            read({**RIGHT, self.PATH: f"{self.HEAD}{lines}".encode()})

    def test_what_is_no_text_is_refused(self) -> None:
        refusal({**RIGHT, self.PATH: self.HEAD.encode() + b"\xff"})


class TestSentence23:
    """`ketch/scenarios.jsonl` MUST hold a JSON object a line, blank lines aside, and at most 10,000:
    `name`, which no other has, a text of at most 200 characters that could be an `owner`;
    `inputs`, an object or a list of at least one; and either `expected`, of the same form, or
    `expected_error`, a text that is not empty; it MAY hold `description`, a text, and `draft`, a
    boolean, and nothing else; a builder MUST sort them by name.
    """

    ONE: Body = {"name": "one", "inputs": [{"name": "Ann"}], "expected": [{"score": 1.0}]}
    PATH = "ketch/scenarios.jsonl"

    @pytest.mark.parametrize(
        "changes",
        [
            [{"name": None}], [{"name": ""}], [{"name": "  "}], [{"name": 3}], [{"name": "a\x1b[2J"}],
            [{"name": "x" * 201}], [{"name": "a\nb"}], [{"name": "a\u202eb"}], [{"name": "a\n"}],
            [{"inputs": None}], [{"inputs": []}], [{"inputs": [3]}], [{"inputs": "row"}],
            [{"expected": None}], [{"expected": []}], [{"expected": [None]}], [{"expected_error": "schema/null"}],
            [{"expected_error": 3}], [{"expected_error": None}], [{"draft": "no"}], [{"draft": 1}],
            [{"description": ["x"]}], [{"other": 1}], [{}, {}], [{}, {"name": "two"}, {}],
        ],
        ids=str,
    )  # fmt: skip
    def test_another_scenario_is_refused(self, changes: list[Body]) -> None:
        lines = [canonical_json({**self.ONE, **change}) + b"\n" for change in changes]
        error = refusal({**RIGHT, self.PATH: b"".join(lines)})
        assert error.code == "scenario/unreadable"
        assert "scenarios.jsonl:" in str(error.where)

    @pytest.mark.parametrize(
        "body",
        [
            {"name": "one", "inputs": [{"name": "Ann"}]},
            {"name": "one", "expected": [{}]},
            {"inputs": {}, "expected": {}},
            {"name": "one", "inputs": {}, "expected_error": ""},
            {"name": "one", "inputs": {}, "expected_error": None},
            [],
            None,
            "one",
        ],
        ids=str,
    )
    def test_one_that_lacks_something_is_refused(self, body: object) -> None:
        refusal({**RIGHT, self.PATH: canonical_json(body) + b"\n"})

    @pytest.mark.parametrize(("count", "is_right"), [(10_000, True), (10_001, False)])
    def test_they_are_at_most_10_000(self, count: int, is_right: bool) -> None:  # noqa: FBT001
        lines = (b'{"name":"%d","inputs":{},"expected":{}}\n' % number for number in range(count))
        contents = {**RIGHT, self.PATH: b"".join(lines)}
        if is_right:
            assert len(read(contents).scenarios) == count
        else:
            assert refusal(contents).code == "scenario/unreadable"

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"inputs": {}},
            {"expected": {}},
            {"expected": [{}, {}]},
            {"name": "Zo\u00eb, \u4e16\u754c"},
            {"name": " x "},
            {"name": "x" * 200},
            {"draft": True},
            {"description": "two\nlines"},
        ],
        ids=str,
    )
    def test_a_right_one_is_read(self, change: Body) -> None:
        line = canonical_json({**self.ONE, **change})
        (found,) = read({**RIGHT, self.PATH: b"\n \n" + line + b"\n\n"}).scenarios
        assert found.name == {**self.ONE, **change}["name"]

    @given(
        st.lists(
            st.builds(
                Scenario,
                name=st.text("abc é☃", min_size=1, max_size=8).filter(str.strip),
                inputs=st.lists(
                    st.dictionaries(names, scalars, max_size=3), min_size=1, max_size=2
                ).map(tuple),
                expected=st.just(({"score": 0.5},)),
                description=st.text(max_size=10),
            ),
            min_size=1,
            max_size=4,
            unique_by=lambda scenario: scenario.name,
        )
    )
    def test_every_scenario_survives_in_the_order_of_names(self, scenarios: list[Scenario]) -> None:
        contents = packages.files(scenarios=scenarios)
        found = read(contents).scenarios
        ordered = sorted(scenarios, key=lambda each: each.name)
        assert [each.to_json() for each in found] == [each.to_json() for each in ordered]
        lines = contents[self.PATH].splitlines()
        assert [json.loads(line)["name"] for line in lines] == [each.name for each in ordered]

    @given(values, st.sampled_from(["name", "inputs", "expected", "expected_error", "draft"]))
    def test_both_readers_judge_any_value_alike(self, value: object, member: str) -> None:
        line = canonical_json({**self.ONE, member: value}) + b"\n"
        judged({**RIGHT, self.PATH: line})


class TestSentence24:
    """`ketch/traces.jsonl` MUST hold a JSON object a line, blank lines aside: `scenario`, a text;
    `inputs`, the digest of the canonical JSON of the list of its inputs; `steps`, a list of
    objects: `step`, a text, `rows`, a count, and `fields`, a list of objects: the texts `name`
    and `dtype`; the counts `count` and `nulls`; `digest`, a text or null; `min`, `max` and `mean`,
    each a number, a text or null; and `head`, a list.
    """

    PATH = "ketch/traces.jsonl"
    LINE = RIGHT[PATH].splitlines()[0]
    FIELD = ("steps", 0, "fields", 0)

    def test_the_builder_obeys(self) -> None:
        body = json.loads(self.LINE)
        assert set(body) == {"scenario", "inputs", "steps"}
        assert set(body["steps"][0]) == {"step", "rows", "fields"}
        members = {"name", "dtype", "count", "nulls", "digest", "min", "max", "mean", "head"}
        assert set(body["steps"][0]["fields"][0]) == members
        scenario = json.loads(RIGHT["ketch/scenarios.jsonl"].splitlines()[0])
        assert body["inputs"] == str(Digest.of(canonical_json([scenario["inputs"]])))

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            (("scenario",), 3),
            (("inputs",), "one"),
            (("inputs",), None),
            (("steps",), {}),
            (("steps", 0), []),
            (("steps", 0, "step"), None),
            (("steps", 0, "rows"), -1),
            (("steps", 0, "rows"), True),
            (("steps", 0, "rows"), 1.0),
            (("steps", 0, "fields"), None),
            (FIELD, "x"),
            ((*FIELD, "name"), None),
            ((*FIELD, "dtype"), 3),
            ((*FIELD, "count"), "1"),
            ((*FIELD, "nulls"), None),
            ((*FIELD, "digest"), 3),
            ((*FIELD, "min"), []),
            ((*FIELD, "max"), True),
            ((*FIELD, "mean"), {}),
            ((*FIELD, "head"), None),
        ],
        ids=str,
    )
    def test_another_trace_is_refused(self, place: tuple[str | int, ...], value: object) -> None:
        changed = replaced_json(self.LINE, *place, value=value)
        assert refusal({**RIGHT, self.PATH: changed}).code.startswith("package/")

    @pytest.mark.parametrize(
        "place",
        [
            *(("scenario",), ("inputs",), ("steps",), ("steps", 0, "step"), ("steps", 0, "rows")),
            *(("steps", 0, "fields"), (*FIELD, "name"), (*FIELD, "count"), (*FIELD, "head")),
            *((*FIELD, "digest"), (*FIELD, "min"), (*FIELD, "dtype"), (*FIELD, "nulls")),
        ],
        ids=str,
    )
    def test_one_that_lacks_something_is_refused(self, place: tuple[Any, ...]) -> None:
        body = json.loads(self.LINE)
        inner = body
        for key in place[:-1]:
            inner = inner[key]
        del inner[place[-1]]
        refusal({**RIGHT, self.PATH: canonical_json(body)})

    @given(values, st.sampled_from([("scenario",), ("inputs",), ("steps",), ("steps", 0), FIELD]))
    def test_both_readers_judge_any_value_alike(
        self, value: object, place: tuple[str | int, ...]
    ) -> None:
        judged({**RIGHT, self.PATH: b"\n" + replaced_json(self.LINE, *place, value=value)})


class TestSentence25:
    """A sample whose table in `ketch/data.json` has `ship` true MUST be the layer `data/NAME/FILE`:
    the name of the table, and the last segment of `sample`.
    """

    TABLE: Body = {"source": "s3://shop/", "sample": "samples/events.csv", "ship": True}

    @pytest.mark.parametrize(
        ("name", "sample"),
        [
            ("other", "events.csv"),
            ("training", "other.csv"),
            ("training", "events.csv/"),
            ("training", ".."),
            ("..", "events.csv"),
            ("../../../../etc", "passwd"),
            ("/etc", "passwd"),
            ("training/../training", "events.csv"),
            ("./training", "events.csv"),
            ("", "events.csv"),
            ("a\x1b[2J", "events.csv"),
        ],
    )
    def test_a_sample_that_is_elsewhere_is_refused(self, name: str, sample: str) -> None:
        document = {"data": {name: {**self.TABLE, "sample": sample}}}
        refusal({**RIGHT, "ketch/data.json": canonical_json(document)})

    def test_it_lies_there(self) -> None:
        store = MemoryStore()
        package = open_package(packages.put(store, RIGHT), store)
        with a_folder() as folder:
            layout = lay_out(package, folder)
            assert layout.data["training"] == folder / "data" / "training" / "events.csv"
            assert layout.data["training"].read_bytes() == RIGHT["data/training/events.csv"]

    @pytest.mark.parametrize("ship", [False, None])
    def test_one_that_is_not_shipped_need_not(self, ship: bool | None) -> None:  # noqa: FBT001
        table = {
            key: value for key, value in {**self.TABLE, "ship": ship}.items() if value is not None
        }
        document = canonical_json({"data": {"other": table}})
        assert read({**RIGHT, "ketch/data.json": document}).samples == {}
