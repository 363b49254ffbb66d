"""Two profiles merged are the profile of the rows together; sketches keep their bounds."""

from __future__ import annotations

import base64
import json
import tempfile
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ketch.errors import PackageError
from ketch.schema import parse_fields
from ketch.schema.parse import canonical_json, parse_json
from ketch.tables import Frequent, Profile
from ketch.tables.frequent import Plain
from ketch.tables.merge import merge
from ketch.tables.profile import ColumnProfile
from ketch.tables.scan import profile_file
from ketch.tables.sketch import DistinctSketch, QuantileSketch
from ketch.tables.write import RowWriter

FIELDS, _ = parse_fields(
    {
        "n": {"type": "int64", "nullable": True},
        "f": {"type": "float64", "nullable": True},
        "s": {"type": "string", "nullable": True},
        "b": "bool",
        "at": "timestamp[us, UTC]",
        "items": "list<int64>",
    },
    "columns",
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.none() | st.integers(-(2**40), 2**40),
            "f": st.none() | st.integers(-1000, 1000).map(float),  # sums of them are exact
            "s": st.none() | st.sampled_from(["a", "b", "é"]),
            "b": st.booleans(),
            "at": st.integers(0, 59).map(lambda second: f"2026-01-01T00:00:{second:02}Z"),
            "items": st.lists(st.integers(0, 9), max_size=3),
        }
    ),
    max_size=20,
)
Rows = list[dict[str, object]]


def profile(rows: Rows) -> Profile:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        with RowWriter(path, FIELDS) as writer:
            writer.write(rows)
        return profile_file(path, time_column="at")


class TestMerging:
    """``merge(profile(a), profile(b))`` is ``profile(a + b)`` in everything that is exact."""

    @given(ROWS, ROWS)
    @settings(max_examples=12, deadline=None)
    def test_law(self, some: Rows, others: Rows) -> None:
        merged, whole = merge(profile(some), profile(others)), profile(some + others)
        assert merged.row_count == whole.row_count == len(some) + len(others)
        assert merged.digest is None
        assert (merged.time_from, merged.time_to) == (whole.time_from, whole.time_to)
        for one, other in zip(merged.columns, whole.columns, strict=True):
            assert (one.name, one.type) == (other.name, other.type)
            assert (one.nulls, one.not_finite, one.count) == (
                *(other.nulls, other.not_finite, other.count),
            )
            assert (one.min, one.max, one.total) == (other.min, other.max, other.total)
            assert one.distinct == other.distinct  # so few are counted, not estimated
            assert one.quantiles((0.0, 1.0)) == other.quantiles((0.0, 1.0))
            assert one.frequent is None or one.frequent == other.frequent

    @given(ROWS, ROWS)
    @settings(max_examples=6, deadline=None)
    def test_the_order_of_the_two_does_not_matter(self, some: Rows, others: Rows) -> None:
        one, other = profile(some), profile(others)
        for left, right in zip(merge(one, other).columns, merge(other, one).columns, strict=True):
            assert (left.count, left.nulls, left.min, left.max, left.total, left.distinct) == (
                *(right.count, right.nulls, right.min, right.max, right.total, right.distinct),
            )
            assert left.frequent == right.frequent

    @given(ROWS)
    @settings(max_examples=6, deadline=None)
    def test_nothing_changes_nothing(self, rows: Rows) -> None:
        alone, merged = profile(rows), merge(profile(rows), profile([]))
        for one, other in zip(merged.columns, alone.columns, strict=True):
            assert (one.count, one.min, one.max, one.total) == (
                *(other.count, other.min, other.max, other.total),
            )


kinds: st.SearchStrategy[Plain] = st.integers(-9, 9) | st.text("abé", max_size=3)
finite = st.floats(allow_nan=False, allow_infinity=False)
plain = st.integers(-(2**63), 2**64) | finite | st.text(st.characters(codec="utf-8"), max_size=5)
columns = st.builds(
    ColumnProfile,
    name=st.text(st.characters(codec="utf-8"), max_size=5),
    type=st.sampled_from(["int64", "float64", "string", "timestamp[us, UTC]", "list<int64>"]),
    nulls=st.integers(0, 2**40),
    not_finite=st.integers(0, 2**40),
    count=st.integers(0, 2**40),
    min=st.none() | plain,
    max=st.none() | plain,
    total=st.none() | st.integers(-(2**80), 2**80) | finite,
    distinct=st.none() | st.floats(0, 1e12),
    distinct_sketch=st.none() | st.binary(max_size=20),
    quantile_sketch=st.none() | st.binary(max_size=20),
    frequent=st.none()
    | st.dictionaries(
        kinds,
        st.integers(1, 99),
        max_size=4,
    ).map(Frequent),
)
instants = st.none() | st.just("2026-01-01T00:00:00Z")
profiles = st.builds(
    Profile,
    row_count=st.integers(0, 2**40),
    digest=st.none() | st.just(f"sha256:{'0' * 64}"),
    columns=st.lists(columns, max_size=3).map(tuple),
    time_column=st.none() | st.just("at"),
    time_from=instants,
    time_to=instants,
)


