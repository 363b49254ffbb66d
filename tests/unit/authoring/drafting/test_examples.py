"""Example rows: what the cells of a file hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketch.authoring.drafting.examples import read_examples
from ketch.errors import NotFound, UsageError


def test_cells_of_csv_become_the_narrowest_values(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("n,x,flag,city,zip\n1,1.5,true,Bern,01234\n,NaN,False,,5\n")
    assert read_examples(path).rows == (
        {"n": 1, "x": 1.5, "flag": True, "city": "Bern", "zip": "01234"},
        {"n": None, "x": None, "flag": False, "city": None, "zip": "5"},
    )


def test_other_formats_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1, "b": [1.5]}\n{"a": null, "b": []}\n')
    examples = read_examples(path)
    assert examples.rows == ({"a": 1, "b": [1.5]}, {"a": None, "b": []})
    assert examples.columns == ("a", "b")


def test_parquet_is_read_with_the_names_and_types_it_has() -> None:
    path = Path(__file__).parents[4] / "src" / "ketch" / "demo" / "data" / "products.parquet"
    examples = read_examples(path)
    assert 0 < len(examples.rows) <= 1000
    known, _ = examples.fields({name: name for name in examples.columns})
    assert set(known) == set(examples.columns)


def test_only_the_first_thousand_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a\n" + "1\n" * 5000)
    assert len(read_examples(path).rows) == 1000


@pytest.mark.parametrize("content", ["a,b\n", ""])
def test_a_file_without_rows_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content)
    with pytest.raises(UsageError, match="found none"):
        read_examples(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a\n\xff\xfe\n")
    with pytest.raises(UsageError, match="UTF-8"):
        read_examples(path)


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_examples(tmp_path / "rows.csv")


@pytest.mark.parametrize("name", ["churn.ipynb", "churn.json"])
def test_a_notebook_holds_no_rows(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text('{\n "cells": [],\n "metadata": {},\n "nbformat": 4\n}')
    with pytest.raises(UsageError, match="found a notebook") as caught:
        read_examples(path)
    assert caught.value.hint is not None
    assert "to_csv" in caught.value.hint
