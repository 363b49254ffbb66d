"""Batches are read ahead of their turn and answered in any order; what comes out is in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ketch.errors import KetchError
from ketch.runtime.protocol import Answer
from ketch.schema import Row


@dataclass(slots=True)
class Call:
    """A batch on its way.

    Attributes:
        number: Its place among all batches.
        rows: The batch.
        deaths: How many workers died over it.
    """

    number: int
    rows: Sequence[Row]
    deaths: int = 0


class Order:
    """Hands out batches, and passes on what came of each in the order of the batches.

    The first error in that order is the one that is raised, also where reading went wrong:
    which worker was quicker makes no difference. What comes after it is not asked any more.

    Args:
        batches: Read one at a time, when somebody says so.

    Attributes:
        waiting: Batches that were read and wait for a worker.
    """

    def __init__(self, batches: Iterable[Sequence[Row]]) -> None:
        self.waiting: deque[Call] = deque()
        self._batches = iter(batches)
        self._outcomes: dict[int, Answer | KetchError] = {}
        self._read = 0
        self._passed_on = 0
        self._is_read = False

    @property
    def is_over(self) -> bool:
        """Whether all that was to come out has come out."""
        return self._is_read and self._passed_on == self._read

    def may_read(self, most: int) -> bool:
        """Whether there may be more to read, and fewer batches than so many are on their way."""
        return not self._is_read and self._read - self._passed_on < most

    def read(self) -> None:
        """Read the next batch."""
        call = Call(self._read, ())
        try:
            rows = next(self._batches, None)
        except KetchError as problem:
            self._read += 1
            self.settle(call, problem)
            return
        if rows is None:
            self._is_read = True
            return
        call.rows = rows
        self._read += 1
        self.waiting.append(call)

    def again(self, call: Call) -> None:
        """Have a batch asked once more, before all others."""
        self.waiting.appendleft(call)

    def settle(self, call: Call, outcome: Answer | KetchError) -> None:
        """Keep what came of a batch until its turn."""
        self._outcomes[call.number] = outcome
        if isinstance(outcome, KetchError):
            self._is_read = True
            self.waiting = deque(one for one in self.waiting if one.number < call.number)

    def next(self) -> Answer | None:
        """Return the answer whose turn it is; None when it has not come yet.

        Raises:
            KetchError: What came of the batch is an error.
        """
        outcome = self._outcomes.pop(self._passed_on, None)
        if isinstance(outcome, KetchError):
            raise outcome
        if outcome is not None:
            self._passed_on += 1
        return outcome
