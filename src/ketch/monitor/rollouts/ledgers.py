"""The outcomes of one ledger, read for one pair: all there are, and then those that come."""

from __future__ import annotations

from pathlib import Path

from ketch.monitor.outcomes import Outcomes, microseconds
from ketch.monitor.rollouts.happenings import NOBODY, Happenings, Told
from ketch.monitor.rollouts.pair import LATE, Pair, halves

_PAGE = 10_000


class Ledger:
    """Follows the outcomes beside a decision log; to be closed.

    Args:
        log: The folder of the log.
        pair: Whose outcomes are read.
    """

    def __init__(self, log: Path, pair: Pair) -> None:
        self._outcomes = Outcomes(log)
        self._pair = pair
        self._told: int | None = None

    def close(self) -> None:
        """Let go of the file."""
        self._outcomes.close()

    def tell(self, happenings: Happenings) -> None:
        """Add the outcomes that were told since the last look."""
        if self._told is None:
            self._told = self._outcomes.last()
            happenings.add(self._told_before(self._told))
        while page := self._outcomes.after(self._told, _PAGE):
            self._told = page[-1].seq
            happenings.add(
                [
                    Told(
                        one.name,
                        one.key,
                        one.at,
                        one.told,
                        one.value,
                        *halves(one.decision),
                        NOBODY if one.unit is None else int(one.unit, 16),
                    )
                    for one in page
                    if one.route == self._pair.route and one.at >= self._begins
                ]
            )

    def _told_before(self, last: int) -> list[Told]:
        """Return the outcomes up to a number, of events that can count."""
        began = self._pair.began
        found = self._outcomes.of_route(self._pair.route, None if began is None else began - LATE)
        some = found.seq <= last
        columns = (found.name, found.key, found.at, found.told, found.value)
        whose = (found.moment, found.tail, found.unit)
        lists = (column[some].tolist() for column in (*columns, *whose))
        return [Told(*one) for one in zip(*lists, strict=True)]

    @property
    def _begins(self) -> int:
        """When the earliest event that can count happened, in microseconds since 1970."""
        began = self._pair.began
        return 0 if began is None else microseconds(began - LATE)
