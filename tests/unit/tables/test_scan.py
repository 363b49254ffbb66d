import base64
import hashlib
import json
import math
import os
import struct
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from ketch.errors import NotFound, UsageError
from ketch.schema import canonical_json
from ketch.tables import Profile
from ketch.tables.scan import profile_file

QUERY = """
SELECT i AS n, i / 4 AS f, 'name ' || (i % 7) AS s, i % 2 = 0 AS b,
    TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE AS at,
    DATE '2026-01-01' + CAST(i % 365 AS INTEGER) AS day
FROM range(20000) t(i)
"""


def write(path: Path, query: str) -> Path:
    options = {".parquet": "FORMAT parquet", ".csv": "FORMAT csv, HEADER", ".jsonl": "FORMAT json"}
    duckdb.execute(f"COPY ({query}) TO '{path}' ({options[path.suffix]})")
    return path


def changed(path: Path, change: str) -> Path:
    """Write the 20,000 rows with a change in row 15,000, far beyond what MLflow looks at."""
    return write(path, f"SELECT * REPLACE (if(n = 15000, {change}) FROM ({QUERY})")


def test_a_profile_says_what_the_file_holds(tmp_path: Path) -> None:
    profile = profile_file(write(tmp_path / "a.parquet", QUERY), time_column="at")
    assert profile.row_count == 20_000
    assert [(column.name, column.type) for column in profile.columns] == [
        ("n", "int64"),
        ("f", "float64"),
        ("s", "string"),
        ("b", "bool"),
        ("at", "timestamp[us]"),
        ("day", "date32"),
    ]
    assert (profile.time_from, profile.time_to) == ("2026-01-01T00:00:00Z", "2026-01-14T21:19:00Z")
    number = profile.column("n")
    assert (number.min, number.max, number.mean, number.nulls) == (0, 19_999, 9999.5, 0)
    assert number.distinct == pytest.approx(20_000, rel=0.05)
    assert profile.column("s").distinct == pytest.approx(7, rel=1e-6)
    assert profile.column("s").top(2) == (("name 0", 2858), ("name 1", 2857))
    assert profile.column("b").top(2) == ((False, 10_000), (True, 10_000))
    assert (profile.column("day").min, profile.column("day").max) == ("2026-01-01", "2026-12-31")


