"""One field held against its reference: what is measured depends on what its values are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ketch.monitor.drift.measures.categories import categories_p_value, l_infinity
from ketch.monitor.drift.measures.ks import ks_distance, ks_p_value
from ketch.monitor.drift.measures.outside import outside_p_value, outside_shares
from ketch.monitor.drift.measures.psi import decile_psi, psi
from ketch.monitor.drift.measures.rates import rate_p_value
from ketch.monitor.drift.measures.spread import Spread, spreads
from ketch.monitor.drift.measures.told import percent, short
from ketch.monitor.drift.measures.unseen import all_on_one_side, unseen_p_value, unseen_share
from ketch.monitor.drift.measures.wasserstein import in_widths
from ketch.monitor.drift.pictures import histogram, listed
from ketch.monitor.drift.reference import Reference, kinds, values_of
from ketch.monitor.drift.value import Against, Bars, Measure, Test
from ketch.monitor.profiles import FieldProfile
from ketch.tables.frequent import Frequent, Plain
from ketch.tables.profile import ColumnProfile
from ketch.tables.sketch import DISTINCT_ERROR

_FLAGS = {"numbers", "truth values"}
"""Data files often have 0 and 1 where a schema says true and false."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a field.

    Attributes:
        tests: At least one.
        figures: What is told beside them.
        bars: Both sides, for a picture.
    """

    tests: tuple[Test, ...]
    figures: Mapping[str, float]
    bars: Bars | None


def measured(reference: Reference, live: FieldProfile, repeats: float) -> Measured | str:
    """Return how far a field is from its reference, or why that cannot be said.

    Args:
        reference: What it was.
        live: What it is.
        repeats: How many live rows count as one.
    """
    if not live.rows:
        return "no live row could have had it"
    was, now = kinds(reference.column, live.column)
    if len({was, now} - {"nothing"}) > 1 and {was, now} != _FLAGS:
        return f"it holds {now}, and its reference {was}"
    pair = _Pair(reference, live, repeats)
    tests = (*pair.rates(), *pair.distribution())
    return Measured(tests, pair.figures(), pair.bars())


class _Pair:
    """A field, and what it was."""

    def __init__(self, reference: Reference, live: FieldProfile, repeats: float) -> None:
        self._was, self._now = reference, live
        # The items of a list are no more independent than the rows of a unit.
        self._repeats = (
            reference.repeats * max(1.0, reference.column.count / reference.rows),
            repeats * max(1.0, live.column.count / live.rows),
        )
        self._rows = int(reference.rows / reference.repeats), int(live.rows / repeats)
        self._spreads = spreads(
            _with_values(column, values)
            for column, values in (
                (reference.column, reference.values),
                (live.column, values_of(live)),
            )
        )
        self._values = None if self._spreads else _both(reference.values, values_of(live))

    def rates(self) -> Iterator[Test]:
        """Yield how much more or less is missing, or of another type."""
        was, now = self._was, self._now
        yield self._rate(Measure.MISSING, "missing", (was.missing, was.rows), now.missing)
        if was.other_type or now.other_type:
            before = was.other_type, was.rows
            yield self._rate(Measure.OTHER_TYPE, "of another type", before, now.other_type)

    def distribution(self) -> Iterator[Test]:
        """Yield how its values lie."""
        if self._spreads:
            yield self._ks(Measure.KS, *self._spreads)
            yield self._outside(*self._spreads)
        elif self._values is not None:
            yield from self._categories(*self._values)
        elif (flood := self._flood()) is not None:
            yield flood
        lengths = [one.lengths for one in (self._was, self._now) if one.lengths is not None]
        if self._values is None and len(lengths) == 2 and (known := spreads(lengths)):
            yield self._ks(Measure.LENGTH, *known)

    def figures(self) -> dict[str, float]:
        """Return what people know from elsewhere, and no test looks at."""
        if self._spreads:
            widths = in_widths(*self._spreads)
            return {
                "psi": decile_psi(*self._spreads),
                **({} if widths is None else {"w1_iqr": widths}),
            }
        if self._values is not None:
            return {"psi": psi(*_shares(*self._values))}
        found = [one.distinct for one in (self._was.column, self._now.column)]
        both = zip(("distinct_reference", "distinct_live"), found, strict=True)
        return {name: count for name, count in both if count is not None}

    def bars(self) -> Bars | None:
        """Return both sides for a picture."""
        if self._spreads:
            return histogram(*self._spreads)
        return None if self._values is None else listed(*self._values)

    def _ks(self, measure: Measure, was: Spread, now: Spread) -> Test:
        distance = ks_distance(was, now)
        p = ks_p_value(distance - was.error - now.error, *self._independent(was.count, now.count))
        middle = np.array([0.5])
        before, after = (float(one.quantiles(middle)[0]) for one in (was, now))
        what = "median length" if measure is Measure.LENGTH else "median"
        return Test(measure, distance, p, f"{what} {before:.6g} → {after:.6g}")

    def _independent(self, reference: float, live: float) -> tuple[float, float]:
        return reference / self._repeats[0], live / self._repeats[1]

    def _rate(self, measure: Measure, what: str, before: tuple[int, int], after: int) -> Test:
        """Compare how often something is so; shares count, in as many rows as are independent."""
        n, m = self._rows
        # Lists may hold several items of another type for each row.
        was, now = min(1.0, before[0] / before[1]), min(1.0, after / self._now.rows)
        p = rate_p_value(round(was * n), n, round(now * m), m)
        return Test(measure, abs(now - was), p, f"{what} {percent(was)} → {percent(now)}")

    def _outside(self, was: Spread, now: Spread) -> Test:
        below, above = outside_shares(was, now)
        p = outside_p_value((below, above), *self._independent(was.count, now.count))
        beyond = f"above {was.high:.6g}" if above > below else f"below {was.low:.6g}"
        says = f"{percent(max(below, above))} {beyond}, where the reference ends"
        return Test(Measure.OUTSIDE, below + above, p, says)

    def _categories(self, was: Mapping[Plain, int], now: Mapping[Plain, int]) -> Iterator[Test]:
        before, after = _fewer(was, self._repeats[0]), _fewer(now, self._repeats[1])
        moved = l_infinity(was, now)
        says = f"`{short(moved.value)}` {percent(moved.before)} → {percent(moved.after)}"
        p = categories_p_value(before, after, moved.value)
        yield Test(Measure.L_INFINITY, moved.distance, p, says)
        if self._was.against is Against.TRAINING:
            share = unseen_share(was, now)
            says = f"{percent(share)} never seen before{_named(was, now)}"
            yield Test(Measure.UNSEEN, share, unseen_p_value(before, after), says)

    def _flood(self) -> Test | None:
        """Return that values which were few are so many now that nobody counts them."""
        was, now = self._was.values, self._now.column
        if not was or now.frequent is not None or now.distinct is None:
            return None
        new = min(int(now.distinct * (1 - 3 * DISTINCT_ERROR)) - len(was), now.count)
        if new <= 0:
            return None
        says = f"about {now.distinct:.0f} different values, where there were {len(was)}"
        n, m = map(int, self._independent(sum(was.values()), now.count))
        p = all_on_one_side(int(new / self._repeats[1]), m, n + m)  # of each, a row at least
        return Test(Measure.UNSEEN, new / now.count, p, says)


def _with_values(column: ColumnProfile, values: Mapping[Plain, int] | None) -> ColumnProfile:
    """Return a column that names its values wherever they are known."""
    return replace(column, frequent=None if values is None else Frequent(values))


def _both(
    was: Mapping[Plain, int] | None, now: Mapping[Plain, int] | None
) -> tuple[Mapping[Plain, int], Mapping[Plain, int]] | None:
    return (was, now) if was and now else None


def _fewer(counts: Mapping[Plain, int], repeats: float) -> Mapping[Plain, int]:
    """Return counts of as many rows as are independent."""
    if repeats == 1:
        return counts
    return {value: round(count / repeats) for value, count in counts.items()}


def _shares(*sides: Mapping[Plain, int]) -> list[list[float]]:
    """Return the shares of all values, in one order."""
    names = sorted({one for side in sides for one in side}, key=str)
    return [[side.get(one, 0) / sum(side.values()) for one in names] for side in sides]


def _named(was: Mapping[Plain, int], now: Mapping[Plain, int]) -> str:
    """Return the most frequent value that is new."""
    new = [(count, value) for value, count in now.items() if value not in was]
    return f", most of it `{short(max(new, key=lambda one: one[0])[1])}`" if new else ""
