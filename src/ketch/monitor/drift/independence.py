"""How many rows count as one, because the same unit asks again and again.

A shopper who asks fifty times is hardly fifty witnesses: half of the shoppers would often
differ from the other half by more than that many independent rows could. At worst all rows
of a unit are alike; then the variance of a share is that of n²/Σm² rows, m being those of
each unit. This worst case is assumed, so that the risk of a false alarm holds.

Source: Kish, "Survey Sampling", 1965, section 5.4: the design effect, with a correlation of 1
inside of a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ketch.monitor.decisions.part import Part

_ANSWERED = "FROM part WHERE shadow_of IS NULL AND error IS NULL AND digest = ?"
_COUNTED = f"""
    SELECT coalesce(sum(m), 0)::DOUBLE, coalesce(sum(squared), 0)::DOUBLE FROM (
        SELECT sum(rows)::DOUBLE AS m, m * m AS squared
        {_ANSWERED} AND unit IS NOT NULL GROUP BY unit
        UNION ALL
        SELECT sum(rows)::DOUBLE AS m, m AS squared {_ANSWERED} AND unit IS NULL
    )
"""  # noqa: S608


def repeats(
    logs: Sequence[Path], route: str, digest: str, since: datetime, until: datetime
) -> float:
    """Return how many rows of a package count as one: 1 where each is of a unit of its own.

    Rows without a unit are their own. Decisions whose rows are no longer kept are taken to be
    like the others of that time; where none is kept, each row counts.
    """
    rows = squares = 0.0
    for log in (one for one in logs if one.exists()):
        with Part(log, route, since=since, until=until) as part:
            for mine, squared in part.select(_COUNTED, [digest, digest]):
                rows, squares = rows + mine, squares + squared
    return max(1.0, squares / rows) if rows else 1.0