def test_quantiles_are_within_one_percent_of_rank(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", "SELECT hash(i) % 100000 AS n FROM range(100000) t(i)")
    values = [n for (n,) in duckdb.execute(f"SELECT n FROM '{path}' ORDER BY n").fetchall()]
    column = profile_file(path).column("n")
    ranks = (0.0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.99, 0.999, 1.0)
    for rank, value in zip(ranks, column.quantiles(ranks), strict=True):
        below = sum(one <= value for one in values) / len(values)
        assert below == pytest.approx(rank, abs=0.01)
    assert column.quantiles((0.0, 1.0)) == (min(values), max(values))


def test_rows_that_differ_only_after_the_10000th_have_another_digest(tmp_path: Path) -> None:
    """The fault of MLflow's dataset digest: it looks at the first 10,000 rows."""
    first = profile_file(write(tmp_path / "a.parquet", QUERY))
    second = profile_file(changed(tmp_path / "b.parquet", "-1, n) AS n"))
    assert first.digest != second.digest


def test_rows_that_differ_only_in_a_datetime_column_have_another_digest(tmp_path: Path) -> None:
    """The other fault of MLflow's dataset digest: it leaves datetimes out."""
    first = profile_file(write(tmp_path / "a.parquet", QUERY))
    for change in (
        '"at" + INTERVAL 1 MICROSECOND, "at") AS "at"',
        "day + 1, day) AS day",
    ):
        assert profile_file(changed(tmp_path / "b.parquet", change)).digest != first.digest


def test_order_names_types_and_nulls_count_for_the_digest(tmp_path: Path) -> None:
    queries = [
        "SELECT 1 AS a, '' AS b UNION ALL SELECT 2, 'x'",
        "SELECT 2 AS a, 'x' AS b UNION ALL SELECT 1, ''",
        "SELECT '' AS b, 1 AS a UNION ALL SELECT 'x', 2",
        "SELECT 1 AS a, '' AS c UNION ALL SELECT 2, 'x'",
        "SELECT 1::BIGINT AS a, '' AS b UNION ALL SELECT 2, 'x'",
        "SELECT 1 AS a, NULL AS b UNION ALL SELECT 2, 'x'",
        "SELECT 1 AS a, '' AS b",
        "SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, ''",
    ]
    paths = [write(tmp_path / f"{n}.parquet", query) for n, query in enumerate(queries)]
    assert len({profile_file(path).digest for path in paths}) == len(queries)


def test_the_digest_is_the_same_in_every_file_format(tmp_path: Path) -> None:
    files = [write(tmp_path / name, QUERY) for name in ("a.parquet", "a.csv", "a.jsonl")]
    first, *others = [profile_file(path, time_column="at") for path in files]
    assert [other.to_json() for other in others] == [first.to_json()] * 2


def test_the_digest_can_be_made_by_anybody_from_its_description(tmp_path: Path) -> None:
    """The text of ``rows_digest``, made here with the standard library alone."""
    path = write(
        tmp_path / "a.parquet",
        """SELECT if(i % 5 = 0, NULL, i)::BIGINT AS n, if(i = 3, 'nan', i / 8)::DOUBLE AS f,
        '"\\ü ' || chr(10) || chr(1) AS s, TIMESTAMPTZ '1969-12-31 23:59:59.5Z' AS at,
        DATE '2024-02-29' AS d, '\\x00\\xFF'::BLOB AS b,
        [{'x': 1.5::FLOAT, 'y': TIMESTAMP_MS '1970-01-01 00:00:01'}] AS l
        FROM range(5000) t(i)""",
    )
    types = [
        *(["n", "int64"], ["f", "float64"], ["s", "string"], ["at", "timestamp[us, UTC]"]),
        *(["d", "date32"], ["b", "binary"], ["l", "list<struct<x: float32, y: timestamp[us]>>"]),
    ]

    def bits(number: float) -> int:
        return (
            9221120237041090560
            if math.isnan(number)
            else struct.unpack("<q", struct.pack("<d", number))[0]
        )

    days = (date(2024, 2, 29) - date(1970, 1, 1)).days
    columns: list[list[object]] = [
        [None if i % 5 == 0 else i for i in range(5000)],
        [bits(math.nan if i == 3 else i / 8) for i in range(5000)],
        ['"\\ü \n\x01'] * 5000,
        [-500_000] * 5000,
        [days] * 5000,
        [base64.b64encode(b"\x00\xff").decode()] * 5000,
        [[[bits(1.5), 1_000_000]]] * 5000,
    ]
    blocks = [types, *([column[i : i + 4096] for column in columns] for i in (0, 4096))]
    text = "".join(
        json.dumps(block, ensure_ascii=False, separators=(",", ":")) + "\n" for block in blocks
    )
    expected = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    assert profile_file(path).digest == expected


def test_every_run_gives_the_same_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", QUERY)
    program = (
        "import sys; from pathlib import Path; from ketch.schema import canonical_json;"
        "from ketch.tables.scan import profile_file;"
        "sys.stdout.buffer.write(canonical_json(profile_file(Path(sys.argv[1])).to_json()))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", program, str(path)],
            env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {canonical_json(profile_file(path).to_json())}


def test_the_bytes_are_those_of_every_python_and_machine(tmp_path: Path) -> None:
    """Fails when a library changes what it computes: then old and new profiles differ."""
    profile = profile_file(write(tmp_path / "a.parquet", QUERY), time_column="at")
    found = hashlib.sha256(canonical_json(profile.to_json())).hexdigest()
    assert found == "e0fa145dc8cae94ddfc9a1c6fe8377330301ed6252d3d0b584120bafdea1c5bc"


def test_a_profile_survives_json(tmp_path: Path) -> None:
    profile = profile_file(write(tmp_path / "a.parquet", QUERY), time_column="at")
    assert Profile.from_json(json.loads(canonical_json(profile.to_json()))) == profile


def test_missing_and_infinite_numbers_are_counted_apart(tmp_path: Path) -> None:
    query = "SELECT unnest(['1', NULL, 'nan', 'inf', '-inf', '3']::DOUBLE[]) AS f"
    column = profile_file(write(tmp_path / "a.parquet", query)).column("f")
    assert (column.nulls, column.not_finite, column.count) == (1, 3, 2)
    assert (column.min, column.max, column.mean) == (1.0, 3.0, 2.0)


def test_a_column_without_values_has_no_figures(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet", "SELECT NULL::DOUBLE AS f, NULL::DATE AS d, '' AS s LIMIT 0"
    )
    profile = profile_file(path)
    assert profile.row_count == 0
    column = profile.column("f")
    assert (column.min, column.mean, column.quantiles((0.5,)), column.distinct) == (
        None,
        None,
        (),
        0,
    )
    assert profile.column("d").min is None


def test_of_lists_the_items_are_described(tmp_path: Path) -> None:
    query = "SELECT unnest([['a', 'b'], ['a', NULL], ['a'], [], NULL]) AS viewed"
    column = profile_file(write(tmp_path / "a.parquet", query)).column("viewed")
    assert (column.type, column.count, column.nulls) == ("list<string>", 4, 2)
    assert column.top(1) == (("a", 3),)


def test_of_structs_only_their_number_is_known(tmp_path: Path) -> None:
    query = "SELECT unnest([{'a': 1}, NULL]) AS s"
    column = profile_file(write(tmp_path / "a.parquet", query)).column("s")
    assert (column.type, column.count, column.nulls, column.distinct) == (
        "struct<a: int32>",
        1,
        1,
        None,
    )


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ("'country ' || (i % 128)", True),
        ("'shopper ' || (i % 129)", False),
        ("repeat('x', 256)", True),
        ("repeat('x', 257)", False),
        ("i % 128", True),
        ("i", False),
        ("(i % 128) / 2", True),
        ("i / 7", False),
    ],
)
def test_values_are_kept_of_columns_that_take_few(
    tmp_path: Path, values: str, *, kept: bool
) -> None:
    """Names, addresses and numbers of persons are not: a profile tells how many they are."""
    query = f"SELECT {values} AS c FROM range(1000) t(i)"
    column = profile_file(write(tmp_path / "a.parquet", query)).column("c")
    assert column.count == 1000
    assert column.distinct
    assert (column.frequent is not None) == kept
    assert bool(column.top(1)) == kept


