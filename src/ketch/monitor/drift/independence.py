"""How many rows count as one, because the same unit asks again and again.

A shopper who asks fifty times is hardly fifty witnesses: half of the shoppers would often
differ from the other half by more than that many independent rows could. At worst all rows
of a unit are alike; then the variance of a share is that of n²/Σm² rows, m being those of
each unit. This worst case is assumed, so that the risk of a false alarm holds.

Source: Kish, "Survey Sampling", 1965, section 5.4: the design effect, with a correlation of 1
inside of a cluster.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from ketch.monitor.decisions.part import Part

_ANSWERED = "FROM part WHERE shadow_of IS NULL AND error IS NULL AND digest = ?"
_ALONE = f"SELECT coalesce(sum(rows), 0)::DOUBLE {_ANSWERED} AND unit IS NULL"
_UNITS = f"""
    SELECT unit, sum(rows)::DOUBLE {_ANSWERED} AND unit IS NOT NULL GROUP BY unit ORDER BY unit
"""


def repeats(
    logs: Sequence[Path], route: str, digest: str, since: datetime, until: datetime
) -> float:
    """Return how many rows of a package count as one: 1 where each is of a unit of its own.

    Rows without a unit are their own; a unit that asks at several gateways is one where their
    logs have one key. Decisions whose rows are no longer kept are taken to be like the others of
    that time; where none is kept, each row counts.
    """
    with ExitStack() as undo:
        there = [one for one in logs if one.exists()]
        parts = [undo.enter_context(Part(one, route, since=since, until=until)) for one in there]
        rows = sum(alone for part in parts for (alone,) in part.select(_ALONE, [digest]))
        squares = rows
        listed = heapq.merge(*(part.select(_UNITS, [digest]) for part in parts))
        for _, some in groupby(listed, itemgetter(0)):
            mine = sum(count for _, count in some)
            rows, squares = rows + mine, squares + mine**2
    return max(1.0, squares / rows) if rows else 1.0
