"""The functions of a running program become a package that keeps its contract."""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ketch
from ketch.authoring import Initialised, pack, record
from ketch.authoring.notebook.example import example_of
from ketch.authoring.notebook.objects import is_plain
from ketch.compare.diff import diff
from ketch.errors import UsageError
from ketch.runtime import Home, Predictor
from ketch.schema import Float

SOURCE = """\
import math
from collections import OrderedDict

LIMIT = 50.0  # pounds
NAMES = ["low", "high"]
rates = {"UK": 1.0, "FR": 1.25}
BIG = list(range(5000))


def total(row):
    # sums in cents do not drift
    return math.fsum(row["prices"])


def totals(rows):
    return [{"total": total(row), "country": row["country"]} for row in rows]


def score(rows):
    return [
        {"level": NAMES[row["total"] > LIMIT], "due": rates.get(row["country"], 1.0) * row["total"]}
        for row in rows
    ]


def deviates(rows):
    return [{"count": len(BIG)} for row in rows]


def values(rows):
    return [row["total"] * 2 for row in rows]
"""
EXAMPLE = [{"prices": [30.0, 40.5], "country": "FR"}, {"prices": [1.5], "country": "UK"}]
_numbers = itertools.count()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module with the functions, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"shop_{next(_numbers)}.py"  # its source is cached by its name
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[path.stem]


def codes(made: Initialised) -> set[str]:
    return {one.code for one in made.findings}


def test_functions_that_are_there_become_a_package_that_answers_as_they_do(
    shop: ModuleType, home: Home
) -> None:
    made = ketch.init("baskets", steps=[shop.totals, shop.score], example=EXAMPLE, home=home)
    text = (made.path / "pipeline.py").read_text()
    assert "LIMIT = 50.0  # pounds" in text
    assert "# sums in cents do not drift" in text
    assert "OrderedDict" not in text
    assert "deviates" not in text
    assert not any(one.blocks for one in made.findings), made
    record(made.path, confirm=True, home=home)
    packed = pack(made.path, home=home)
    assert packed.verified
    assert "keeps its contract" in packed._repr_html_()
    assert "<td" in packed.package._repr_html_()
    assert "scenarios" in diff(packed.package, packed.package)._repr_html_()
    with Predictor(packed.package, home) as predict:
        assert predict(EXAMPLE) == shop.score(shop.totals(EXAMPLE))


def test_a_value_that_changed_since_its_cell_ran_is_written_as_it_is_now(
    shop: ModuleType, home: Home
) -> None:
    vars(shop)["LIMIT"] = 60.0
    shop.NAMES.append("top")
    made = ketch.init("baskets", steps=[shop.totals, shop.score], example=EXAMPLE, home=home)
    text = (made.path / "pipeline.py").read_text()
    assert "LIMIT = 60.0" in text
    assert 'NAMES = ["low", "high", "top"]' in text
    assert "init/notebook-differs" not in codes(made)


def test_a_model_that_is_handed_over_is_a_file_and_the_first_parameter(
    shop: ModuleType, home: Home
) -> None:
    made = ketch.init(
        "baskets",
        steps=[shop.totals, shop.score],
        model=shop.rates,
        params={"LIMIT": 20.0},
        example=EXAMPLE,
        home=home,
    )
    text = (made.path / "pipeline.py").read_text()
    assert json.loads((made.path / "model" / "rates.json").read_text()) == shop.rates
    assert 'model["rates"].get(row["country"], 1.0)' in text
    assert 'LIMIT = params["LIMIT"]' in text
    assert "LIMIT = 20.0" in (made.path / "ketch.toml").read_text()
    assert not any(one.blocks for one in made.findings), made


def test_predictions_without_names_get_a_last_step_that_names_them(
    shop: ModuleType, home: Home
) -> None:
    made = ketch.init(
        "twice", steps=[shop.totals, shop.values], example=EXAMPLE, path="elsewhere", home=home
    )
    assert made.path == Path("elsewhere")
    declared = (made.path / "ketch.toml").read_text()
    assert 'name = "twice"' in declared
    assert '"pipeline:answer"' in declared
    assert "init/not-recorded" not in codes(made)
    expected = json.loads((made.path / "scenarios" / "example-1.json").read_text())["expected"]
    assert expected == {"prediction": 141.0}