def test_persons_of_a_short_column_are_not_kept_either(tmp_path: Path) -> None:
    people = "SELECT unnest(['ann@shop.example', 'bob@shop.example', 'ann@shop.example']) AS who"
    column = profile_file(write(tmp_path / "a.parquet", people)).column("who")
    assert column.top(9) == ()
    assert "ann@" not in str(column.to_json())


def test_integers_are_summed_exactly_and_unsigned_ones_fit(tmp_path: Path) -> None:
    query = "SELECT unnest([18446744073709551615, 1, 1]::UBIGINT[]) AS n"
    column = profile_file(write(tmp_path / "a.parquet", query)).column("n")
    assert (column.type, column.max, column.total) == ("uint64", 2**64 - 1, 2**64 + 1)


def test_decimals_count_as_numbers(tmp_path: Path) -> None:
    query = "SELECT unnest([1.10, 2.20]::DECIMAL(9, 2)[]) AS price"
    column = profile_file(write(tmp_path / "a.parquet", query)).column("price")
    assert (column.type, column.min, column.max) == ("decimal128(9, 2)", 1.1, 2.2)


def test_sums_beyond_a_double_are_no_mean(tmp_path: Path) -> None:
    column = profile_file(
        write(tmp_path / "a.parquet", "SELECT 1.7e308 AS f FROM range(3)")
    ).column("f")
    assert (column.total, column.mean, column.max) == (None, None, 1.7e308)


