import base64
import io
import json
import random
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pytest

from ketch.errors import NotFound, UsageError
from ketch.schema import Field, Row, parse_fields
from ketch.tables import Batch, Format
from ketch.tables.read import read_rows
from ketch.tables.write import RowWriter


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
    assert all_rows(path, fields) == rows


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


@pytest.mark.parametrize("name", ["x" * 300, "rows.csv/inner.csv"])
def test_a_path_that_no_file_can_have_is_named(
    tmp_path: Path, number: tuple[Field, ...], name: str
) -> None:
    (tmp_path / "rows.csv").write_text("n\n1\n")
    with pytest.raises(UsageError) as caught:
        list(read_rows(tmp_path / name, number))
    assert (caught.value.code, caught.value.where) == ("table/unreadable", f"{tmp_path}/{name}")


def test_a_broken_line_is_named(tmp_path: Path, number: tuple[Field, ...]) -> None:
    error = refusal(tmp_path / "rows.jsonl", '{"n": 1}\n{"n": NaN}\n', number)
    assert error.where == f"{tmp_path}/rows.jsonl:2"
    assert error.code == "json/syntax"


def test_a_line_that_is_no_object_is_named(tmp_path: Path, number: tuple[Field, ...]) -> None:
    error = refusal(tmp_path / "rows.jsonl", '{"n": 1}\n[1]\n', number)
    assert (error.code, error.where) == ("schema/wrong-type", f"{tmp_path}/rows.jsonl:2")


def test_all_that_is_wrong_with_a_row_is_told_at_once(
    tmp_path: Path, fields: tuple[Field, ...]
) -> None:
    """A cell that spells no value, and a value that is not allowed, in one go."""
    text = 'shopper,viewed,hour,at\n"two\nlines",[],x,now\n\nb,oops,1,2026-10-31T09:00:00Z\n'
    error = refusal(tmp_path / "rows.csv", text, fields)
    assert [(finding.where, finding.code) for finding in error.findings] == [
        (f"{tmp_path}/rows.csv:2: hour", "schema/wrong-type"),
        (f"{tmp_path}/rows.csv:2: at", "schema/bad-timestamp"),
        (f"{tmp_path}/rows.csv:5: viewed", "schema/wrong-type"),
    ]
    assert error.message == "expected rows as declared, found 2 of 2 wrong"
    assert error.where == f"{tmp_path}/rows.csv"


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "parquet"])
def test_a_range_is_told_alike_in_every_format(tmp_path: Path, suffix: str) -> None:
    fields, _ = parse_fields({"n": {"type": "int64", "min": 0, "max": 23}}, "inputs")
    wide, _ = parse_fields({"n": "int64"}, "inputs")
    path = tmp_path / f"rows.{suffix}"
    with RowWriter(path, wide) as writer:
        writer.write([{"n": 23}, {"n": 24}])
    with pytest.raises(UsageError) as caught:
        list(read_rows(path, fields))
    [finding] = caught.value.findings
    place = {"json": ": row 2", "parquet": ": row 2", "jsonl": ":2", "csv": ":3"}[suffix]
    assert finding.where == caught.value.where == f"{path}{place}: n"
    assert (finding.code, finding.message) == (
        "schema/out-of-range",
        "expected `0` to `23`, found `24`",
    )


def test_wrong_rows_are_told_from_the_whole_file(tmp_path: Path, number: tuple[Field, ...]) -> None:
    wrong = {1500: '"x"', 7200: "1.5", 9999: "null"}
    lines = (f'{{"n": {wrong.get(line, line)}}}\n' for line in range(1, 10_001))
    error = refusal(tmp_path / "rows.jsonl", "".join(lines), number)
    assert error.message == "expected rows as declared, found 3 of 10,000 wrong"
    assert [one.where for one in error.findings] == [
        f"{tmp_path}/rows.jsonl:{line}: n" for line in wrong
    ]


def test_a_hundred_wrong_rows_are_enough(tmp_path: Path, number: tuple[Field, ...]) -> None:
    error = refusal(tmp_path / "rows.csv", "n\n" + "x\n" * 10_000, number)
    assert error.message == "expected rows as declared, found at least 101 of the first 1,000 wrong"
    assert [one.code for one in error.findings] == ["schema/wrong-type"] * 100 + ["schema/more"]