def test_what_the_package_answers_otherwise_than_the_notebook_is_said(
    shop: ModuleType, home: Home
) -> None:
    exec("def total(row):\n    return 0.0", vars(shop))  # a function without a source
    made = ketch.init("baskets", steps=[shop.totals, shop.values], example=EXAMPLE, home=home)
    assert "init/notebook-differs" in codes(made)


def test_data_becomes_a_sample_and_a_question_where_it_came_from(
    shop: ModuleType, home: Home
) -> None:
    Path("old.csv").write_text("country,due\nUK,1.5\n")
    made = ketch.init(
        "baskets",
        steps=[shop.totals, shop.values],
        example=EXAMPLE,
        data={"training": "old.csv", "later": {"source": "s3://shop/later"}},
        home=home,
    )
    declared = (made.path / "ketch.toml").read_text()
    assert '[data.training]\nsource = "file:old.csv"\nsample = "data/old.csv"' in declared
    assert '[data.later]\nsource = "s3://shop/later"' in declared
    assert "init/notebook-source" in codes(made)


@pytest.mark.parametrize(
    ("steps", "found"),
    [([len], "`len`"), ([[].append], "`append`"), (["score"], "expected a notebook")],
)
def test_a_step_that_is_no_function_is_refused(
    steps: Sequence[Callable[..., object]], found: str, home: Home
) -> None:
    with pytest.raises(UsageError) as caught:
        ketch.init("x", steps=steps, home=home)
    assert caught.value.code == "init/notebook-steps"
    assert found in caught.value.message


def test_a_model_that_nothing_here_can_save_is_refused(shop: ModuleType, home: Home) -> None:
    with pytest.raises(UsageError) as caught:
        ketch.init("x", steps=[shop.score], model=object(), home=home)
    assert caught.value.code == "init/notebook-model"
    assert not Path("x").exists()


def test_what_a_notebook_shows_of_it_is_short_and_escaped(shop: ModuleType, home: Home) -> None:
    steps = [shop.totals, shop.values]
    made = ketch.init("baskets", steps=steps, example=EXAMPLE, path="out <b>", home=home)
    assert repr(made).startswith("<package folder out <b>: ")
    shown = made._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
    assert "ketch.toml" in shown


@pytest.mark.parametrize(
    ("example", "takes", "code"),
    [
        ([{"n": 1}, {"n": None}], "records", "init/integers-with-gaps"),
        ([{"at": "2026-01-01T10:00:00"}], "records", "init/naive-timestamp"),
        ([{"who": "a"}] * 3 + [{"who": "b"}] * 3, "records", "init/categories-open"),
        ([{"x": None}], "records", "init/all-missing"),
        ([{"x": 1}, {"x": "one"}], "records", "schema/mixed-types"),
        ({"x": True}, "record", ""),
        ({"x": [1, 2], "y": ["a", "b"]}, "dataframe", ""),
    ],
)
def test_what_an_example_leaves_open_is_asked_with_the_line_to_decide(
    example: Any, takes: str, code: str
) -> None:
    found = example_of(example)
    assert found.takes == takes
    asked = [one for one in found.findings if one.code == code]
    assert bool(asked) is bool(code)
    assert all(str(one.where).startswith("ketch.toml: inputs.") for one in asked)


def test_whole_numbers_with_gaps_in_columns_are_the_floats_that_pandas_makes_of_them() -> None:
    (field,) = example_of({"n": [1, None]}).fields
    assert field.type == Float(64)
    assert field.nullable


def test_an_example_that_is_none_is_refused() -> None:
    given: tuple[object, ...] = ([], [{}], 3, "rows")
    for wrong in given:
        with pytest.raises(UsageError) as caught:
            example_of(wrong)
        assert caught.value.code == "init/no-example"


def test_only_small_values_that_read_back_are_constants() -> None:
    assert all(map(is_plain, [1.5, "x", [1, (2,)], {"a": None}, {1, 2}]))
    assert not any(map(is_plain, [float("nan"), list(range(9000)), object(), len]))