def test_types_of_csv_fit_every_row_not_a_sample(tmp_path: Path) -> None:
    lines = "n\n" + "1\n" * 100_000 + "one\n"
    (tmp_path / "a.csv").write_text(lines)
    assert profile_file(tmp_path / "a.csv").column("n").type == "string"


@pytest.mark.parametrize(
    ("value", "first"),
    [
        ("TIMESTAMP '2026-03-29 02:30:00'", "2026-03-29T02:30:00Z"),
        ("TIMESTAMPTZ '2026-03-29 02:30:00+02'", "2026-03-29T00:30:00Z"),
        ("TIMESTAMP_NS '2026-03-29 02:30:00.000000001'", "2026-03-29T02:30:00.000000001Z"),
        ("DATE '2026-03-29'", "2026-03-29T00:00:00Z"),
        ("'2026-03-29 02:30:00'", "2026-03-29T02:30:00Z"),
        ("'2026-03-29T02:30:00+02:00'", "2026-03-29T00:30:00Z"),
        ("'2026-03-29'", "2026-03-29T00:00:00Z"),
    ],
)
def test_the_time_range_is_in_utc_whatever_the_column(
    tmp_path: Path, value: str, first: str
) -> None:
    path = write(tmp_path / "a.parquet", f"SELECT {value} AS at UNION ALL SELECT NULL")
    profile = profile_file(path, time_column="at")
    assert (profile.time_from, profile.time_to) == (first, first)


def test_the_range_does_not_depend_on_the_machines_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    path = write(tmp_path / "a.parquet", "SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' AS at")
    profile = profile_file(path, time_column="at")
    assert profile.time_from == datetime(2026, 1, 1, tzinfo=UTC).isoformat().replace("+00:00", "Z")


def test_a_time_column_that_is_not_there_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", "SELECT DATE '2026-01-01' AS ordered_at")
    with pytest.raises(UsageError) as caught:
        profile_file(path, time_column="orderedat")
    assert (caught.value.code, caught.value.hint) == (
        "table/no-time-column",
        "did you mean `ordered_at`?",
    )


@pytest.mark.parametrize("value", ["1", "'soon'", "[DATE '2026-01-01']"])
def test_a_time_column_without_times_is_refused(tmp_path: Path, value: str) -> None:
    path = write(tmp_path / "a.parquet", f"SELECT {value} AS at")
    with pytest.raises(UsageError) as caught:
        profile_file(path, time_column="at")
    assert caught.value.code == "table/not-a-time"


def test_files_that_can_not_be_profiled_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        profile_file(tmp_path / "none.parquet")
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(UsageError, match="can be read"):
        profile_file(tmp_path / "a.parquet")
    (tmp_path / "a.xlsx").write_text("no")
    with pytest.raises(UsageError) as caught:
        profile_file(tmp_path / "a.xlsx")
    assert caught.value.code == "table/unknown-format"


def test_progress_counts_rows(tmp_path: Path) -> None:
    seen: list[int] = []
    profile_file(write(tmp_path / "a.parquet", QUERY), progress=seen.append)
    assert seen[-1] == 20_000
    assert seen == sorted(seen)


def test_infinite_times_are_not_missing_ones(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / f"{n}.parquet", f"SELECT {value}::TIMESTAMP AS at")
        for n, value in enumerate(("'infinity'", "'-infinity'", "NULL"))
    ]
    profiles = [profile_file(path) for path in paths]
    assert len({profile.digest for profile in profiles}) == 3
    assert [profile.column("at").nulls for profile in profiles] == [0, 0, 1]
    assert profiles[0].column("at").max is None


def test_the_last_day_of_time_is_shown(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", "SELECT TIMESTAMP '9999-12-31 23:59:59.999999' AS at")
    assert profile_file(path).column("at").max == "9999-12-31T23:59:59.999999"