class TestJson:
    """``Profile.from_json(p.to_json()) == p`` for every profile ``p``, and nothing else raises."""

    @given(profiles)
    def test_law(self, one: Profile) -> None:
        assert Profile.from_json(parse_json(canonical_json(one.to_json()))) == one

    @given(profiles, st.data())
    def test_another_value_is_read_or_refused(self, one: Profile, data: st.DataObject) -> None:
        body = json.loads(json.dumps(one.to_json()))
        part = data.draw(st.sampled_from([body, *body["columns"]]))
        part[data.draw(st.sampled_from(sorted(part)))] = data.draw(
            st.sampled_from([None, True, 3, 1.5, "x", "@", [], {}, [[]], [["a"]], [["a", "b"]]])
        )
        with suppress(PackageError):
            Profile.from_json(body).to_json()

    @pytest.mark.parametrize("body", [None, [], {}, {"format": "ketch-profile/1"}])
    def test_what_is_no_profile_is_refused(self, body: object) -> None:
        with pytest.raises(PackageError):
            Profile.from_json(body)

    def test_sketches_travel_as_base64(self) -> None:
        column = ColumnProfile("a", "int64", distinct_sketch=b"\xff\x00")
        assert column.to_json()["distinct_sketch"] == base64.b64encode(b"\xff\x00").decode()


class TestDistinct:
    """The number of distinct values is off by a few times 1.6 %; small numbers are exact."""

    @given(st.integers(0, 30_000), st.integers(-(2**60), 2**60), st.integers(0, 30_000))
    @settings(max_examples=25, deadline=None)
    def test_law(self, count: int, first: int, cut: int) -> None:
        values = range(first, first + count)
        whole, left, right = DistinctSketch(), DistinctSketch(), DistinctSketch()
        whole.add(values)
        whole.add(values[:100])  # again, which changes nothing
        left.add(values[:cut])
        right.add(values[cut // 2 :])
        merged = left.merge(right)
        for sketch in (whole, merged, DistinctSketch(merged.to_bytes())):
            assert abs(sketch.estimate - count) <= 0.08 * count + 1e-6

    @given(st.sets(st.integers() | st.text(max_size=4), max_size=60))
    def test_few_are_counted(self, values: set[int | str]) -> None:
        assume(all(isinstance(one, str) or -(2**63) <= one < 2**64 for one in values))
        assume("" not in values)
        sketch = DistinctSketch()
        sketch.add(values)
        assert round(sketch.estimate) == len(values)


RANKS = (0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0)


class TestQuantiles:
    """Ranks err by up to 1 % in the middle and 0.2 % at the ends; the ends themselves are exact."""

    @given(
        st.sampled_from(["sorted", "reversed", "shuffled", "skewed", "repeated"]),
        st.integers(1, 20_000),
        st.integers(0, 2**32 - 1),
        st.integers(1, 6),
    )
    @settings(max_examples=25, deadline=None)
    def test_law(self, form: str, count: int, seed: int, parts: int) -> None:
        values = _numbers(form, count, seed)
        sketch = QuantileSketch()
        for part in np.array_split(values, parts):
            one = QuantileSketch()
            one.add(part.tolist())
            sketch = sketch.merge(one)
        found = QuantileSketch(sketch.to_bytes()).quantiles(RANKS)
        assert (found[0], found[-1]) == (values.min(), values.max())
        for rank, value in zip(RANKS, found, strict=True):
            allowed = (0.01 if 0.05 < rank < 0.95 else 0.002) + 1 / count
            assert np.mean(values < value) - allowed <= rank <= np.mean(values <= value) + allowed

    def test_of_nothing_there_are_none(self) -> None:
        assert QuantileSketch().quantiles(RANKS) == ()


def _numbers(form: str, count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    random = Random(seed)
    values = np.arange(count, dtype=np.float64)
    match form:
        case "reversed":
            values = values[::-1].copy()
        case "shuffled":
            np.random.default_rng(seed).shuffle(values)
        case "skewed":
            values = np.array([random.lognormvariate(0, 3) for _ in range(count)])
        case "repeated":
            values = np.array([float(random.randrange(7)) for _ in range(count)])
    return values
