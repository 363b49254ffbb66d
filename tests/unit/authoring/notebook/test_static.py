"""A notebook file read without running it: what is taken, and what is said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from ketch.authoring.drafting.examples import Examples, read_examples
from ketch.authoring.notebook.draft import Draft
from ketch.authoring.notebook.static import draft_notebook
from ketch.errors import Finding, Refused, UsageError

NOTEBOOKS = Path(__file__).parents[3] / "projects" / "notebooks"
NO_EXAMPLES = Examples()


def drafted(name: str, *, steps: Sequence[str] = (), models: Sequence[str] = ()) -> Draft:
    source = NOTEBOOKS / f"{name}.ipynb"
    return draft_notebook(source, Path("out"), steps=steps, models=models, examples=NO_EXAMPLES)


def written(folder: Path, *cells: str, counts: Sequence[int] = ()) -> Path:
    """Write a notebook of some cells."""
    listed = [
        {"cell_type": "code", "source": cell, "execution_count": count}
        for cell, count in zip(cells, counts or range(1, len(cells) + 1), strict=True)
    ]
    path = folder / "written.ipynb"
    path.write_text(json.dumps({"cells": listed, "nbformat": 4, "metadata": {}}))
    return path


def drafted_of(folder: Path, *cells: str, steps: Sequence[str] = ("score",)) -> Draft:
    source = written(folder, *cells)
    return draft_notebook(source, folder / "out", steps=steps, examples=NO_EXAMPLES)


def codes(draft: Draft) -> set[str]:
    return {one.code for one in (*draft.findings, *draft.taken.findings)}


def said(draft: Draft, code: str) -> list[Finding]:
    return [one for one in (*draft.findings, *draft.taken.findings) if one.code == code]


def test_the_steps_are_those_that_the_last_answer_went_through() -> None:
    draft = drafted("baskets")
    assert draft.taken.entries == ("totals", "score")
    assert draft.taken.load == "load"
    assert "init/notebook-guessed" in codes(draft)


def test_what_the_steps_reach_is_taken_as_it_was_written_and_nothing_else() -> None:
    text = drafted("baskets").taken.pipeline
    assert "    'low': 10,   # a gift\n" in text
    assert "# What a basket is worth before it ships free, in pounds\nFREE_FROM = 50.0\n" in text
    assert "BANDS['higher'] = 500" in text
    assert "# the first band that holds it" in text
    for gone in ("chart", "statistics", "Counter", "matplotlib", "asked", "pickle"):
        assert gone not in text
    assert text.index("BANDS") < text.index("def band") < text.index("def score")


def test_a_file_that_the_notebook_reads_is_read_by_load_and_handed_to_whoever_needs_it() -> None:
    taken = drafted("baskets").taken
    assert taken.files == {"model/weights.json": NOTEBOOKS / "weights.json"}
    assert 'with open(Path(model_dir) / "weights.json") as file:' in taken.pipeline
    assert "def weight(weights, country):" in taken.pipeline
    assert 'weight(weights, row["country"]) * row["total"]' in taken.pipeline


def test_the_pipeline_that_is_written_answers_as_the_notebook_does(tmp_path: Path) -> None:
    taken = drafted("baskets").taken
    (tmp_path / "weights.json").write_bytes((NOTEBOOKS / "weights.json").read_bytes())
    scope: dict[str, object] = {}
    exec(compile(taken.pipeline, "pipeline.py", "exec"), scope)  # it is the point
    model = scope["load"](str(tmp_path), {})  # type: ignore[operator] # a function
    rows: object = [{"prices": [50.0, 2.0], "country": "FR"}]
    for name in taken.entries:
        rows = scope[name](model, rows)  # type: ignore[operator] # a function
    assert rows == [{"band": "high", "weight": 65.0, "free": True}]


def test_a_cell_may_name_the_steps(tmp_path: Path) -> None:
    source = written(
        tmp_path, "# ketch: steps=[clean, score]\ndef clean(r): return r", "def score(r): return r"
    )
    draft = draft_notebook(source, tmp_path, examples=NO_EXAMPLES)
    assert draft.taken.entries == ("clean", "score")


def test_a_notebook_that_does_not_tell_is_refused_with_the_command_to_type() -> None:
    with pytest.raises(Refused) as caught:
        drafted("nothing")
    assert caught.value.code == "init/notebook-steps"
    assert "`area`, `helper`" in caught.value.message
    assert "ketch init out --from" in str(caught.value.hint)
    assert "--steps area" in str(caught.value.hint)


def test_a_step_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="expected a function `scor`") as caught:
        drafted("baskets", steps=["scor"])
    assert "`score`" in str(caught.value.hint)


def test_the_last_definition_counts_and_cells_out_of_order_are_told() -> None:
    draft = drafted("order")
    assert "RATE = 0.25" in draft.taken.pipeline
    assert "RATE = 0.2\n" not in draft.taken.pipeline
    assert {"init/notebook-order", "init/notebook-redefined"} <= codes(draft)
    assert "cell 1" in said(draft, "init/notebook-redefined")[0].message


def test_what_cannot_run_in_a_package_is_told_with_its_cell() -> None:
    draft = drafted("hazards", steps=["ask", "look", "blind"])
    told = {(one.code, one.where, one.blocks) for one in draft.taken.findings}
    assert ("init/notebook-call", "cell 3", True) in told
    assert ("init/notebook-path", "cell 4", True) in told
    assert ("init/notebook-call", "cell 5", False) in told
    names = [one.message for one in said(draft, "init/notebook-name")]
    assert any("`display` is the notebook's own" in one for one in names)
    assert any("`lost` may come from `from shop_helpers import *`" in one for one in names)
    assert {one.where for one in said(draft, "init/notebook-cell")} == {"cell 6, line 1"}
    assert "from math import sqrt" in draft.taken.pipeline


def test_a_model_of_training_that_is_in_no_file_is_said_with_what_to_do(tmp_path: Path) -> None:
    draft = drafted_of(
        tmp_path,
        "from sklearn.linear_model import Ridge\nmodel = Ridge()\nmodel.fit(X, y)",
        "def score(rows):\n    return model.predict(rows)",
    )
    (found,) = said(draft, "init/notebook-state")
    assert found.blocks
    assert "--model model=FILE" in str(found.hint)
    assert "def score(model, rows):" in draft.taken.pipeline


def test_a_parameter_in_another_place_gets_a_step_around_it(tmp_path: Path) -> None:
    draft = drafted_of(
        tmp_path,
        "clf = train(X)",
        "def score(rows, model):\n    return model.predict(rows)",
        "score(asked, clf)",
    )
    assert draft.taken.entries == ("score_step",)
    assert "return score(value, clf)" in draft.taken.pipeline
    assert "def score(rows, model):" in draft.taken.pipeline


def test_two_things_of_training_are_one_model_with_names(tmp_path: Path) -> None:
    for name in ("low", "high"):
        (tmp_path / f"{name}.json").write_text("{}")
    draft = drafted_of(
        tmp_path,
        "import json\nfrom pathlib import Path\nHERE = Path('.')",
        "low = json.loads((HERE / 'low.json').read_text())\nhigh = json.load(open('high.json'))",
        "def score(rows):\n    return [{'in': low['a'] < row['x'] < high['a']} for row in rows]",
    )
    text = draft.taken.pipeline
    assert 'model["low"]["' not in text
    assert "model[\"low\"]['a'] < row['x'] < model[\"high\"]['a']" in text
    assert 'return {"low": low, "high": high}' in text or '"high": high' in text
    assert "HERE" not in text
    assert set(draft.taken.files) == {"model/low.json", "model/high.json"}


def test_a_load_that_opens_its_own_file_is_told_the_folder(tmp_path: Path) -> None:
    (tmp_path / "rates.json").write_text("{}")
    draft = drafted_of(
        tmp_path,
        "import json\ndef rates_of():\n    with open('rates.json') as file:\n"
        "        return json.load(file)\nrates = rates_of()",
        "def score(rows):\n    return [rates[row['x']] for row in rows]",
    )
    text = draft.taken.pipeline
    assert "def rates_of(model_dir):" in text
    assert 'open(Path(model_dir) / "rates.json")' in text
    assert "return rates_of(model_dir)" in text


LOADS = {
    "def load_rates(model_dir, params):\n    return json.loads(Path(model_dir, 'rates.json').read_text())": (
        "load_rates",
        "def load_rates(model_dir, params):",
    ),
    "def load_rates(path):\n    return json.loads(Path(path).read_text())": (
        "load",
        'return load_rates(Path(model_dir) / "rates.json")',
    ),
    "def load_rates():\n    return json.loads(Path('rates.json').read_text())": (
        "load",
        "return load_rates(model_dir)",
    ),
}


@pytest.mark.parametrize("function", LOADS)
def test_a_load_of_the_author_is_taken_whatever_it_takes(tmp_path: Path, function: str) -> None:
    (tmp_path / "rates.json").write_text('{"a": 2}')
    source = written(
        tmp_path,
        f"import json\nfrom pathlib import Path\n{function}",
        "def score(rates, rows): return [rates[r] for r in rows]",
    )
    draft = draft_notebook(
        source,
        tmp_path,
        steps=["score"],
        load="load_rates",
        models=[f"rates={tmp_path / 'rates.json'}"],
        examples=NO_EXAMPLES,
    )
    entry, text = LOADS[function]
    assert draft.taken.load == entry
    assert text in draft.taken.pipeline
    assert "model/rates.json" in draft.taken.files
    assert draft.taken.entries == ("score",)
    model_dir = tmp_path / "model"
    model_dir.mkdir()
    (model_dir / "rates.json").write_text('{"a": 3}')
    scope: dict[str, object] = {}
    exec(compile(draft.taken.pipeline, "pipeline.py", "exec"), scope)  # it is the point
    assert scope[entry](str(model_dir), {}) == {"a": 3}  # type: ignore[operator] # a function


def test_a_step_of_a_module_beside_the_notebook_brings_the_module(tmp_path: Path) -> None:
    (tmp_path / "cleaning.py").write_text("def clean(rows):\n    return rows\n")
    draft = drafted_of(
        tmp_path,
        "from cleaning import clean",
        "def score(rows): return rows",
        steps=("clean", "score"),
    )
    assert draft.taken.entries == ("clean_step", "score")
    assert set(draft.taken.files) == {"cleaning.py"}
    assert "    return clean(value)" in draft.taken.pipeline


def test_a_function_that_is_handed_on_without_a_call_is_said(tmp_path: Path) -> None:
    (tmp_path / "rates.json").write_text("{}")
    draft = drafted_of(
        tmp_path,
        "import json\nrates = json.load(open('rates.json'))",
        "def rate(x):\n    return rates[x]",
        "def score(rows):\n    return list(map(rate, rows))",
    )
    (found,) = said(draft, "init/notebook-state")
    assert found.blocks
    assert found.where == "pipeline.py: score"


def test_statements_between_reading_and_predicting_become_a_function() -> None:
    draft = drafted("straight")
    text = draft.taken.pipeline
    assert draft.taken.entries == ("prepare", "predict")
    assert "    # people with no plan yet\n    df['plan'] = df['plan'].map(" in text
    assert "X = df.drop('churned', axis=1, errors=\"ignore\")" in text
    for gone in ("train_test_split", "y_train", "describe", "fit("):
        assert gone not in text
    assert {"init/notebook-sliced", "init/notebook-state"} <= codes(draft)


def test_a_statement_that_looks_at_all_rows_is_told(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "import pandas as pd\ndf = pd.read_csv('x.csv')",
        "df['a'] = df['a'].fillna(df['a'].mean())",
        "model = fit(df)\nmodel.predict(df[['a']])",
    )
    draft = draft_notebook(source, tmp_path, examples=NO_EXAMPLES)
    (found,) = said(draft, "init/notebook-all-rows")
    assert found.blocks
    assert "`mean` looks at all rows" in found.message


def test_a_notebook_makes_nothing_ship_that_lies_elsewhere_or_is_hidden(tmp_path: Path) -> None:
    here = tmp_path / "work" / "notebooks"
    here.mkdir(parents=True)
    for path in ("key", "work/near.json", "work/.env", "work/notebooks/.token"):
        (tmp_path / path).write_text("{}")
    for spelled in (str(tmp_path / "key"), "../../key", "../.env", ".token", "..", "../"):
        draft = drafted_of(
            here, f"kept = open({spelled!r}).read()", "def score(rows): return [kept for _ in rows]"
        )
        assert draft.taken.files == {}, spelled
        assert "init/notebook-state" in codes(draft)
    draft = drafted_of(
        here, "kept = open('../near.json').read()", "def score(rows): return [kept for _ in rows]"
    )
    assert set(draft.taken.files) == {"model/near.json"}


def test_a_request_has_no_target_and_loops_have_names_of_their_own(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "import pandas as pd\ndf = pd.read_csv('x.csv')",
        "for name in ['other']:\n    print(df.groupby(name).mean())",
        "df['left'] = df['left'] == 'yes'\nfor name in ['a', 'b']:\n"
        "    df[name] = df[name].fillna(0)",
        "y = df.left.values\ndel df['left']\nmodel.fit(df, y)\nmodel.predict(df)",
    )
    draft = draft_notebook(source, tmp_path, examples=NO_EXAMPLES)
    assert "left" not in draft.taken.pipeline
    assert "groupby" not in draft.taken.pipeline
    assert "    for name in ['a', 'b']:\n        df[name] = df[name].fillna(0)" in (
        draft.taken.pipeline
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "expected a notebook"),
        (b'{"a": 1}', "found other JSON"),
        (b'{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}', "one in `r`"),
    ],
)
def test_a_file_that_is_no_notebook_in_python_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "broken.ipynb"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        draft_notebook(path, tmp_path, examples=NO_EXAMPLES)
    assert caught.value.code == "init/notebook-unreadable"


def test_columns_that_cannot_be_fields_are_renamed_back_for_the_steps(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"spent (eur)": 3.5}\n')
    source = written(tmp_path, "def score(rows):\n    return [r['spent (eur)'] for r in rows]")
    draft = draft_notebook(source, tmp_path, steps=["score"], examples=read_examples(rows))
    assert draft.taken.entries == ("notebook_names", "score")
    assert 'COLUMNS = {"spent_eur": "spent (eur)"}' in draft.taken.pipeline
