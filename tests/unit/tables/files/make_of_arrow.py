# mypy: ignore-errors
"""Makes ``of_arrow.parquet`` and ``int96.parquet``: columns as pandas and Spark write them.

    python make_of_arrow.py

Needs pyarrow, which ketch does not; so the files are kept beside this script.
"""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

MOMENT = dt.datetime(2024, 2, 29, 1, 2, 3, 250_000)  # noqa: DTZ001 # as some columns hold it

COLUMNS = {
    "dictionary": pa.array(["a", "b", "a"]).dictionary_encode(),
    "large_text": pa.array(["a", "ö", None], pa.large_string()),
    "nothing": pa.nulls(3),
    "bytes": pa.array([b"a", b"\xff", None]),
    "whole_decimal": pa.array([Decimal(9007199254740993), Decimal(-1), None], pa.decimal128(18, 0)),
    "decimal": pa.array([Decimal("1.10"), Decimal("-0.05"), None], pa.decimal128(9, 2)),
    "integers_beside_null": pa.array([1.0, 2.0, None]),
    "unsigned": pa.array([2**64 - 1, 0, None], pa.uint64()),
    "half": pa.array([0.5, -2.0, None], pa.float16()),
    "naive": pa.array([MOMENT, MOMENT, None], pa.timestamp("us")),
    "zoned": pa.array([MOMENT, MOMENT, None], pa.timestamp("us", "Europe/Paris")),
    "day": pa.array([MOMENT.date(), dt.date(1969, 12, 31), None], pa.date32()),
    "fixed_list": pa.array([[1, 2], [3, 4], None], pa.list_(pa.int64(), 2)),
    "struct": pa.array([{"a": 1, "b": ["x"]}, {"a": 2, "b": None}, None]),
    "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    "empty_lists": pa.array([[], [], None]),
    "clock": pa.array([dt.time(1, 2, 3), None, None], pa.time64("us")),
}

if __name__ == "__main__":
    here = Path(__file__).parent
    table = pa.table(COLUMNS)
    pyarrow.parquet.write_table(table, here / "of_arrow.parquet", compression="zstd")
    old = table.select(["naive", "zoned"])
    pyarrow.parquet.write_table(old, here / "int96.parquet", use_deprecated_int96_timestamps=True)
