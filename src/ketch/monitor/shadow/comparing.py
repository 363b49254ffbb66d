"""Copies and the answers they copy, read from decision logs and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from ketch.monitor.decisions.part import Part
from ketch.monitor.shadow.fields import Fields
from ketch.monitor.shadow.value import Example, Latency, ShadowReport
from ketch.package import Package
from ketch.schema import Row

MOST = 10_000
"""Pairs that are compared, the latest."""

EXAMPLES = 5

_decode = msgspec.json.Decoder().decode

_COPIES = "FROM part WHERE shadow_of IS NOT NULL AND digest = ?"
_COUNTED = f"""
    SELECT status, error, count(*), min('0x' || shadow_of[1:16])::UBIGINT,
           max('0x' || shadow_of[1:16])::UBIGINT {_COPIES} GROUP BY ALL
"""
_LIVE = """
    SELECT count(*) FROM part
    WHERE shadow_of IS NULL AND status = 200 AND arm <> 'staging' AND digest <> ?
    AND moment BETWEEN ? AND ?
"""
_PAIRS = f"""
    , copies AS (
        SELECT moment, tail, ('0x' || shadow_of[1:16])::UBIGINT AS first,
               ('0x' || shadow_of[17:32])::UBIGINT AS last
        {_COPIES} AND status = 200 ORDER BY moment DESC, tail DESC LIMIT ?
    )
    SELECT printf('%016x%016x', copies.moment, copies.tail),
           printf('%016x%016x', copies.first, copies.last),
           live.outputs, copy.outputs, live.duration_us, copy.duration_us
    FROM copies
    JOIN part AS copy ON copy.moment = copies.moment AND copy.tail = copies.tail
    JOIN part AS live ON live.moment = copies.first AND live.tail = copies.last
    ORDER BY copies.moment DESC, copies.tail DESC
"""  # noqa: S608 - nothing in it comes from anywhere


def compare_shadow(
    logs: Sequence[Path],
    route: str,
    package: Package,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> ShadowReport:
    """Return how the copies that a package got agree with what callers were answered.

    Args:
        logs: The decision logs of the gateways.
        route: Of which route.
        package: What stands there; its schema says how it is compared.
        since: Copies since when; from the beginning by default.
        until: Copies until when, not included.
    """
    digest = str(package.digest)
    with ExitStack() as stack:
        parts = [Part(log, route, since=since, until=until) for log in logs]
        opened = [stack.enter_context(part) for part in parts]
        counted = [_counted(part, digest) for part in opened]
        seen = _Seen(Fields(package.manifest.schema.outputs))
        asked = (part.select(_PAIRS, [digest, MOST]) for part in opened)
        pairs = merge(*(map(_Pair._make, rows) for rows in asked), reverse=True)
        for pair in islice(pairs, MOST):
            seen.add(pair)
    codes: Counter[str] = sum((one.errors for one in counted), Counter())
    copies = sum(one.copies for one in counted)
    return ShadowReport(
        route,
        str(package.reference),
        digest,
        since,
        copies=copies,
        failed=codes.total(),
        errors=tuple(codes.most_common()),
        not_copied=max(0, sum(one.answers for one in counted) - copies),
        compared=seen.compared,
        identical=seen.identical,
        fields=seen.fields.results(),
        only_live=seen.fields.only_live,
        only_copy=seen.fields.only_copy,
        live=Latency.of(seen.live_us),
        copy=Latency.of(seen.copy_us),
        examples=tuple(seen.examples),
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    """The copies of one log, and the live answers meanwhile."""

    copies: int
    errors: Counter[str]
    answers: int


def _counted(part: Part, digest: str) -> _Counted:
    found = list(part.select(_COUNTED, [digest]))
    errors = Counter[str]()
    for status, code, count, *_ in found:
        if status != 200:
            errors[code or str(status)] += count
    answers = 0
    if found:
        first, last = min(one[3] for one in found), max(one[4] for one in found)
        answers = next(part.select(_LIVE, [digest, first, last]))[0]
    return _Counted(sum(one[2] for one in found), errors, answers)


class _Pair(NamedTuple):
    """A copy and the answer it copies."""

    copy: str
    decision: str
    answered: str
    copied: str
    live_us: int
    copy_us: int


@dataclass(slots=True)
class _Seen:
    """What the pairs so far say."""

    fields: Fields
    compared: int = 0
    identical: int = 0
    live_us: list[int] = field(default_factory=list)
    copy_us: list[int] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)

    def add(self, pair: _Pair) -> None:
        """Add a pair; one whose outputs are no longer kept says nothing."""
        rows, others = list(_rows(pair.answered)), list(_rows(pair.copied))
        if not rows or len(rows) != len(others):
            return
        first = self.fields.add(rows, others)
        self.compared += 1
        self.live_us.append(pair.live_us)
        self.copy_us.append(pair.copy_us)
        if first is None:
            self.identical += 1
        elif len(self.examples) < EXAMPLES:
            at = (first.field, first.expected, first.found)
            self.examples.append(Example(pair.decision, pair.copy, *at))


def _rows(text: str) -> Iterator[Row]:
    """Yield the rows of outputs: one object, or a list of them."""
    found = _decode(text)
    yield from found if isinstance(found, list) else [found] if isinstance(found, dict) else []
