"""Findings as a person reads them: what is wrong alike in many rows is said once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ketch.errors import Finding

FEWEST = 3
"""Fewer that are alike are listed one by one."""

_RANGES = 5
_PLACE = re.compile(r"^(?P<head>rows\[|.*?: row |.*?:)(?P<number>\d+)(?P<tail>(?:[\]:].*)?)$")
_FOUND = re.compile(r", found .*$", re.DOTALL)

Key = tuple[object, ...]


def grouped(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings, those about many rows that differ in what was found alone as one.

    The first of them stands for all, at every row: ``rows[0-39].day``.
    """
    alike: dict[Key, list[tuple[Finding, int]]] = {}
    for at, finding in enumerate(findings):
        place = _PLACE.match(finding.where or "")
        number = int(place["number"]) if place else at
        key: Key = (at,) if place is None else (place["head"], place["tail"], *_kind(finding))
        alike.setdefault(key, []).append((finding, number))
    for group in alike.values():
        if len(group) < FEWEST:
            yield from (finding for finding, _ in group)
        else:
            yield _together(group[0][0], sorted({number for _, number in group}), len(group))


def _kind(finding: Finding) -> Key:
    return finding.code, _FOUND.sub("", finding.message), finding.hint, finding.blocks


def _together(first: Finding, numbers: Sequence[int], count: int) -> Finding:
    def named(place: re.Match[str]) -> str:
        return f"{place['head']}{_ranges(numbers)}{place['tail']}"

    more = f", and {count - 1} more like it" if _FOUND.search(first.message) else ""
    where = _PLACE.sub(named, first.where or "")
    return replace(first, where=where, message=first.message + more)


def _ranges(numbers: Sequence[int]) -> str:
    """Return numbers as ranges: ``_ranges([1, 2, 3, 7]) == "1-3, 7"``."""
    starts = [numbers[0], *(other for one, other in pairwise(numbers) if other != one + 1)]
    ends = [*(one for one, other in pairwise(numbers) if other != one + 1), numbers[-1]]
    told = [
        str(start) if start == end else f"{start}-{end}"
        for start, end in zip(starts, ends, strict=True)
    ]
    return ", ".join(told[:_RANGES] + (["…"] if len(told) > _RANGES else []))