def test_a_file_that_is_torn_after_a_wrong_row_tells_both(
    tmp_path: Path, number: tuple[Field, ...]
) -> None:
    text = '{"n": "x"}\n' + '{"n": 1}\n' * 2000 + '{"n": '
    error = refusal(tmp_path / "rows.jsonl", text, number)
    assert [(one.where, one.code) for one in error.findings] == [
        (f"{tmp_path}/rows.jsonl:1: n", "schema/wrong-type"),
        (f"{tmp_path}/rows.jsonl:2002", "json/syntax"),
    ]


@pytest.mark.parametrize(("line", "cells"), [("1", 1), ("1,2,3", 3)])
def test_a_row_with_cells_too_few_or_too_many_is_one_finding(
    tmp_path: Path, line: str, cells: int
) -> None:
    fields, _ = parse_fields({"a": "int64", "b": "int64"}, "inputs")
    error = refusal(tmp_path / "rows.csv", f"a,b\n1,2\n{line}\n", fields)
    assert (error.code, error.where) == ("schema/wrong-cells", f"{tmp_path}/rows.csv:3")
    assert error.message == f"expected `2` cells, one for each column, found `{cells}`"


def test_cells_of_personal_data_are_not_shown(tmp_path: Path) -> None:
    fields, _ = parse_fields({"n": {"type": "int64", "pii": True}, "m": "int64"}, "inputs")
    error = refusal(tmp_path / "rows.csv", "n,m\nann@example.org,x\n", fields)
    assert [one.where for one in error.findings] == [
        f"{tmp_path}/rows.csv:2: n",
        f"{tmp_path}/rows.csv:2: m",
    ]
    assert "ann" not in error.findings[0].message


def test_rows_may_be_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,x\n")
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n{"b": [null]}\n')
    duckdb.execute(f"COPY (SELECT 1.5 AS a, DATE '2024-02-29' AS b) TO '{tmp_path}/rows.parquet'")
    found = {
        suffix: [
            row for batch in read_rows(tmp_path / f"rows.{suffix}", None) for row in batch.rows
        ]
        for suffix in ("csv", "jsonl", "parquet")
    }
    assert found == {
        "csv": [{"a": "1", "b": "x"}],
        "jsonl": [{"a": 1}, {"b": [None]}],
        "parquet": [{"a": 1.5, "b": "2024-02-29"}],
    }


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


@pytest.mark.parametrize(
    ("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")]
)
def test_other_marks_than_commas_are_told_once(
    tmp_path: Path, fields: tuple[Field, ...], mark: str, name: str
) -> None:
    header = mark.join(field.name for field in fields)
    error = refusal(tmp_path / "rows.csv", f"{header}\n", fields)
    assert error.message == f"expected commas between column names, found {name}"
    assert error.findings == ()


def test_the_index_that_pandas_writes_is_known(tmp_path: Path, number: tuple[Field, ...]) -> None:
    error = refusal(tmp_path / "rows.csv", ",n\n0,1\n", number)
    assert (error.code, error.hint) == (
        "schema/unknown-field",
        "pandas wrote its index; `index=False` leaves it out",
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "txt"])
def test_utf_16_is_named(
    tmp_path: Path, number: tuple[Field, ...], suffix: str, encoding: str
) -> None:
    text = "n\n1\n" if suffix in {"csv", "txt"} else '{"n": 1}\n'
    error = refusal(tmp_path / f"rows.{suffix}", text.encode(encoding), number)
    assert error.message == "expected text in UTF-8, found UTF-16"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_one(tmp_path: Path, end: str) -> None:
    fields, _ = parse_fields({"n": "int64", "s": "string"}, "inputs")
    text = end.join(["n,s", '1,"a, ""b"""', "", '2,"x', 'y"', "3,"]) + end
    batch = one_batch(tmp_path / "rows.csv", text, fields)
    assert batch.rows == [
        {"n": 1, "s": 'a, "b"'},
        {"n": 2, "s": f"x{end}y"},
        {"n": 3, "s": ""},
    ]
    assert [batch.where(row) for row in range(3)] == [
        f"{tmp_path}/rows.csv:{line}" for line in (2, 4, 6)
    ]


def test_a_cell_may_be_long_and_a_line_not_endless(tmp_path: Path) -> None:
    fields, _ = parse_fields({"v": "tensor<float64, [-1]>"}, "inputs")
    numbers = [n / 7 for n in range(20_000)]
    text = f'v\n"{json.dumps(numbers)}"\n'
    assert one_batch(tmp_path / "rows.csv", text, fields).rows == [{"v": numbers}]
    for suffix in ("csv", "jsonl"):
        path = tmp_path / f"zeros.{suffix}"
        with path.open("wb") as file:
            file.truncate(10 * 2**30)  # a hole: it takes no room, and never comes to an end
        tracemalloc.start()
        with pytest.raises(UsageError):
            list(read_rows(path, fields))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 600 * 2**20


