"""Hostile files of rows are refused: with a code, in time and in little memory."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from tests.conformance.hostile.ground import require_short, within

from ketch.errors import KetchError
from ketch.schema import parse_fields
from ketch.tables.read import read_rows

LONGEST_S = 20.0
FIELDS, _ = parse_fields({"name": "string", "age": {"type": "int64", "nullable": True}}, "inputs")
ROW = '{"name": "Ann", "age": 1}\n'


@dataclass(frozen=True)
class File:
    """A hostile file by its suffix, and the codes of which one must refuse it."""

    name: str
    codes: str
    content: bytes | str | Callable[[Path], object]

    def write(self, path: Path) -> None:
        """Write it."""
        if callable(self.content):
            self.content(path)
        else:
            path.write_bytes(
                self.content.encode() if isinstance(self.content, str) else self.content
            )


def sparse(start: str, size: int) -> Callable[[Path], None]:
    """Return what writes a file that goes on with zeros."""

    def write(path: Path) -> None:
        path.write_text(start)
        os.truncate(path, size)

    return write


def parquet(query: str) -> Callable[[Path], None]:
    """Return what writes the rows of a query, compressed."""

    def write(path: Path) -> None:
        with duckdb.connect() as con:
            con.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")

    return write


def _zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


TEXT = "table/unreadable"
SCHEMA = "schema/"
FILES = [
    File("deep.json", "json/too-deep", "[" * 100_000),
    File("deep.jsonl", "json/too-deep", ROW + '{"a":' * 100_000),
    File("not-a-number.jsonl", "json/syntax", '{"name": "Ann", "age": NaN}'),
    File("infinity.json", "json/syntax", '{"name": "Ann", "age": -Infinity}'),
    File("beyond-doubles.jsonl", "json/number", '{"name": "Ann", "age": 1e999}'),
    File("100,000-digits.jsonl", "json/number", '{"name": "Ann", "age": ' + "9" * 100_000 + "}"),
    File("a-member-twice.jsonl", "json/duplicate-member", '{"name": "Ann", "name": "Bob"}'),
    File("a-lone-surrogate.jsonl", "json/syntax", '{"name": "\\ud800", "age": 1}'),
    File("an-escape.jsonl", SCHEMA, '{"name": "Ann", "age": 1, "\\u001b[2J": 1}'),
    File("a-name-of-10-MB.jsonl", SCHEMA, '{"' + "k" * 10_000_000 + '": 1}'),
    File("200,000-members.jsonl", SCHEMA, "{" + ",".join(f'"k{n}":1' for n in range(200_000)) + "}"),
    File("10,000-wrong-rows.jsonl", SCHEMA, "{}\n" * 10_000),
    File("a-line-of-70-MB.jsonl", TEXT, '{"name": "' + "a" * 70_000_000 + '"}'),
    File("70-MB.json", f"{TEXT} json/too-large", '["' + "a" * 70_000_000 + '"]'),
    File("utf-16.json", TEXT, '{"name": "Ann"}'.encode("utf-16")),
    File("without-end.json", TEXT, _zeros),
    File("without-end.jsonl", TEXT, _zeros),
    File("without-end.csv", TEXT, _zeros),
    File("without-end.parquet", TEXT, _zeros),
    File("1-TB.jsonl", TEXT, sparse(ROW, 1 << 40)),
    File("1-TB.csv", TEXT, sparse("name,age\n", 1 << 40)),
    File("a-quote-without-end.csv", TEXT, 'name,age\n"' + "x" * 70_000_000),
    File("a-cell-of-70-MB.csv", TEXT, "name,age\n" + "x" * 70_000_000),
    File("a-header-of-70-MB.csv", TEXT, "x" * 70_000_000),
    File("50,000-columns.csv", SCHEMA, ",".join(f"c{n}" for n in range(50_000))),
    File("50,000-times-a-column.csv", SCHEMA, ",".join(f"c{n},c{n}" for n in range(50_000))),
    File("a-million-cells.csv", SCHEMA, "name,age\n" + "," * 1_000_000),
    File("an-escape.csv", SCHEMA, "name,\x1b[2J\n"),
    File("latin-1.csv", TEXT, b"name,age\n\xe9,1\n"),
    File("100,000-digits.csv", SCHEMA, "name,age\nAnn," + "9" * 100_000),
    File("nothing.csv", TEXT, b""),
    File("nothing.parquet", TEXT, b""),
    File("junk.parquet", TEXT, b"PAR1" + b"\xff" * 1000 + b"PAR1"),
    File("a-footer-of-4-GB.parquet", TEXT, b"PAR1" + b"x" * 100 + struct.pack("<I", 0xFFFFFFF0) + b"PAR1"),
    File("encrypted.parquet", TEXT, b"PARE" + b"x" * 100 + b"PARE"),
    File("a-text-of-10-MB-100-times.parquet", "table/ schema/", parquet("SELECT repeat('a', 10000000) AS name, 'x' AS age FROM range(100)")),
    File("lists-of-a-million.parquet", "table/ schema/", parquet("SELECT 'a' AS name, range(1000000) AS age FROM range(10)")),
    File("an-escape.parquet", SCHEMA, parquet("SELECT 'a' AS name, 1 AS age, 1 AS \"\x1b[2J\"")),
]  # fmt: skip


def read(path: Path) -> int:
    """Read a file as `ketch predict` does, up to the package; return how many rows there were."""
    return sum(len(batch.rows) for batch in read_rows(path, FIELDS))


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_it_is_refused(file: File, tmp_path: Path) -> None:
    path = tmp_path / file.name
    file.write(path)
    with pytest.raises(KetchError) as caught, within(LONGEST_S, more_bytes=3 << 30):
        read(path)
    assert caught.value.code.startswith(tuple(file.codes.split())), caught.value.code
    require_short(caught.value)


@pytest.mark.parametrize(("rows", "suffix"), [(200_000, ".jsonl"), (200_000, ".csv")])
def test_a_large_file_takes_no_more_memory_than_a_small_one(
    tmp_path: Path, rows: int, suffix: str
) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_text("name,age\n" + "Ann,1\n" * rows if suffix == ".csv" else ROW * rows)
    with within(60.0, more_bytes=48 << 20):
        assert read(path) == rows


def test_rows_that_are_compressed_to_nothing_are_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet("SELECT 'Ann' AS name, 1::BIGINT AS age FROM range(300000)")(path)
    assert path.stat().st_size < 50_000
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from tests.conformance.hostile import test_inputs\n"
        "assert test_inputs.read(Path(sys.argv[1]).with_name('few.parquet')) == 1000\n"
        "pages = int(Path('/proc/self/statm').read_text().split()[0])\n"
        "most = pages * resource.getpagesize() + (96 << 20)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "assert test_inputs.read(Path(sys.argv[1])) == 300_000\n"
    )
    parquet("SELECT 'Ann' AS name, 1::BIGINT AS age FROM range(1000)")(tmp_path / "few.parquet")
    subprocess.run([sys.executable, "-c", script, path], cwd=Path(__file__).parents[3], check=True)


def test_what_the_cases_would_be_without_what_is_wrong_is_read(tmp_path: Path) -> None:
    """Otherwise a refusal would prove nothing."""
    for suffix, content in ((".jsonl", ROW), (".csv", "name,age\nAnn,1\n"), (".json", ROW)):
        path = tmp_path / f"rows{suffix}"
        path.write_text(content)
        assert read(path) == 1
