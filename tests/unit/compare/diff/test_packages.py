"""Two packages, component by component."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from tests import packages
from tests.packages import CODE, PROFILE, TOML, TRACE, toml_manifest

from ketch.cli.differing import differing
from ketch.compare.diff import Diff, diff
from ketch.compare.diff.columns import diff_columns
from ketch.package import Digest, Package, Scenario, open_package
from ketch.package.layers import MAX_DOCUMENT_BYTES
from ketch.package.manifest import EnvironmentDeclaration
from ketch.store import MemoryStore
from ketch.tables import Profile
from ketch.tables.frequent import Frequent
from ketch.tables.profile import ColumnProfile
from ketch.tables.sketch import QuantileSketch

HEX = "1e" * 32


def package(beside: dict[str, bytes | None] | None = None, **changes: Any) -> Package:
    """Return the package of `tests.packages`, with other sources or files beside them."""
    store = MemoryStore()
    files = {**packages.files(**changes), **(beside or {})}
    kept = {path: content for path, content in files.items() if content is not None}
    of = changes.get("manifest") or packages.manifest()
    return open_package(packages.put(store, kept, packages.body(kept, of=of)), store)


def between(a: Package, b: Package) -> Diff:
    found = diff(a, b)
    assert diff(b, a) == found.mirrored()
    assert found.mirrored().mirrored() == found
    return found


def told(found: Diff, component: str) -> dict[str, Any]:
    """Return what is said of the one component that differs."""
    others = {name: one for name, one in found.to_json()["components"].items() if not one["same"]}  # type: ignore[attr-defined] # a JSON object
    assert list(others) == [component]
    return dict(others[component])


def changed_toml(old: str, new: str) -> dict[str, Any]:
    assert old in TOML
    return {"manifest": toml_manifest(TOML.replace(old, new))}


def test_a_package_does_not_differ_from_itself() -> None:
    found = between(package(), package())
    assert found.same
    assert all(one.same and one.details is None for one in found.components)
    assert "they are the same package" in str(differing(found))


def test_params_are_told_by_their_paths() -> None:
    deep = changed_toml('word = "Hello"', 'word = "Hi"\nfees = { a = [1, 2] }')
    body = told(between(package(), package(**deep)), "params")
    assert body["changes"] == [
        {"path": "fees", "change": "added", "b": {"a": [1, 2]}},
        {"path": "word", "change": "changed", "a": "Hello", "b": "Hi"},
    ]


def test_libraries_are_told_with_what_the_code_imports_first() -> None:
    other = (
        f"# ketch lock 1\n# python 3.11.7\nattrs==24.1 \\\n    --hash=sha256:{HEX}\n"
        f"numpy==2.2.6 ; sys_platform == 'linux' \\\n    --hash=sha256:{HEX}\n"
        f"six==1.16.0 \\\n    --hash=sha256:{HEX}\n"
    )
    code = {**CODE, "evaluate.py": b"import numpy\n"}
    found = between(package(code=code), package(code=code, lock=other.encode()))
    assert told(found, "environment")["libraries"] == [
        {
            "name": "numpy",
            "change": "added",
            "a": [],
            "b": ["2.2.6 ; sys_platform == 'linux'"],
            "direct": True,
            "files": False,
        },
        {"name": "attrs", "change": "added", "a": [], "b": ["24.1"], "direct": False, "files": False},
        {
            "name": "six",
            "change": "changed",
            "a": ["1.16.0"],
            "b": ["1.16.0"],
            "direct": False,
            "files": True,
        },
    ]  # fmt: skip
    assert "numpy  2.2.6 ; sys_platform == 'linux'  direct" in str(differing(found))


def test_settings_of_an_environment_are_told_one_by_one() -> None:
    other = EnvironmentDeclaration("3.11.7", variables={"A": "1"}, required=("B",), network=True)
    found = between(package(), package(manifest=packages.manifest(environment=other)))
    assert [one["path"] for one in told(found, "environment")["settings"]] == [
        "network",
        "required.B",
        "secrets.FEATURE_TOKEN",
        "variables.A",
    ]


def test_a_schema_says_who_would_stumble_in_each_direction() -> None:
    narrow = changed_toml("min = 0, max = 150", "min = 0, max = 99")
    body = told(between(package(), package(**narrow)), "schema")
    assert body["compatible"] is False
    assert body["a_for_b"] == []
    assert body["b_for_a"] == [
        {
            "where": "inputs.age",
            "message": "callers may send what the new schema refuses: above `99`",
        }
    ]
    assert body["fields"][0]["a"]["max"] == 150


def test_a_model_of_any_size_is_told_by_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    a = package({"model/large.bin": b"0" * 1_000})
    b = package({"model/large.bin": b"1" * 1_000, "model/weights.bin": None, "model/w.bin": packages.BESIDE["model/weights.bin"]})  # fmt: skip
    model = {layer.digest for side in (a, b) for layer in side.under("model/").values()}
    read = MemoryStore.read

    def unread(store: MemoryStore, digest: Digest, *, max_bytes: int = MAX_DOCUMENT_BYTES) -> bytes:
        assert digest not in model, "no file of a model is read"
        return read(store, digest, max_bytes=max_bytes)

    monkeypatch.setattr(MemoryStore, "read", unread)
    body = told(between(a, b), "model")
    assert [(one["path"], one["change"]) for one in body["files"]] == [
        ("model/large.bin", "changed"),
        ("model/w.bin", "renamed"),
    ]
    assert body["files"][1]["a"]["path"] == "model/weights.bin"


def test_data_is_told_by_rows_and_by_what_each_column_holds() -> None:
    ages = ColumnProfile("age", "int64", nulls=1, count=3, min=3, max=9, total=18)
    places = ColumnProfile("place", "string", count=4, frequent=Frequent({"Bern": 3, "Basel": 1}))
    others = replace(places, frequent=Frequent({"Bern": 2, "Chur": 2}))
    was = Profile(4, None, (ages, places))
    now = Profile(5, None, (replace(ages, nulls=2, total=21), others, ColumnProfile("new", "bool")))
    found = between(package(profiles={"training": was}), package(profiles={"training": now}))
    (training,) = told(found, "data")["references"]
    assert training["extent"] == [{"path": "row_count", "change": "changed", "a": 4, "b": 5}]
    new, place, age = training["columns"]
    assert (new["name"], new["change"]) == ("new", "added")
    assert place["moved"] == 0.5
    assert place["values"] == [
        {"value": "Chur", "change": "added", "a": 0.0, "b": 0.5},
        {"value": "Basel", "change": "removed", "a": 0.25, "b": 0.0},
        {"value": "Bern", "change": "changed", "a": 0.75, "b": 0.5},
    ]
    assert age["figures"] == [
        {"figure": "missing", "a": 0.25, "b": 0.4},
        {"figure": "mean", "a": 6.0, "b": 7.0},
    ]


@pytest.mark.parametrize("cut", [1, 7, 20, 100])
def test_a_sketch_that_nobody_can_read_leaves_its_figures_out(cut: int) -> None:
    sketch = QuantileSketch()
    sketch.add([1.0, 2.0, 5.0] * 10)
    bad = replace(PROFILE.columns[0], quantile_sketch=sketch.to_bytes()[:cut])
    found = between(package(), package(profiles={"training": replace(PROFILE, columns=(bad,))}))
    assert told(found, "data")["references"][0]["columns"][0]["figures"] == []


def test_figures_beyond_all_floats_are_no_reason_to_fail() -> None:
    column = PROFILE.columns[0]
    totals = (10**400, -(10**400), 1.7e308, -1.7e308)
    sides = [replace(PROFILE, columns=(replace(column, total=one),)) for one in totals]
    for one, other in itertools.pairwise(sides):
        (found,) = diff_columns(one, other)
        assert diff_columns(other, one) == (found.mirrored(),)
        json.dumps(found.to_json(), allow_nan=False)


def test_scenarios_are_told_by_field() -> None:
    a = Scenario("one", ({"name": "Ann"},), ({"score": 0.5, "parts": [1, 2]},), single=True)
    b = replace(a, expected=({"score": 0.25, "parts": [1]},))
    found = between(package(scenarios=(a,)), package(scenarios=(b, Scenario("new", ({},), ({},)))))
    body = told(found, "scenarios")
    assert [(one["name"], one["change"]) for one in body["scenarios"]] == [
        ("new", "added"),
        ("one", "changed"),
    ]
    assert body["scenarios"][1]["changes"] == [
        {"path": "expected[0].parts[1]", "change": "removed", "a": 2},
        {"path": "expected[0].score", "change": "changed", "a": 0.5, "b": 0.25},
    ]


def test_traces_that_were_recorded_again_are_named() -> None:
    found = between(package(), package(traces=(replace(TRACE, steps=()),)))
    assert told(found, "scenarios") | {"a": "", "b": ""} == {
        "same": False,
        "a": "",
        "b": "",
        "scenarios": [],
        "scenarios_left_out": 0,
        "traces": ["one"],
    }


def test_documents_are_told_line_by_line() -> None:
    found = between(package(), package({"README.md": b"# hello\nmore\n"}))
    assert told(found, "docs")["lines"]["README.md"]["diff"] == [
        "@@ -1,1 +1,2 @@",
        " # hello",
        "+more",
    ]


def test_who_a_package_is_and_what_it_promises_is_told() -> None:
    other = changed_toml("latency_ms = 20", "latency_ms = 30")
    body = told(between(package(), package(**other)), "manifest")
    assert body["changes"] == [{"path": "budget.latency_ms", "change": "changed", "a": 20, "b": 30}]


def test_bytes_written_otherwise_are_said_to_say_the_same() -> None:
    spaced = packages.files()["ketch/params.json"].replace(b":", b": ")
    found = between(package(), package({"ketch/params.json": spaced}))
    assert told(found, "params")["changes"] == []
    assert "written in another way" in str(differing(found))


def test_no_package_can_make_the_screen_say_something_else() -> None:
    evil = "\x1b[2Jsame\n  code  same\u202e"
    code = {**CODE, "evaluate.py": f"# {evil}\nimport os\r# {evil}\n".encode()}
    scenario = Scenario("one", ({"name": evil},), ({evil: 0.5},), description=evil)
    profile = replace(PROFILE, columns=(ColumnProfile(evil, evil, frequent=Frequent({evil: 1})),))
    b = package(
        {"README.md": evil.encode(), "docs/card.md": None},
        code=code,
        scenarios=(scenario,),
        profiles={"training": profile},
        manifest=packages.manifest(params={evil: evil}, description="new"),
    )
    text = str(differing(between(package(), b)))
    assert [letter for letter in text if not letter.isprintable() and letter != "\n"] == []
    assert "  code  same" not in text.splitlines()
    assert max(map(len, text.splitlines())) <= 160
    assert "\nenvironment\n" not in text
