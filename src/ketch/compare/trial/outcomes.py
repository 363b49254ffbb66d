"""What was right for decisions that are replayed: the outcomes that they had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ketch.compare.questions import Asked
from ketch.compare.trial.measures import Wanted
from ketch.monitor.decisions.ids import time_of
from ketch.monitor.metrics.answers import Told
from ketch.monitor.metrics.attribution import Attribution
from ketch.rollout.metric import RANKED

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
        """Return what was right for each row: name of the metric → of each row.

        A decision of several rows is not known: its outcome does not say of which row it is.
        Where silence means something (``absent``), it counts once the window is over.

        Args:
            asked: Decisions, as :func:`ketch.compare.replay.replayed` returned them.
            wanted: The metrics; the target of each is the name of an outcome.
        """
        names = [one.name.removeprefix("decision ") for one in asked.questions]
        since, until = time_of(names[0]), time_of(names[-1]) + timedelta(milliseconds=1)
        found: dict[str, list[Sequence[Told]]] = {}
        logs = [one for one in self.logs if one.exists()]
        now, most = datetime.now(UTC), max(one.metric.window for one in wanted)
        with Attribution(logs, self.route, since, until, now=now, most=most) as known:
            for one in wanted:
                told = _told(known, one, frozenset(names))
                found[one.name] = [
                    (told.get(name) or _silence(one, name, now)) if len(question.rows) == 1 else ()
                    for name, question in zip(names, asked.questions, strict=True)
                    for _ in question.rows
                ]
        return found


def _told(known: Attribution, wanted: Wanted, names: Collection[str]) -> dict[str, list[Told]]:
    """Return the outcomes of each of some decisions, by its identity, the earliest first."""
    found: dict[str, list[Told]] = defaultdict(list)
    windows = {wanted.target: wanted.metric.window}
    for rows in known.select(_SQL.format(within=known.within), windows):
        for moment, tail, value, label, by_unit in rows:
            if (name := f"{moment:016x}{tail:016x}") in names:
                found[name].append(Told(value, label, by_unit))
    return found


def _silence(wanted: Wanted, decision: str, now: datetime) -> Sequence[Told]:
    """Return what was right for a decision without an outcome; nothing where it is not known."""
    metric = wanted.metric
    if metric.absent is None or time_of(decision) + metric.window > now:
        return ()
    nothing = "[]" if metric.measure in RANKED else None
    return (Told(metric.absent, nothing, by_unit=False),)
