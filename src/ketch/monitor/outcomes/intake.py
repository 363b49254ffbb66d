"""Outcomes that many tell at once: recorded in a thread, so that they share the disk's syncs.

Nobody on the event loop waits for the disk. What has gathered while one sync lasted is
written with the next, each request whole or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ketch.errors import KetchError, Unavailable
from ketch.monitor.outcomes.ledger import Outcomes
from ketch.monitor.outcomes.outcome import Outcome, Recorded

MOST_WAITING = 50_000
_AT_ONCE = 10_000
"""Outcomes of one transaction, one request more or less."""

_Told = tuple[Sequence[Outcome], "asyncio.Future[Recorded]"]


class Intake:
    """Takes outcomes from one event loop; to be closed there.

    Args:
        outcomes: Where they are recorded.
        most_waiting: Most outcomes that wait for the disk.
    """

    def __init__(self, outcomes: Outcomes, most_waiting: int = MOST_WAITING) -> None:
        self.outcomes = outcomes
        self._most_waiting = most_waiting
        self._queue: list[_Told] = []
        self._waiting = 0
        self._writing: asyncio.Task[None] | None = None

    async def record(self, outcomes: Sequence[Outcome]) -> Recorded:
        """Return once these are on the disk.

        Raises:
            UsageError, Refused: As :meth:`Outcomes.record`.
            Unavailable: ``serve/busy``: too many wait for the disk; ``outcomes/…``,
                ``disk/…``. Nothing of these was written.
        """
        if self._waiting and self._waiting + len(outcomes) > self._most_waiting:
            raise Unavailable(
                "more outcomes wait for the disk than may",
                code="serve/busy",
                hint="tell them again in a moment: what is known counts once",
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Recorded] = loop.create_future()
        self._queue.append((outcomes, future))
        self._waiting += len(outcomes)
        if self._writing is None or self._writing.done():
            self._writing = loop.create_task(self._write())
        return await future

    async def close(self) -> None:
        """Record what waits, and let go of the file."""
        if self._writing is not None:
            await self._writing
        await asyncio.to_thread(self.outcomes.close)

    async def _write(self) -> None:
        while some := self._next():
            groups = [outcomes for outcomes, _ in some]
            done: Sequence[Recorded | KetchError] = ()
            try:
                done = await asyncio.to_thread(self.outcomes.record_each, groups)
            except KetchError as error:
                done = [error] * len(some)
            finally:
                self._waiting -= sum(map(len, groups))
                _settle(some, done)

    def _next(self) -> list[_Told]:
        """Return some of what waits, at least the first."""
        count = taken = 0
        while taken < len(self._queue) and count < _AT_ONCE:
            count += len(self._queue[taken][0])
            taken += 1
        some, self._queue = self._queue[:taken], self._queue[taken:]
        return some


def _settle(some: Sequence[_Told], done: Sequence[Recorded | KetchError]) -> None:
    """Tell everybody who waits what became of theirs; nobody waits for ever."""
    for index, (_, future) in enumerate(some):
        if future.done():  # who told it has gone
            continue
        if index >= len(done):
            future.cancel()
        elif isinstance(what := done[index], KetchError):
            future.set_exception(what)
        else:
            future.set_result(what)
