"""The page about data profiles, ``docs/reference/profile.md``, proved like the format."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
import struct
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.package.agreement import ROOT

from ketch.schema import parse_fields
from ketch.tables import Profile
from ketch.tables.frequent import LONGEST_VALUE, MOST_VALUES
from ketch.tables.profile import FORMAT, ColumnProfile
from ketch.tables.rows_digest import BLOCK_ROWS
from ketch.tables.scan import profile_file
from ketch.tables.write import RowWriter

PAGE = (ROOT / "docs" / "reference" / "profile.md").read_text()
FIELDS, _ = parse_fields(
    {
        "n": {"type": "int64", "nullable": True},
        "f": {"type": "float64", "nullable": True},
        "s": {"type": "string", "nullable": True},
        "b": "bool",
        "day": "date32",
        "at": "timestamp[ms, UTC]",
        "items": "list<int64>",
        "raw": "binary",
    },
    "columns",
)
TYPES = [["n", "int64"], ["f", "float64"], ["s", "string"], ["b", "bool"], ["day", "date32"], ["at", "timestamp[us, UTC]"], ["items", "list<int64>"], ["raw", "binary"]]  # fmt: skip
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.none() | st.integers(-(2**63), 2**63 - 1),
            "f": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "s": st.none() | st.text(st.characters(codec="utf-8"), max_size=5),
            "b": st.booleans(),
            "day": st.dates().map(str),
            "at": st.integers(0, 10**6).map(lambda ms: _instant(timedelta(milliseconds=ms))),
            "items": st.lists(st.integers(-9, 9), max_size=3),
            "raw": st.sampled_from(["", "AA==", "/+8="]),
        }
    ),
    max_size=8,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(since: timedelta) -> str:
    return (EPOCH + since).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def digest_of(types: list[list[str]], rows: list[dict[str, Any]]) -> str:
    """Return the digest of rows, as the page has it, with the standard library alone."""
    lines = [types]
    for start in range(0, len(rows), 4096):
        block = rows[start : start + 4096]
        lines.append([[_cell(kind, row[name]) for row in block] for name, kind in types])  # type: ignore[misc] # JSON
    text = "".join(
        json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines
    )
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _cell(kind: str, value: Any) -> object:
    if value is None:
        return None
    match kind:
        case "float64":
            (bits,) = struct.unpack("<q", struct.pack("<d", value))
            return 9221120237041090560 if math.isnan(value) else bits
        case "date32":
            return (datetime.fromisoformat(value).replace(tzinfo=UTC) - EPOCH).days
        case "timestamp[us, UTC]":
            return (datetime.fromisoformat(value) - EPOCH) // timedelta(microseconds=1)
    return value


class TestDigest:
    """So it is the same for a Parquet, CSV and JSON Lines file of the same columns, types and rows."""

    @given(ROWS)
    @settings(max_examples=15, deadline=None)
    def test_another_program_makes_it_of_the_rows(self, rows: list[dict[str, Any]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.parquet"
            with RowWriter(path, FIELDS) as writer:
                writer.write(rows)
            found = profile_file(path)
        assert [[one.name, one.type] for one in found.columns] == TYPES
        assert found.digest == digest_of(TYPES, rows)

    def test_it_covers_every_block_of_every_form_of_file(self, tmp_path: Path) -> None:
        rows = [{"n": at, "f": at / 8 + 0.5, "s": f"v{at % 7}"} for at in range(BLOCK_ROWS + 5)]
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, ["n", "f", "s"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        (tmp_path / "rows.csv").write_text(buffer.getvalue())
        (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        fields, _ = parse_fields({"n": "int64", "f": "float64", "s": "string"}, "columns")
        with RowWriter(tmp_path / "rows.parquet", fields) as parquet:
            parquet.write(rows)
        expected = digest_of([["n", "int64"], ["f", "float64"], ["s", "string"]], rows)
        for form in ("csv", "jsonl", "parquet"):
            assert profile_file(tmp_path / f"rows.{form}").digest == expected, form


class TestMembers:
    """The tables of the page name the members that are written, and no others."""

    def test_of_a_profile_and_of_a_column(self) -> None:
        told = [set(re.findall(r"`(\w+)`", cells)) for cells in _first_cells()]
        of_profile, of_column, *_ = told
        assert of_profile == set(Profile(0, None, ()).to_json())
        assert of_column == set(ColumnProfile("a", "int64").to_json())

    def test_the_limits_are_those_of_the_code(self) -> None:
        assert FORMAT in PAGE
        assert f"at most {MOST_VALUES} different values" in PAGE
        assert f"longer than {LONGEST_VALUE} characters" in PAGE
        assert f"{BLOCK_ROWS:,} rows" in PAGE


def _first_cells() -> list[str]:
    """Return the first cells of the rows of each table of members."""
    tables = re.findall(r"^\| Member.*\n\|---.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [" ".join(row.split("|")[1] for row in table.splitlines()) for table in tables]
