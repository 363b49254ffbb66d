import io
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from ketch.errors import Unavailable, UsageError
from ketch.schema import Field, Row, parse_fields
from ketch.tables import Format
from ketch.tables.write import RowWriter


@pytest.fixture
def outputs() -> tuple[Field, ...]:
    return parse_fields({"items": "list<string>", "score": "float64"}, "outputs")[0]


ROWS: list[Row] = [{"items": ["a", "b"], "score": 0.5}, {"items": [], "score": 1.0}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("o.json", '[{"items":["a","b"],"score":0.5},\n{"items":[],"score":1.0}]\n'),
        ("o.jsonl", '{"items":["a","b"],"score":0.5}\n{"items":[],"score":1.0}\n'),
        ("o.csv", 'items,score\n"[""a"",""b""]",0.5\n[],1.0\n'),
    ],
)
def test_text_is_plain_and_in_the_declared_order(
    tmp_path: Path, outputs: tuple[Field, ...], name: str, text: str
) -> None:
    with RowWriter(tmp_path / name, outputs) as writer:
        writer.write(dict(reversed(row.items())) for row in ROWS)
    assert (tmp_path / name).read_text() == text


def test_no_rows_are_an_empty_list(tmp_path: Path, outputs: tuple[Field, ...]) -> None:
    for name, text in (("o.json", "[]\n"), ("o.jsonl", ""), ("o.csv", "items,score\n")):
        with RowWriter(tmp_path / name, outputs):
            pass
        assert (tmp_path / name).read_text() == text


def test_one_row_can_be_one_object(tmp_path: Path, outputs: tuple[Field, ...]) -> None:
    with RowWriter(tmp_path / "o.json", outputs, single=True) as writer:
        writer.write(ROWS[:1])
    assert (tmp_path / "o.json").read_text() == '{"items":["a","b"],"score":0.5}\n'
    with pytest.raises(UsageError), RowWriter(tmp_path / "o.json", outputs, single=True) as writer:
        writer.write(ROWS)


def test_parquet_columns_have_the_declared_types(tmp_path: Path) -> None:
    declared = {
        "a": "uint8",
        "b": "timestamp[us, UTC]",
        "c": "struct<x: float32, y: list<date32>>",
        "d": "tensor<float64, [-1, 2]>",
        "e": "binary",
    }
    fields, _ = parse_fields(declared, "outputs")
    row: Row = {
        "a": 255,
        "b": "2024-02-29T00:00:00Z",
        "c": {"x": 0.5, "y": ["2024-02-29"]},
        "d": [[1.0, 2.0]],
        "e": "AP8=",
    }
    with RowWriter(tmp_path / "o.parquet", fields) as writer:
        writer.write([row])
    found = duckdb.execute(f"DESCRIBE SELECT * FROM '{tmp_path}/o.parquet'").fetchall()
    assert [column[:2] for column in found] == [
        ("a", "UTINYINT"),
        ("b", "TIMESTAMP WITH TIME ZONE"),
        ("c", "STRUCT(x FLOAT, y DATE[])"),
        ("d", "DOUBLE[][]"),
        ("e", "BLOB"),
    ]
    assert duckdb.execute(f"SELECT e FROM '{tmp_path}/o.parquet'").fetchall() == [(b"\x00\xff",)]


@pytest.mark.parametrize("name", ["o.json", "o.jsonl", "o.csv", "o.parquet"])
def test_an_aborted_run_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, outputs: tuple[Field, ...], name: str
) -> None:
    (tmp_path / name).write_text("old")
    with suppress(KeyboardInterrupt), RowWriter(tmp_path / name, outputs) as writer:
        writer.write(ROWS)
        raise KeyboardInterrupt
    assert (tmp_path / name).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_nothing_stands_there_before_the_end(tmp_path: Path, outputs: tuple[Field, ...]) -> None:
    with RowWriter(tmp_path / "o.jsonl", outputs) as writer:
        writer.write(ROWS)
        assert not (tmp_path / "o.jsonl").exists()
    assert (tmp_path / "o.jsonl").stat().st_mode & 0o444


def test_standard_output_gets_json(
    outputs: tuple[Field, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    formats: tuple[Format | None, ...] = (None, "csv", "parquet")
    for kind in formats:
        stream = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream))
        with RowWriter(None, outputs, kind) as writer:
            writer.write(ROWS)
        assert stream.getvalue()[:1] == {None: b"[", "csv": b"i", "parquet": b"P"}[kind]


def test_names_that_differ_in_case_only_are_refused_in_parquet(tmp_path: Path) -> None:
    fields, _ = parse_fields({"s": "list<struct<a: int64, A: int64>>"}, "outputs")
    with pytest.raises(UsageError, match="`a` and `A`"), RowWriter(tmp_path / "o.parquet", fields):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_suffix_that_names_no_format_is_refused(
    tmp_path: Path, outputs: tuple[Field, ...]
) -> None:
    with pytest.raises(UsageError) as caught:
        RowWriter(tmp_path / "o.xlsx", outputs)
    assert caught.value.code == "table/unknown-format"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, outputs: tuple[Field, ...]) -> None:
    with pytest.raises(UsageError) as caught, RowWriter(tmp_path / "no" / "o.csv", outputs):
        pass
    assert caught.value.code == "disk/no-folder"


def test_a_full_disk_is_said_to_be_full(
    outputs: tuple[Field, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=full))
        with RowWriter(None, outputs, "jsonl") as writer, pytest.raises(Unavailable) as caught:
            writer.write(ROWS)
    assert caught.value.code == "disk/full"
