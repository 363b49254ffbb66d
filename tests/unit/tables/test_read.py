import io
import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from ketch.errors import NotFound, UsageError
from ketch.schema import Decoder, Field, Row, parse_fields
from ketch.tables import Batch, Format, RowWriter, read_rows


def all_rows(path: Path, fields: Sequence[Field], kind: Format | None = None) -> list[Row]:
    return [row for batch in read_rows(path, fields, format=kind) for row in batch.rows]


def one_batch(path: Path, content: str | bytes, fields: Sequence[Field]) -> Batch:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    (batch,) = read_rows(path, fields)
    return batch


def refusal(path: Path, content: str | bytes, fields: Sequence[Field]) -> UsageError:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError) as caught:
        list(read_rows(path, fields))
    return caught.value


@pytest.fixture
def number() -> tuple[Field, ...]:
    return parse_fields({"n": "int64"}, "inputs")[0]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "parquet"])
def test_what_was_written_is_read_back_whatever_the_format(
    tmp_path: Path, fields: tuple[Field, ...], rows: list[Row], suffix: str
) -> None:
    path = tmp_path / f"rows.{suffix}"
    with RowWriter(path, fields) as writer:
        writer.write(rows)
    decoded, findings = Decoder(fields).decode(all_rows(path, fields))
    assert (decoded, findings) == (rows, ())


def test_a_json_object_is_one_row_and_says_so(tmp_path: Path, number: tuple[Field, ...]) -> None:
    batch = one_batch(tmp_path / "row.json", '{\n "n": 1\n}\n', number)
    assert batch.rows == [{"n": 1}]
    assert batch.single


def test_a_json_list_is_rows(tmp_path: Path, number: tuple[Field, ...]) -> None:
    batch = one_batch(tmp_path / "rows.json", '[{"n": 1},\n {"n": 2}]', number)
    assert batch.rows == [{"n": 1}, {"n": 2}]
    assert not batch.single
    assert batch.where(1) == f"{tmp_path}/rows.json: row 2"


def test_objects_a_line_in_a_file_called_json_are_read_as_lines(
    tmp_path: Path, number: tuple[Field, ...]
) -> None:
    batch = one_batch(tmp_path / "rows.json", '\n{"n": 1}\n\n{"n": 2}\n', number)
    assert batch.rows == [{"n": 1}, {"n": 2}]
    assert batch.where(1) == f"{tmp_path}/rows.json:4"


def test_an_empty_list_and_an_empty_file_of_lines_have_no_rows(
    tmp_path: Path, number: tuple[Field, ...]
) -> None:
    (tmp_path / "a.json").write_text("[]")
    (tmp_path / "a.jsonl").write_text("\n")
    assert list(read_rows(tmp_path / "a.json", number)) == []
    assert list(read_rows(tmp_path / "a.jsonl", number)) == []


def test_a_file_without_a_known_suffix_is_told_by_its_content(
    tmp_path: Path, number: tuple[Field, ...]
) -> None:
    with RowWriter(tmp_path / "rows.parquet", number) as writer:
        writer.write([{"n": 1}])
    (tmp_path / "rows.parquet").rename(tmp_path / "a")
    (tmp_path / "b").write_text('{"n": 1}')
    (tmp_path / "c").write_text("n\n1\n")
    assert all_rows(tmp_path / "a", number) == [{"n": 1}]
    assert all_rows(tmp_path / "b", number) == [{"n": 1}]
    assert all_rows(tmp_path / "c", number) == [{"n": 1}]


def test_the_format_that_is_asked_for_wins_over_the_suffix(
    tmp_path: Path, number: tuple[Field, ...]
) -> None:
    (tmp_path / "rows.txt").write_text("n\n7\n")
    assert all_rows(tmp_path / "rows.txt", number, "csv") == [{"n": 7}]


