"""An even sample of what a route was asked, over some time.

Of many decisions each n-th in the order of time is taken: so busy hours and quiet ones are in
it in the proportion in which they were. The same time of the same log gives the same sample.
Shadow copies, requests that got no answer, and inputs that were not kept are not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ketch.monitor.decisions.part import Part

MOST_BYTES = 64 * 2**20
"""Of the inputs of a sample, about; a row may hold an image."""

_ANSWERED = "error IS NULL AND shadow_of IS NULL AND digest = coalesce(?, digest)"
_KEPT = "inputs <> 'null'"
_COUNTED = f"""
    SELECT count(*), count(*) FILTER ({_KEPT}), coalesce(sum(rows) FILTER ({_KEPT}), 0),
        coalesce(sum(strlen(inputs)) FILTER ({_KEPT}), 0)
    FROM part WHERE {_ANSWERED}
"""  # noqa: S608
_CHOSEN = f"""
    SELECT moment, tail, inputs FROM part SEMI JOIN (
        SELECT moment, tail FROM (
            SELECT moment, tail, row_number() OVER (ORDER BY moment, tail) AS number
            FROM part WHERE {_ANSWERED} AND {_KEPT}
        ) WHERE number % ? = ?
    ) USING (moment, tail)
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Sample:
    """What was answered, and some of it.

    Attributes:
        decisions: How many were answered.
        kept: How many of them with inputs that can be read.
        rows: Of those.
        listed: The identity and the inputs, as JSON, of some; the oldest first. Their rows are
            about as many as were asked for, and more where single decisions have many.
    """

    decisions: int
    kept: int
    rows: int
    listed: Sequence[tuple[str, str]]


def sample(
    logs: Sequence[Path],
    route: str,
    since: datetime,
    until: datetime,
    *,
    most_rows: int,
    digest: str | None = None,
) -> Sample:
    """Return an even sample of the decisions of a route.

    Args:
        logs: The folders of the logs; those that are not there are empty.
        route: The route.
        since: From when on.
        until: Until when, not included.
        most_rows: About how many rows; fewer where inputs are large (:data:`MOST_BYTES`).
        digest: Of this package alone; of all without one.
    """
    with ExitStack() as undo:
        there = [one for one in logs if one.exists()]
        parts = [undo.enter_context(Part(one, route, since=since, until=until)) for one in there]
        counts = [next(part.select(_COUNTED, [digest])) for part in parts]
        decisions, kept, rows, size = (sum(int(one[at]) for one in counts) for at in range(4))
        wanted = max(-(-rows // most_rows), -(-size // MOST_BYTES))
        each = max(1, min(wanted, kept))  # a few may have all the rows
        asked = [digest, each, 1 % each]
        chosen = sorted(row for part in parts for row in part.select(_CHOSEN, asked))
    listed = [(f"{moment:016x}{tail:016x}", inputs) for moment, tail, inputs in chosen]
    return Sample(decisions, kept, rows, listed)