def test_large_rows_come_in_smaller_batches(tmp_path: Path) -> None:
    fields, _ = parse_fields({"b": "binary"}, "inputs")
    rows: list[Row] = [
        {"b": base64.b64encode(random.Random(n).randbytes(500_000)).decode()} for n in range(50)
    ]
    for suffix in ("jsonl", "csv", "parquet"):
        path = tmp_path / f"rows.{suffix}"
        with RowWriter(path, fields) as writer:
            writer.write(rows)
        batches = list(read_rows(path, fields))
        assert [row for batch in batches for row in batch.rows] == rows
        assert max(len(batch.rows) for batch in batches) <= 20


def test_a_byte_order_mark_is_no_part_of_a_column_name(
    tmp_path: Path, number: tuple[Field, ...]
) -> None:
    assert one_batch(tmp_path / "rows.csv", b"\xef\xbb\xbfn\r\n1\r\n", number).rows == [{"n": 1}]


def test_csv_in_another_encoding_is_refused_at_its_line(
    tmp_path: Path, number: tuple[Field, ...]
) -> None:
    content = b"n\r\n" + b"1\r\n" * 5000 + b"\xe9\r\n"
    error = refusal(tmp_path / "rows.csv", content, number)
    assert (error.code, error.where) == ("table/unreadable", f"{tmp_path}/rows.csv:5002")
    assert "0xe9" in error.message
    assert error.hint == "save the file as UTF-8"


@pytest.mark.parametrize("line", ["1,2", '"1', '"1"2'])
def test_csv_that_breaks_its_grammar_is_refused(
    tmp_path: Path, number: tuple[Field, ...], line: str
) -> None:
    error = refusal(tmp_path / "rows.csv", f"n\n{line}\n2\n3\n", number)
    assert error.where == f"{tmp_path}/rows.csv:2", "where the row begins"


def test_an_empty_csv_lacks_its_header(tmp_path: Path, number: tuple[Field, ...]) -> None:
    assert refusal(tmp_path / "rows.csv", "", number).where == f"{tmp_path}/rows.csv:1"
    assert refusal(tmp_path / "rows", "", number).message == "expected rows, found nothing"


def test_a_header_without_rows_is_no_row(tmp_path: Path, number: tuple[Field, ...]) -> None:
    (tmp_path / "rows.csv").write_text("n\n")
    with RowWriter(tmp_path / "rows.parquet", number):
        pass
    assert all_rows(tmp_path / "rows.csv", number) == []
    assert all_rows(tmp_path / "rows.parquet", number) == []


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