@pytest.mark.parametrize("content", [b'{"n": 1}', b"n\n1\n", b'[{"n": 1}]'])
def test_standard_input_is_told_by_its_content(
    content: bytes, number: tuple[Field, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    (batch,) = read_rows(None, number)
    assert batch.rows == [{"n": 1}]
    assert batch.source == "stdin"


def test_parquet_comes_through_a_pipe_too(
    tmp_path: Path, number: tuple[Field, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with RowWriter(tmp_path / "rows.parquet", number) as writer:
        writer.write([{"n": 1}])
    content = (tmp_path / "rows.parquet").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    (batch,) = read_rows(None, number)
    assert (batch.rows, batch.source) == ([{"n": 1}], "stdin")


def test_batches_are_as_large_as_asked(tmp_path: Path, number: tuple[Field, ...]) -> None:
    for suffix in ("json", "jsonl", "csv", "parquet"):
        path = tmp_path / f"rows.{suffix}"
        with RowWriter(path, number) as writer:
            writer.write({"n": n} for n in range(5))
        batches = list(read_rows(path, number, batch_rows=2))
        assert [len(batch.rows) for batch in batches] == [2, 2, 1]
        first = {"json": 5, "jsonl": 5, "csv": 6, "parquet": 5}[suffix]
        assert batches[2].where(0).endswith(str(first))


def test_a_missing_file_is_not_found(tmp_path: Path, number: tuple[Field, ...]) -> None:
    with pytest.raises(NotFound):
        list(read_rows(tmp_path / "none.csv", number))


def test_a_folder_is_not_a_file(tmp_path: Path, number: tuple[Field, ...]) -> None:
    with pytest.raises(UsageError, match="can be read"):
        list(read_rows(tmp_path, number))


def test_a_broken_line_is_named(tmp_path: Path, number: tuple[Field, ...]) -> None:
    error = refusal(tmp_path / "rows.jsonl", '{"n": 1}\n{"n": NaN}\n', number)
    assert error.where == f"{tmp_path}/rows.jsonl:2"
    assert error.code == "json/syntax"


def test_a_line_that_is_no_object_is_named(tmp_path: Path, number: tuple[Field, ...]) -> None:
    error = refusal(tmp_path / "rows.jsonl", '{"n": 1}\n[1]\n', number)
    assert (error.code, error.where) == ("schema/wrong-type", f"{tmp_path}/rows.jsonl:2")


def test_cells_of_the_wrong_type_are_all_named_by_line_and_column(
    tmp_path: Path, fields: tuple[Field, ...]
) -> None:
    text = 'shopper,viewed,hour,at\n"two\nlines",[],x,now\n\nb,oops,1,now\n'
    error = refusal(tmp_path / "rows.csv", text, fields)
    places = [finding.where for finding in error.findings]
    assert places == [f"{tmp_path}/rows.csv:2: hour", f"{tmp_path}/rows.csv:5: viewed"]


def test_findings_of_the_decoder_are_put_at_their_lines(
    tmp_path: Path, fields: tuple[Field, ...]
) -> None:
    batch = one_batch(tmp_path / "rows.csv", "shopper,viewed,hour,at\na,[],1,now\n", fields)
    _, findings = Decoder(fields).decode(batch.rows)
    assert [finding.where for finding in batch.locate(findings)] == [f"{tmp_path}/rows.csv:2: at"]


def test_a_wrong_header_is_told_once_with_the_nearest_name(
    tmp_path: Path, fields: tuple[Field, ...]
) -> None:
    text = "shoper,viewed,at\n" + "a,[],2026-10-31T09:00:00Z\n" * 1000
    error = refusal(tmp_path / "rows.csv", text, fields)
    assert error.where == f"{tmp_path}/rows.csv:1"
    assert error.hint == "`shoper` is there; is it the same under another name?"
    assert [(finding.code, finding.message) for finding in error.findings] == [
        ("schema/missing-field", "expected a column `shopper`, found none"),
        ("schema/missing-field", "expected a column `hour`, found none"),
        ("schema/unknown-field", "expected a declared column, found `shoper`"),
    ]
    assert error.findings[-1].hint == "did you mean `shopper`?"


def test_semicolons_are_noticed(tmp_path: Path, fields: tuple[Field, ...]) -> None:
    error = refusal(tmp_path / "rows.csv", "shopper;viewed;hour;at\n", fields)
    assert error.hint == "cells are separated by commas, not by ';'"


def test_a_byte_order_mark_is_no_part_of_a_column_name(
    tmp_path: Path, number: tuple[Field, ...]
) -> None:
    assert one_batch(tmp_path / "rows.csv", b"\xef\xbb\xbfn\r\n1\r\n", number).rows == [{"n": 1}]


def test_csv_in_another_encoding_is_refused_at_its_line(
    tmp_path: Path, number: tuple[Field, ...]
) -> None:
    error = refusal(tmp_path / "rows.csv", b"n\n1\n\xe9\n", number)
    assert "0xe9" in error.message
    assert error.hint == "save the file as UTF-8"


@pytest.mark.parametrize("line", ["1,2", '"1', '"1"2'])
def test_csv_that_breaks_its_grammar_is_refused(
    tmp_path: Path, number: tuple[Field, ...], line: str
) -> None:
    error = refusal(tmp_path / "rows.csv", f"n\n{line}\n", number)
    assert str(error.where).startswith(f"{tmp_path}/rows.csv:")


def test_an_empty_csv_lacks_its_header(tmp_path: Path, number: tuple[Field, ...]) -> None:
    assert refusal(tmp_path / "rows.csv", "", number).where == f"{tmp_path}/rows.csv:1"


def test_parquet_without_a_column_is_refused_once(
    tmp_path: Path, fields: tuple[Field, ...]
) -> None:
    duckdb.execute(f"COPY (SELECT 'a' AS shoper FROM range(9)) TO '{tmp_path}/rows.parquet'")
    with pytest.raises(UsageError) as caught:
        list(read_rows(tmp_path / "rows.parquet", fields))
    assert [finding.code for finding in caught.value.findings] == [
        *["schema/missing-field"] * 4,
        "schema/unknown-field",
    ]


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, number: tuple[Field, ...]) -> None:
    error = refusal(tmp_path / "rows.parquet", b"PAR1 no", number)
    assert (error.code, error.where) == ("table/unreadable", f"{tmp_path}/rows.parquet")


def test_a_file_name_is_never_a_pattern(tmp_path: Path, number: tuple[Field, ...]) -> None:
    for n, name in enumerate(("rows1.parquet", "rows[1].parquet", "rows*.parquet")):
        with RowWriter(tmp_path / name, number) as writer:
            writer.write([{"n": n}])
    assert all_rows(tmp_path / "rows[1].parquet", number) == [{"n": 1}]
    assert all_rows(tmp_path / "rows*.parquet", number) == [{"n": 2}]


def test_parquet_of_another_program_comes_in_json_form(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    duckdb.execute(
        f"""COPY (SELECT DATE '2024-02-29' AS d, TIMESTAMP '2024-02-29 01:02:03.5' AS t,
        1.10::DECIMAL(9, 2) AS price, 'x'::BLOB AS b, MAP {{'k': DATE '2024-02-29'}} AS m,
        [NULL, TIMESTAMP_NS '2024-02-29 01:02:03.000000001'] AS l) TO '{path}'"""
    )
    fields = [Field(name, parse_fields({name: "string"}, "")[0][0].type) for name in "dtbml"]
    price = Field("price", parse_fields({"p": "float64"}, "")[0][0].type)
    assert all_rows(path, [*fields, price]) == [
        {
            "d": "2024-02-29",
            "t": "2024-02-29T01:02:03.500000",
            "price": 1.1,
            "b": "eA==",
            "m": [{"key": "k", "value": "2024-02-29"}],
            "l": [None, "2024-02-29T01:02:03.000000001"],
        }
    ]


def test_a_large_file_is_read_in_little_memory(tmp_path: Path, number: tuple[Field, ...]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"n": n}) + "\n" for n in range(100_000)))
    tracemalloc.start()
    try:
        total = sum(len(batch.rows) for batch in read_rows(path, number))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == 100_000
    assert peak < 4 * 2**20
