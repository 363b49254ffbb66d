"""Planted changes, explained by running real mixtures in real environments, without downloads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.unit.env.conftest import Index

from ketch.authoring import Options as Building
from ketch.authoring.build import build
from ketch.cli.main import main
from ketch.compare.explain import Explanation, Options, explain, sentence
from ketch.compare.explain.running import Laboratory
from ketch.compare.questions import ask_scenarios
from ketch.errors import UsageError
from ketch.package import Package
from ketch.progress import Silent
from ketch.runtime import Home

pytestmark = pytest.mark.e2e

PIPELINE = """
import json
import os

RATE = 2.0


def load(model_dir, params):
    with open(f"{model_dir}/weights.json") as file:
        return {"weights": json.load(file), **params}


def features(model, rows):
    return [{"item": row["item"], "size": scaled(len(row["item"]))} for row in rows]


def scaled(size):
    return size * RATE


def price(model, rows):
    weight = model["weights"]["size"]
    return [{**row, "price": row["size"] * weight + model["fees"]["base"]} for row in rows]


def answer(model, rows):
    named = os.environ.get("CURRENCY", "EUR")
    return [{"price": row["price"], "label": f"{row['item']} in {named}"} for row in rows]
"""
STEPS = ["pipeline:features", "pipeline:price", "pipeline:answer"]
INPUTS = 'item = "string"'
OUTPUTS = 'price = { type = "float64", rtol = 1e-6 }\nlabel = "string"'
ITEMS = ("cup", "plate", "candle", "tin")
PARAMS = '[params]\nfees = { base = 1.0, extra = 0.5 }\nword = "hello"\n'
WEIGHTS = '{"size": 3.0, "other": 1}'

Shop = Callable[..., Package]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("explain") / "home")


@pytest.fixture(scope="module")
def shop(home: Home, tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Shop:
    """Builds the shop, not verified: ``shop({"pipeline.py": (before, after)}, variables=…)``."""

    def make(
        *edits: tuple[str, str, str],
        files: Mapping[str, str] | None = None,
        items: tuple[str, ...] = ITEMS,
    ) -> Package:
        folder = tmp_path_factory.mktemp("shop") / "shop"
        author(
            folder,
            PIPELINE,
            steps=STEPS,
            inputs=INPUTS,
            outputs=OUTPUTS,
            scenarios=[
                {"inputs": {"item": item}, "expected": {"price": 0, "label": ""}} for item in items
            ],
            more=PARAMS,
            files={"model/weights.json": WEIGHTS, "model/note.txt": "one", **(files or {})},
        )
        loading = ("ketch.toml", "[pipeline]", '[pipeline]\nload = "pipeline:load"')
        for path, before, after in (loading, *edits):
            text = (folder / path).read_text()
            assert before in text
            (folder / path).write_text(text.replace(before, after))
        return build(folder, home, Building(), Silent(), install=False).package

    return make


@pytest.fixture(scope="module")
def before(shop: Shop) -> Package:
    return shop()


VARIABLE = ("ketch.toml", "[environment]", '[environment]\nvariables = { CURRENCY = "USD" }')
PARAMETER = ("ketch.toml", "base = 1.0", "base = 2.0")
STEP = ("pipeline.py", "row['item']} in", "row['item']}, in")
HELPER = ("pipeline.py", "return size * RATE", "return size * RATE + (size > 5)")
CONSTANT = ("pipeline.py", "RATE = 2.0", "RATE = 2.5")
MODEL = ("model/weights.json", "3.0", "3.5")
NOISE = (
    ("ketch.toml", 'word = "hello"', 'word = "bye"'),
    ("pipeline.py", "def price", "UNUSED = 1\n\n\ndef price"),
    ("model/note.txt", "one", "two"),
)


@dataclass(frozen=True)
class Planted:
    """A change, and what has to be said of it."""

    edit: tuple[str, str, str]
    component: str
    kind: str
    name: str
    step: str
    field: str
    changed: int = 4


PLANTED = [
    Planted(VARIABLE, "environment", "variable", "CURRENCY", "pipeline:answer", "label"),
    Planted(PARAMETER, "params", "parameter", "fees.base", "pipeline:price", "price"),
    Planted(STEP, "code", "definition", "pipeline:answer", "pipeline:answer", "label"),
    Planted(HELPER, "code", "definition", "pipeline:scaled", "pipeline:features", "size", 1),
    Planted(CONSTANT, "code", "definition", "pipeline:RATE", "pipeline:features", "size"),
    Planted(MODEL, "model", "model", "model/weights.json", "pipeline:price", "price"),
]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: one.name)
def test_a_planted_change_is_named_among_others_that_change_nothing(
    home: Home, shop: Shop, before: Package, planted: Planted
) -> None:
    found = explain(before, shop(planted.edit, *NOISE), home)
    assert found.changed == planted.changed
    assert found.shares == dict.fromkeys(found.shares, 0.0) | {planted.component: 1.0}
    (cause,) = found.causes
    assert [(one.kind, one.name) for one in cause.changes] == [(planted.kind, planted.name)]
    assert cause.is_smallest
    assert cause.entry is not None
    moved = cause.entry.divergence
    assert (moved.step, moved.field) == (planted.step, planted.field)
    assert not found.missing


def test_two_changes_at_once_each_get_their_part(home: Home, shop: Shop, before: Package) -> None:
    """The variable changes every label, the helper one price: 3.5 rows and half a row."""
    found = explain(before, shop(VARIABLE, HELPER), home)
    assert (found.shares["environment"], found.shares["code"]) == (0.875, 0.125)
    assert [one.component for one in found.causes] == ["environment", "code"]
    assert [one.changes[0].name for one in found.causes] == ["CURRENCY", "pipeline:scaled"]
    assert found.causes[1].entry is not None
    assert "`candle`" not in sentence(found)
    assert sentence(found).startswith(
        "88 % of the change comes from the environment, from `CURRENCY` USD, which is new, and it"
        " enters at step `pipeline:answer`, field `label`; 12 % from the code"
    )


def test_changes_that_change_no_answer_are_said_to_change_none(
    home: Home, shop: Shop, before: Package
) -> None:
    found = explain(before, shop(*NOISE), home)
    assert (found.changed, found.causes, found.mixtures) == (0, (), ())
    assert sentence(found) == (
        "Nothing changed: `shop:1.0.0` answers all 4 rows as `shop:1.0.0` does, though the code,"
        " model and parameters differ."
    )
    same = explain(before, before, home)
    assert "have the same code" in sentence(same)
    assert same.to_json()["components"] == dict.fromkeys(same.shares, 0.0)


def test_mixtures_that_cannot_exist_are_reported_and_what_fits_together_shares(
    home: Home, shop: Shop, before: Package
) -> None:
    """A retrained model with another key, and the code that reads it; and a new fee."""
    after = shop(
        ("pipeline.py", 'model["weights"]["size"]', 'model["weights"]["length"]'),
        ("model/weights.json", '"size": 3.0', '"length": 4.0'),
        PARAMETER,
    )
    found = explain(before, after, home)
    states = {one.from_b: one.state for one in found.mixtures}
    assert [names for names, state in states.items() if state == "incompatible"] == [
        ("code",),
        ("model",),
        ("code", "params"),
        ("model", "params"),
    ]
    assert found.together == (("code", "model"),)
    assert found.shares == {"code": 0.25, "model": 0.25, "params": 0.5, "environment": 0.0}
    named = {one.component: [change.name for change in one.changes] for one in found.causes}
    assert named == {
        "params": ["fees.base"],
        "code": ["pipeline:price"],
        "model": ["model/weights.json"],
    }
    problem = next(one.problem for one in found.mixtures if one.from_b == ("code",))
    assert problem == "`KeyError`: 'length' (at `pipeline:price`)"


def test_a_failure_that_b_has_is_a_change_like_any_other(
    home: Home, shop: Shop, before: Package
) -> None:
    broken = ("pipeline.py", "return size * RATE", "return size * RATE / (size - 6)")
    found = explain(before, shop(broken), home)
    assert (found.changed, found.shares["code"]) == (4, 1.0)
    assert found.failures == (
        None,
        "`ZeroDivisionError`: float division by zero (at `pipeline:features`)",
    )
    row = Path(str(home.path)) / "one.jsonl"
    row.write_text('{"item": "candle"}\n')
    told = explain(before, shop(broken), home, Options(inputs=row))
    assert told.entry is not None
    assert told.entry.divergence.step == "pipeline:features"


def test_rows_that_change_each_time_say_nothing_of_the_change(home: Home, shop: Shop) -> None:
    drawn = (
        "pipeline.py",
        'named = os.environ.get("CURRENCY", "EUR")',
        'named = os.urandom(8).hex() if rows[0]["item"] == "cup" else "EUR"',
    )
    found = explain(shop(drawn), shop(drawn, PARAMETER), home)
    assert (found.rows, found.unsteady, found.changed) == (3, 1, 3)
    assert found.shares["params"] == 1.0


MANY_ITEMS = tuple(f"{name}-{number}" for number in range(15) for name in ITEMS)


def test_many_questions_are_asked_together_where_that_changes_no_answer(
    home: Home, shop: Shop
) -> None:
    """One of sixty raises: the others are answered all the same, each as if it were alone."""
    checked = ("pipeline.py", "return size * RATE", "return size * RATE / (size != 9)")
    one, other = shop(items=MANY_ITEMS), shop(checked, CONSTANT, items=MANY_ITEMS)
    for package in (one, other):
        asked = Laboratory(home, ask_scenarios(one, other).questions)
        together = asked.behaviour(package, twice=True)
        assert together.at_once
        assert asked.behaviour(package).replies == together.replies
    failed = sum(len(item) == 9 for item in MANY_ITEMS)
    assert (len(together.failures), len(together.replies)) == (failed, 60)
    found = explain(one, other, home)
    assert found.changed == 60
    assert [change.name for change in found.causes[0].changes] == [
        "pipeline:RATE",
        "pipeline:scaled",
    ]


def test_answers_that_depend_on_the_rows_beside_them_are_asked_for_alone(
    home: Home, shop: Shop
) -> None:
    counted = ("pipeline.py", "in {named}", "of {len(rows)}")
    one, other = (shop(counted, *more, items=MANY_ITEMS) for more in ((), (PARAMETER,)))
    asked = Laboratory(home, ask_scenarios(one, other).questions)
    alone = asked.behaviour(one, twice=True)
    assert (alone.at_once, alone.unsteady) == (False, [])
    assert {reply.rows[0]["label"].rpartition(" ")[2] for reply in alone.replies} == {"1"}  # type: ignore[attr-defined] # it is a text
    found = explain(one, other, home)
    assert (found.changed, found.shares["params"]) == (60, 1.0)


def test_where_no_answer_comes_twice_nothing_is_said_to_be_the_same(home: Home, shop: Shop) -> None:
    drawn = ("pipeline.py", 'os.environ.get("CURRENCY", "EUR")', "os.urandom(8).hex()")
    found = explain(shop(drawn), shop(drawn, PARAMETER), home)
    assert (found.rows, found.unsteady) == (0, 4)
    assert sentence(found) == "Nothing can be said: to all 4 rows comes another answer each time."


def test_without_time_what_is_missing_is_said_and_the_next_run_goes_on(
    home: Home, shop: Shop, before: Package
) -> None:
    items = (*ITEMS, "lamp")
    one, other = shop(items=items), shop(VARIABLE, CONSTANT, items=items)
    short = explain(one, other, home, Options(budget_s=0.0))
    assert [tried.state for tried in short.mixtures] == ["ran", "not-run", "not-run", "ran"]
    assert short.together == (("code", "environment"),)
    assert len(short.missing) == 4
    assert not short.to_json()["complete"]
    kept = set((home.path / "explained").iterdir())
    whole = explain(one, other, home)
    assert not whole.missing
    assert kept < set((home.path / "explained").iterdir())
    written = {path: path.stat().st_mtime_ns for path in (home.path / "explained").iterdir()}
    assert explain(one, other, home).shares == whole.shares
    again = {path: path.stat().st_mtime_ns for path in (home.path / "explained").iterdir()}
    assert again == written, "nothing is run a second time"


def test_nothing_is_kept_of_people(home: Home, shop: Shop) -> None:
    personal = ("ketch.toml", 'item = "string"', 'item = { type = "string", pii = true }')
    kept = set((home.path / "explained").glob("*"))
    answered = ("ketch.toml", 'label = "string"', 'label = { type = "string", pii = true }')
    found = explain(shop(personal, answered), shop(personal, answered, STEP), home)
    assert found.changed == 4
    assert set((home.path / "explained").glob("*")) == kept
    assert not re.search("cup|candle|plate", json.dumps(found.to_json()))


def test_packages_that_have_nothing_in_common_are_refused(
    home: Home, shop: Shop, before: Package
) -> None:
    other = shop(
        ("ketch.toml", 'item = "string"', 'thing = "string"'),
        ("scenarios/all.jsonl", '"item"', '"thing"'),
        ("pipeline.py", '"item": row["item"], "size": scaled(len(row["item"]))', '"item": ""'),
    )
    with pytest.raises(UsageError) as caught:
        explain(before, other, home)
    assert caught.value.code == "compare/no-inputs"


USES = """
import frame
import quiet


