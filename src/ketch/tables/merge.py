"""The profile of two data files together, from their profiles alone."""

from __future__ import annotations

from ketch.errors import UsageError
from ketch.tables.profile import ColumnProfile, Profile
from ketch.tables.sketch import DistinctSketch, QuantileSketch


def merge(a: Profile, b: Profile) -> Profile:
    """Return the profile of the rows of both.

    Counts, ranges, totals and frequent values are exact; quantiles and numbers of distinct
    values keep their bounds. The digest is ``None``: it can't be had without the rows.

    Raises:
        UsageError: ``table/not-mergeable``: columns, types or time columns differ.
    """
    shapes = [[(column.name, column.type) for column in p.columns] for p in (a, b)]
    if shapes[0] != shapes[1] or a.time_column != b.time_column:
        raise UsageError(
            "expected two profiles of the same columns, types and time column, found otherwise",
            code="table/not-mergeable",
        )
    pairs = zip(a.columns, b.columns, strict=True)
    return Profile(
        row_count=a.row_count + b.row_count,
        digest=None,
        columns=tuple(merge_columns(one, other) for one, other in pairs),
        time_column=a.time_column,
        time_from=min((t for t in (a.time_from, b.time_from) if t), default=None),
        time_to=max((t for t in (a.time_to, b.time_to) if t), default=None),
    )


def merge_columns(a: ColumnProfile, b: ColumnProfile) -> ColumnProfile:
    """Return what two columns hold together; name and type are those of the first."""
    distinct = _merge_distinct(a.distinct_sketch, b.distinct_sketch)
    return ColumnProfile(
        name=a.name,
        type=a.type,
        nulls=a.nulls + b.nulls,
        not_finite=a.not_finite + b.not_finite,
        count=a.count + b.count,
        min=min((end for end in (a.min, b.min) if end is not None), default=None),
        max=max((end for end in (a.max, b.max) if end is not None), default=None),
        total=None if a.total is None or b.total is None else a.total + b.total,
        distinct=None if distinct is None else distinct.estimate,
        distinct_sketch=None if distinct is None else distinct.to_bytes(),
        quantile_sketch=_merge_quantiles(a.quantile_sketch, b.quantile_sketch),
        frequent=a.frequent and b.frequent and a.frequent.add(b.frequent.counts),
    )


def _merge_distinct(a: bytes | None, b: bytes | None) -> DistinctSketch | None:
    if a is None or b is None:
        return None
    return DistinctSketch(a).merge(DistinctSketch(b))


def _merge_quantiles(a: bytes | None, b: bytes | None) -> bytes | None:
    if a is None or b is None:
        return None
    return QuantileSketch(a).merge(QuantileSketch(b)).to_bytes()
