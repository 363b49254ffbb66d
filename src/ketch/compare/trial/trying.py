"""The order of a comparison: prepare, ask in turns, measure, look where answers part."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from ketch.compare.trial import timing
from ketch.compare.trial.asking import Contestant, ask_all, contestants
from ketch.compare.trial.differing import differences
from ketch.compare.trial.measures import Wanted, read_wanted
from ketch.compare.trial.options import Options
from ketch.compare.trial.picking import Choice, pick
from ketch.compare.trial.scoring import UNCLEAR, WORSE, Scores, score
from ketch.compare.trial.sheet import Sheet, sheet_of
from ketch.compare.trial.slicing import Slice, sliced, slices_of, where_most
from ketch.compare.trial.trial import Beside, Failure, Measured, Ran, Trial
from ketch.errors import UsageError
from ketch.monitor.metrics.measures import Estimate
from ketch.package import Package
from ketch.progress import Progress, Silent
from ketch.runtime import Home
from ketch.schema import did_you_mean

MOST_SLICED = 20
"""So many inputs are looked into, to see where answers part."""


def compare(
    packages: Sequence[Package],
    home: Home,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Trial:
    """Return how packages answer the same rows, each in its own environment.

    Args:
        packages: Two or more; the others stand beside the first.
        home: Whose environments are used.
        options: How to compare.
        progress: Told what is being done.

    Raises:
        UsageError: There is nothing to ask all of, a metric or a column is not there.
        Unavailable: An environment cannot be built now.
        Refused: An environment cannot be built on this machine.
    """
    began = time.monotonic()
    chosen, told = options or Options(), progress or Silent()
    _check(packages, chosen)
    wanted = read_wanted(chosen.metrics, packages)
    by = _picked_by(chosen.pick, wanted)
    sheet = sheet_of(chosen, packages, wanted)
    names = chosen.names or [one.reference for one in packages]
    with ExitStack() as stack:
        each = contestants(packages, names, home, stack, told, offline=chosen.offline)
        ask_all(each, sheet.asked, told)
        ran = _ran(each, sheet, told)
    told.step("comparing the answers")
    scores = _scores(wanted, each, sheet)
    metrics = tuple(_measured(one, sheet, chosen.tolerance) for one in scores)
    found = Trial(ran, len(sheet.rows), sheet.asked.left_out, sheet.asked.notes, metrics)
    beside = [_beside(at, each, sheet, scores, found) for at in range(1, len(each))]
    choice = None if by is None else _choice(by, sheet, found, each)
    return replace(
        found,
        refused=sheet.asked.refused,
        beside=tuple(beside),
        tolerance=chosen.tolerance,
        choice=choice,
        duration_s=time.monotonic() - began,
    )


def _check(packages: Sequence[Package], chosen: Options) -> None:
    """Refuse what cannot be compared.

    Raises:
        UsageError: ``usage/arguments``.
    """
    if len(packages) < 2:
        raise UsageError(
            f"expected two packages or more, found {len(packages)}", code="usage/arguments"
        )
    if not 0 <= chosen.tolerance < 1:
        raise UsageError(
            f"expected a tolerance from 0 up to 1, found `{chosen.tolerance:g}`",
            code="usage/arguments",
            hint="0.01 lets a metric be one per cent worse",
        )


def _picked_by(pick: str | None, wanted: Sequence[Wanted]) -> Wanted | None:
    """Return the metric that a choice is made by; None where none is to be made."""
    if pick is None:
        return None
    for one in wanted:
        if pick in (one.name, one.metric.name, f"{one.metric.output}:{one.metric.measure}"):
            return one
    if len(same := [one for one in wanted if one.metric.measure == pick]) == 1:
        return same[0]
    names = [one.name for one in wanted]
    raise UsageError(
        f"expected a metric that is measured, found `{pick}`",
        code="compare/metric",
        hint=did_you_mean(pick, names)
        or (f"measured are {', '.join(names)}" if names else "`--metric OUTPUT:MEASURE:TARGET`"),
    )


def _ran(each: Sequence[Contestant], sheet: Sheet, told: Progress) -> tuple[Ran, ...]:
    """Return how each did by itself; how long it takes, on rows that all of them answer."""
    good = [
        row
        for at, row in enumerate(sheet.rows)
        if all(at not in one.failed and at not in one.unsteady for one in each)
    ]
    told.step("timing one row at a time")
    rows = timing.alone(each, good)
    told.step("timing many rows at once")
    size = min(timing.batch_size(rows), len(good))
    batches = timing.at_once(each, good, size)
    return tuple(
        Ran(
            one.name,
            one.package.reference,
            str(one.package.digest),
            answered=len(one.answers) - len(one.failed),
            failures=_failures(one, sheet),
            unsteady=len(one.unsteady),
            row=rows[at] if rows else None,
            batch=batches[at] if batches else None,
            batch_rows=size if batches else 0,
            memory_bytes=one.memory_bytes,
            start_s=one.start_s,
        )
        for at, one in enumerate(each)
    )


def _failures(one: Contestant, sheet: Sheet) -> tuple[Failure, ...]:
    """Return why rows failed, each kind once, that of the most rows first."""
    kinds: dict[tuple[str, str], list[int]] = {}
    for row, why in one.failed.items():
        kinds.setdefault(why.kind, []).append(row)
    return tuple(
        Failure(why.code, why.message, why.where, len(rows), sheet.names[rows[0]])
        for rows in sorted(kinds.values(), key=len, reverse=True)
        for why in [one.failed[rows[0]]]
    )


def _scores(
    wanted: Sequence[Wanted], each: Sequence[Contestant], sheet: Sheet
) -> tuple[Scores, ...]:
    return tuple(
        score(one, [many.answers for many in each], sheet.right[one.name], sheet.units)
        for one in wanted
    )


def _measured(scores: Scores, sheet: Sheet, tolerance: float) -> Measured:
    count = len(scores.tables)
    values = tuple(scores.of(at) for at in range(count))
    apart = (Estimate(0), *(scores.difference(0, at) for at in range(1, count)))
    allowed = tolerance * abs(values[0].value or 0.0)
    says = tuple(scores.says(one, allowed=allowed) if one.n else UNCLEAR for one in apart)
    known = sum(bool(one) for one in sheet.right[scores.wanted.name])
    return Measured(scores.wanted, known, values, apart, says, tuple(scores.unread))


def _beside(
    at: int,
    each: Sequence[Contestant],
    sheet: Sheet,
    scores: Sequence[Scores],
    found: Trial,
) -> Beside:
    first, other = each[0], each[at]
    apart = differences(first, other, lambda row: sheet.names[row])
    lost = len(other.failed.keys() - first.failed.keys())
    every = _slices(sheet, [one.name for one in first.package.manifest.schema.inputs])
    mine = _slices(sheet, sheet.slices)
    return Beside(
        at,
        apart,
        where_most(list(sliced(every, apart, (), at)), apart),
        tuple(sliced(mine, apart, scores, at)),
        lost,
        tuple(_against(at, lost, found)),
    )


def _slices(sheet: Sheet, names: Sequence[str]) -> list[Slice]:
    public = [name for name in names if name not in sheet.personal][:MOST_SLICED]
    return [one for name in public for one in slices_of(name, sheet.column(name))]


def _against(at: int, lost: int, found: Trial) -> list[str]:
    """Return what speaks against a package in the place of the first."""
    first = found.ran[0].name
    said = [f"it does not answer {lost:,} of the rows that `{first}` answers"] if lost else []
    said += [
        f"its {one.wanted.name} is worse than that of `{first}`"
        for one in found.metrics
        if one.says[at] == WORSE
    ]
    if found.metrics and all(one.differences[at].value is None for one in found.metrics):
        said.append("no metric could be measured of both")
    return said


def _choice(by: Wanted, sheet: Sheet, found: Trial, each: Sequence[Contestant]) -> Choice:
    """Return which is picked; the rows that one fails which is out are measured of the others."""
    every = set.intersection(*(set(one.failed) for one in each))
    failing = [at for at, one in enumerate(each) if set(one.failed) - every]
    costs = [None if one.row is None else one.row.median_ms for one in found.ran]
    out = failing if len(failing) < len(each) else ()
    answers = [one.answers for one in each]
    scores = score(by, answers, sheet.right[by.name], sheet.units, out)
    return pick(scores, found.names, costs, failing)
