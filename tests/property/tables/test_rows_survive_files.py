"""A row is the same row in every file format."""

import base64
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ketch.schema import Decoder, Field, Row, Type, parse_type
from ketch.tables.read import read_rows
from ketch.tables.write import RowWriter

NAMES = st.from_regex(r"[a-z_][a-z0-9_ .-]{0,8}", fullmatch=True)

SCALARS: dict[str, st.SearchStrategy[object]] = {
    "bool": st.booleans(),
    "int8": st.integers(-128, 127),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "float32": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    "binary": st.binary(max_size=20).map(lambda raw: base64.b64encode(raw).decode()),
    "date32": st.dates(date(1, 1, 1), date(9999, 12, 31)).map(date.isoformat),
    "timestamp[us, UTC]": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    "timestamp[us]": st.datetimes().map(datetime.isoformat),
    "timestamp[ns, UTC]": st.datetimes(
        datetime.fromisoformat("1700-01-01"),
        datetime.fromisoformat("2200-01-01"),
        timezones=st.just(UTC),
    ).map(datetime.isoformat),
}


def columns() -> st.SearchStrategy[tuple[str, st.SearchStrategy[object]]]:
    scalar = st.sampled_from(list(SCALARS.items()))

    def within(
        inner: st.SearchStrategy[tuple[str, st.SearchStrategy[object]]],
    ) -> st.SearchStrategy[tuple[str, st.SearchStrategy[object]]]:
        lists = inner.map(lambda one: (f"list<{one[0]}>", st.lists(one[1], max_size=3)))
        structs = inner.map(
            lambda one: (
                f"struct<a: {one[0]}, b b: {one[0]}?>",
                st.fixed_dictionaries({"a": one[1], "b b": st.none() | one[1]}),
            )
        )
        return lists | structs

    return st.recursive(scalar, within, max_leaves=3)


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[Field, ...], list[Row]]:
    """Draw some fields and rows that are in their normal form."""
    fields: list[Field] = []
    values: dict[str, st.SearchStrategy[object]] = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        text, value = draw(columns())
        found = parse_type(text, "")
        assert isinstance(found, Type)
        # In CSV, null and an empty text are one: the documented exception.
        nullable = draw(st.booleans()) and text not in {"string", "binary"}
        fields.append(Field(name, found, nullable=nullable))
        values[name] = st.none() | value if nullable else value
    rows = draw(st.lists(st.fixed_dictionaries(values), max_size=5))
    decoded, findings = Decoder(fields).decode(rows)
    assert findings == ()
    return tuple(fields), decoded


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "parquet"])
@given(table=tables())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rows_that_were_written_are_read_back(
    suffix: str, table: tuple[tuple[Field, ...], list[Row]]
) -> None:
    fields, rows = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows.{suffix}"
        with RowWriter(path, fields) as writer:
            writer.write(rows)
        found = [row for batch in read_rows(path, fields, batch_rows=2) for row in batch.rows]
    assert found == rows
