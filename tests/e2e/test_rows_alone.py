"""A package whose answers depend on the rows beside them, and what is refused before it runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.shop import run_ketch

import ketch
from ketch.runtime import Home, answer_file
from ketch.runtime import predictor as predictors

pytestmark = pytest.mark.e2e

CROWD = "def run(_, rows):\n    return [{'x': row['x'] * len(rows)} for row in rows]\n"
NAME = "crowd:1.0.0"
ALONE = [{"x": 1}, {"x": 2}, {"x": 3}]
TOGETHER = [{"x": 3}, {"x": 6}, {"x": 9}]


def packed(folder: Path, author: Callable[..., Path], *, verified: bool) -> Home:
    scenarios = [{"inputs": {"x": x}, "expected": {"x": x}} for x in (1, 2)]
    declared = {"name": "crowd", "inputs": 'x = "int64"', "outputs": 'x = "int64"'}
    author(folder / "crowd", CROWD, scenarios=scenarios, **declared)
    home = Home(folder / "home")
    ketch.pack(folder / "crowd", home=home, verified=verified)
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Home:
    """A home with a verified package that multiplies by the number of rows it gets."""
    return packed(tmp_path_factory.mktemp("crowd"), author, verified=True)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    (tmp_path / "rows.jsonl").write_text('{"x": 1}\n{"x": 2}\n{"x": 3}\n')
    return tmp_path / "rows.jsonl"


def test_each_row_is_asked_alone_where_verification_found_a_difference(
    home: Home, rows: Path
) -> None:
    done = run_ketch(home, "predict", NAME, rows)
    assert json.loads(done.stdout) == ALONE
    said = done.stderr.decode()
    assert said.count("each row is asked alone") == 1
    assert "--batch-rows" in said


def test_whoever_names_a_batch_gets_it_and_is_told_nothing(home: Home, rows: Path) -> None:
    done = run_ketch(home, "predict", NAME, rows, "--batch-rows", "3")
    assert json.loads(done.stdout) == TOGETHER
    assert done.stderr == b""


@pytest.mark.parametrize("workers", [1, 3])
def test_rows_of_several_pieces_of_a_file_are_answered_in_order(
    home: Home, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "rows.csv").write_text("x\n" + "".join(f"{x}\n" for x in range(2100)))
    told: list[str] = []
    with ketch.load(NAME, home=home.path, workers=workers) as crowd:
        done = answer_file(
            crowd, tmp_path / "rows.csv", tmp_path / "answers.csv", notice=told.append
        )
    assert done.rows == 2100
    answers = (tmp_path / "answers.csv").read_text().split()[1:]
    assert answers == [str(x) for x in range(2100)]
    assert len(told) == 1


def test_without_an_attestation_rows_come_in_batches(
    tmp_path: Path, author: Callable[..., Path], rows: Path
) -> None:
    done = run_ketch(packed(tmp_path, author, verified=False), "predict", NAME, rows)
    assert json.loads(done.stdout) == TOGETHER
    assert done.stderr == b""


def test_a_list_of_any_length_is_one_call_in_python(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictors, "MOST_ROWS", 2)
    with ketch.load(NAME, home=home.path) as crowd:
        assert crowd([{"x": 1}, {"x": 2}, {"x": 3}]) == TOGETHER


# ------------------------------------------------------------------ before anything runs


@pytest.mark.parametrize("by", ["name", "symlink", "hard link", "standard input"])
def test_answers_never_replace_their_inputs(home: Home, rows: Path, by: str) -> None:
    target, content = rows.with_name("answers.jsonl"), rows.read_bytes()
    if by == "symlink":
        target.symlink_to(rows)
    elif by == "hard link":
        os.link(rows, target)
    else:
        target = rows
    if by == "standard input":
        with rows.open("rb") as stream:
            refused = run_ketch(home, "predict", NAME, "-", "-o", target, stream=stream, status=2)
    else:
        refused = run_ketch(home, "predict", NAME, rows, "-o", target, status=2)
    assert "expected another file for the answers" in refused.stderr.decode()
    assert rows.read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rows.jsonl", "--batch-rows", "0"], "expected at least `1` row at a time"),
        (["rows.jsonl", "-o", "answers.xls"], "expected a file that ends in one of"),
        (["rows.jsonl", "-o", "no/answers.csv"], "expected a folder `no`"),
        (["none.csv"], "no file `none.csv`"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_package_is_looked_for(
    tmp_path: Path, rows: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(rows.parent)
    done = run_ketch(Home(tmp_path / "empty"), "predict", "none:1.0.0", *arguments, status=2)
    assert said in done.stderr.decode()