def test_a_parquet_file_that_is_cut_short_is_refused_wherever_it_is_cut(
    tmp_path: Path, number: tuple[Field, ...]
) -> None:
    with RowWriter(tmp_path / "whole.parquet", number) as writer:
        writer.write({"n": n} for n in range(1000))
    whole = (tmp_path / "whole.parquet").read_bytes()
    for size in (0, 4, 8, len(whole) // 2, len(whole) - 1):
        error = refusal(tmp_path / "rows.parquet", whole[:size], number)
        assert error.message.startswith("expected a whole Parquet file, found otherwise: ")
        assert (error.code, error.where) == ("table/unreadable", f"{tmp_path}/rows.parquet")


ARROW = Path(__file__).parent / "files" / "of_arrow.parquet"
FITTING = {
    "dictionary": ("string", ["a", "b", "a"]),
    "large_text": ("string", ["a", "ö", None]),
    "nothing": ("timestamp[us]", [None, None, None]),
    "bytes": ("binary", ["YQ==", "/w==", None]),
    "whole_decimal": ("int64", [9007199254740993, -1, None]),
    "decimal": ("float64", [1.1, -0.05, None]),
    "integers_beside_null": ("float64", [1.0, 2.0, None]),
    "unsigned": ("uint64", [2**64 - 1, 0, None]),
    "half": ("float16", [0.5, -2.0, None]),
    "naive": ("timestamp[us]", ["2024-02-29T01:02:03.250"] * 2 + [None]),
    "zoned": ("timestamp[us, UTC]", ["2024-02-29T01:02:03.250Z"] * 2 + [None]),
    "day": ("date32", ["2024-02-29", "1969-12-31", None]),
    "fixed_list": ("tensor<int64, [2]>", [[1, 2], [3, 4], None]),
    "struct": (
        "struct<a: int64, b: list<string>?>",
        [{"a": 1, "b": ["x"]}, {"a": 2, "b": None}, None],
    ),
    "map": ("list<struct<key: string, value: int64>>", [[{"key": "k", "value": 1}], [], None]),
    "empty_lists": ("list<int64>", [[], [], None]),
}


@pytest.fixture
def arrow(tmp_path: Path) -> Callable[..., list[Row]]:
    """Read one column of a file that pyarrow wrote, as a field of some type."""

    def read(column: str, declared: str) -> list[Row]:
        path = tmp_path / "rows.parquet"
        duckdb.execute(f"COPY (SELECT {column} FROM '{ARROW}') TO '{path}'")
        fields, _ = parse_fields({column: {"type": declared, "nullable": True}}, "inputs")
        return all_rows(path, fields)

    return read


def test_what_pyarrow_writes_is_read_as_what_it_is(tmp_path: Path) -> None:
    declared = {name: {"type": t, "nullable": True} for name, (t, _) in FITTING.items()}
    fields, findings = parse_fields({**declared, "clock": {"type": "string", "nullable": True}}, "")
    assert findings == ()
    with pytest.raises(UsageError) as caught:
        all_rows(ARROW, fields)
    assert [one.where for one in caught.value.findings] == [f"{ARROW}: clock"]
    path = tmp_path / "rows.parquet"
    duckdb.execute(f"COPY (SELECT * EXCLUDE clock FROM '{ARROW}') TO '{path}'")
    rows = all_rows(path, fields[:-1])
    assert {name: [row[name] for row in rows] for name in FITTING} == {
        name: values for name, (_, values) in FITTING.items()
    }


@pytest.mark.parametrize(
    ("column", "declared", "found"),
    [
        ("bytes", "string", "binary"),
        ("integers_beside_null", "int64", "float64"),
        ("decimal", "int64", "decimal128(9, 2)"),
        ("whole_decimal", "string", "decimal128(18, 0)"),
        ("large_text", "int64", "string"),
        ("day", "string", "date32"),
        ("day", "timestamp[us]", "date32"),
        ("naive", "date32", "timestamp[us]"),
        ("naive", "timestamp[us, UTC]", "timestamp[us]"),
        ("zoned", "timestamp[us]", "timestamp[us, UTC]"),
        ("clock", "string", "time64[us]"),
        ("unsigned", "bool", "uint64"),
        ("fixed_list", "list<string>", "list<int64>"),
        ("struct", "struct<a: string, b: list<string>?>", "struct<a: int64, b: list<string>>"),
        ("struct", "list<int64>", "struct<a: int64, b: list<string>>"),
        ("map", "struct<k: int64>", "map<string, int64>"),
    ],
)
def test_a_column_of_another_type_is_one_finding(
    arrow: Callable[..., list[Row]], column: str, declared: str, found: str
) -> None:
    with pytest.raises(UsageError) as caught:
        arrow(column, declared)
    [finding] = caught.value.findings
    assert finding.code == "schema/wrong-type"
    assert finding.message == f"expected `{declared}`, found a column of `{found}`"
    assert str(finding.where).endswith(f"rows.parquet: {column}")


def test_a_column_without_values_may_be_of_any_type(tmp_path: Path) -> None:
    """As pandas writes a column in which nothing is known."""
    path = tmp_path / "rows.parquet"
    duckdb.execute(f"COPY (SELECT NULL::DOUBLE AS s FROM range(2)) TO '{path}'")
    fields, _ = parse_fields({"s": {"type": "string", "nullable": True}}, "inputs")
    assert all_rows(path, fields) == [{"s": None}] * 2


def test_an_integer_is_never_rounded_on_its_way(arrow: Callable[..., list[Row]]) -> None:
    with pytest.raises(UsageError) as caught:
        arrow("whole_decimal", "float64")
    assert caught.value.code == "schema/precision"


def test_the_old_timestamps_of_spark_are_instants_without_zone() -> None:
    path = ARROW.with_name("int96.parquet")
    fields, _ = parse_fields(
        {name: {"type": "timestamp[us]", "nullable": True} for name in ("naive", "zoned")}, "inputs"
    )
    moment = "2024-02-29T01:02:03.250"
    assert all_rows(path, fields) == [{"naive": moment, "zoned": moment}] * 2 + [
        {"naive": None, "zoned": None}
    ]


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
    (batch,) = read_rows(path, None)
    assert batch.rows == [
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