def run(_, rows):
    return [{"n": frame.count(row["n"])} for row in rows]
"""


def wheels(index: Index) -> None:
    """Five libraries in two versions: `frame` 2 needs `array` 2; only both count otherwise."""
    counts = "import array_lib\ndef count(n):\n    return n * array_lib.factor({})\n"
    factor = "def factor(wanted):\n    return {}\n"
    for version in ("1.0", "2.0"):
        major = int(version[0])
        files = {"array_lib.py": factor.format(f"2 if wanted == 2 and {major} == 2 else 1")}
        index.add("array", version, files=files)
        need = [f"array=={version}"] if major == 2 else []
        index.add("frame", version, files={"frame.py": counts.format(major)}, requires=need)
        for name in ("quiet", "calm", "still"):
            index.add(name, version)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """An index in a folder; uv is told of no other."""
    folder = tmp_path / "index"
    folder.mkdir()
    settings = tmp_path / "uv-settings.toml"
    settings.write_text(f'no-index = true\nfind-links = ["{folder}"]\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(settings))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return Index(folder)


def test_the_library_is_found_with_the_one_that_it_cannot_do_without(
    home: Home, author: Callable[..., Path], tmp_path: Path, index: Index
) -> None:
    wheels(index)

    def packed(version: str) -> Package:
        folder = author(
            tmp_path / version,
            USES,
            inputs='n = "int64"',
            outputs='n = "int64"',
            scenarios=[{"inputs": {"n": n}, "expected": {"n": n}} for n in (0, 1, 2)],
            files={"requirements.txt": "".join(f"{one}=={version}\n" for one in NAMES)},
        )
        return build(folder, home, Building(), Silent()).package

    a, b = packed("1.0"), packed("2.0")
    found: Explanation = explain(a, b, home)
    (cause,) = found.causes
    assert (found.changed, cause.component, cause.of) == (2, "environment", 5)
    assert [one.name for one in cause.changes] == ["frame"]
    assert [one.name for one in cause.along] == ["array"]
    assert sentence(found) == (
        "100 % of the change comes from the environment, from frame 1.0 → 2.0,"
        " and it enters at step `pipeline:run`, field `n`."
    )


NAMES = ("array", "frame", "quiet", "calm", "still")


def test_the_command_answers_first_in_a_sentence_and_as_one_json_value(
    home: Home,
    author: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KETCH_HOME", str(home.path))
    for name, size in (("old", 1), ("new", 2)):
        author(
            tmp_path / name,
            "def run(_, rows):\n    return [{'n': len(row['item']) * SIZE} for row in rows]\n"
            f"SIZE = {size}\n",
            inputs=INPUTS,
            outputs='n = "int64"',
            scenarios=[{"inputs": {"item": "cup"}, "expected": {"n": 3}}],
        )
    assert main(["explain", str(tmp_path / "old"), str(tmp_path / "new")]) == 0
    text = capsys.readouterr().out
    assert text.startswith(
        "100 % of the change comes from the code, from `pipeline:SIZE` 1 → 2, and it enters at step\n"
        "`pipeline:run`, field `n`.\n"
    )
    assert "  its value: expected `3`, found `6`\n" in text
    assert main(["explain", str(tmp_path / "old"), str(tmp_path / "new"), "--json"]) == 0
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert value["components"] == {"code": 1.0, "model": 0.0, "params": 0.0, "environment": 0.0}
    assert value["cause"] == {"kind": "step", "name": "pipeline:run", "from": "1", "to": "2"}
    assert value["first_divergence"]["step"] == "pipeline:run"
    assert value["first_divergence"]["field"] == "n"
    assert main(["explain", str(tmp_path / "old"), "nobody:1.0.0"]) == 2
