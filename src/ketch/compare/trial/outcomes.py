"""What was right for decisions that are replayed: the outcomes that they had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ketch.compare.questions import Asked
from ketch.compare.trial.measures import Wanted
from ketch.monitor.decisions.ids import time_of
from ketch.monitor.metrics.answers import Told
from ketch.monitor.metrics.attribution import Attribution

_SQL = """
    SELECT moment, tail, value, label, by_unit
    FROM answered JOIN attributed USING (of_moment, of_tail)
    WHERE NOT is_shadow AND {within} ORDER BY moment, tail, at_us, key
"""


@dataclass(frozen=True, slots=True)
class Happened:
    """Where it is told what became of the decisions of a route.

    Attributes:
        logs: The folders of its decision logs.
        route: The route.
    """

    logs: Sequence[Path]
    route: str

    def right(self, asked: Asked, wanted: Sequence[Wanted]) -> dict[str, list[Sequence[Told]]]:
        """Return what was right for each row: name of the outcomes → of each row.

        A decision of several rows is not known: its outcome does not say of which row it is.

        Args:
            asked: Decisions, as :func:`ketch.compare.replay.replayed` returned them.
            wanted: The metrics; the target of each is the name of an outcome.
        """
        names = [one.name.removeprefix("decision ") for one in asked.questions]
        since, until = time_of(names[0]), time_of(names[-1]) + timedelta(milliseconds=1)
        found: dict[str, list[Sequence[Told]]] = {}
        logs = [one for one in self.logs if one.exists()]
        with Attribution(logs, self.route, since, until, now=datetime.now(UTC)) as known:
            for one in wanted:
                told = _told(known, one)
                found[one.target] = [
                    told[name] if len(question.rows) == 1 else ()
                    for name, question in zip(names, asked.questions, strict=True)
                    for _ in question.rows
                ]
        return found


def _told(known: Attribution, wanted: Wanted) -> dict[str, Sequence[Told]]:
    """Return the outcomes of each decision, by its identity, the earliest first."""
    found: dict[str, list[Told]] = defaultdict(list)
    windows = {wanted.target: wanted.metric.window}
    for rows in known.select(_SQL.format(within=known.within), windows):
        for moment, tail, value, label, by_unit in rows:
            found[f"{moment:016x}{tail:016x}"].append(Told(value, label, by_unit))
    return defaultdict(tuple, found)
