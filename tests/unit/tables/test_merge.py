from pathlib import Path

import duckdb
import pytest

from ketch.errors import UsageError
from ketch.tables import Profile
from ketch.tables.merge import merge
from ketch.tables.scan import profile_file

ALL = """SELECT i AS n, i / 3 AS f, 'v' || (i % 11) AS s,
    TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE AS at FROM range(9000) t(i)"""


def profile(path: Path, where: str = "true") -> Profile:
    duckdb.execute(f"COPY (SELECT * FROM ({ALL}) WHERE {where}) TO '{path}' (FORMAT parquet)")
    return profile_file(path, time_column="at")


def test_two_halves_merge_into_the_whole(tmp_path: Path) -> None:
    whole = profile(tmp_path / "a.parquet")
    merged = merge(
        profile(tmp_path / "b.parquet", "n % 3 = 0"), profile(tmp_path / "c.parquet", "n % 3 > 0")
    )
    assert merged.digest is None
    assert merged.row_count == whole.row_count
    assert (merged.time_from, merged.time_to) == (whole.time_from, whole.time_to)
    for one, other in zip(merged.columns, whole.columns, strict=True):
        assert (one.min, one.max, one.count) == (other.min, other.max, other.count)
        assert one.mean == pytest.approx(other.mean)
        assert one.distinct == pytest.approx(other.distinct, rel=0.05)
    assert merged.column("s").top(11) == whole.column("s").top(11)
    ranks = (0.0, 0.01, 0.5, 0.99, 1.0)
    assert merged.column("n").quantiles(ranks) == pytest.approx(
        whole.column("n").quantiles(ranks), abs=90 * 1.5
    )


def test_merging_the_same_profiles_gives_the_same_bytes(tmp_path: Path) -> None:
    a, b = profile(tmp_path / "a.parquet", "n < 4000"), profile(tmp_path / "b.parquet", "n > 4000")
    assert merge(a, b).to_json() == merge(a, b).to_json()


def test_profiles_of_other_columns_do_not_merge(tmp_path: Path) -> None:
    whole = profile(tmp_path / "a.parquet")
    duckdb.execute(f"COPY (SELECT 1 AS n) TO '{tmp_path}/b.parquet'")
    with pytest.raises(UsageError) as caught:
        merge(whole, profile_file(tmp_path / "b.parquet"))
    assert caught.value.code == "table/not-mergeable"
