"""Shadow copies: what stands at staging is asked what callers asked, and nobody waits for it.

A copy is made once the caller has its answer. There are never more than a few at work, and
what does not fit is left out and counted, so that shadows can neither slow nor fail
anything that callers see.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from ketch.errors import KetchError
from ketch.monitor.decisions.ids import new_id
from ketch.serving.answers import Asked
from ketch.serving.books import Books
from ketch.serving.question import Question
from ketch.serving.routes.table import LiveArm, LiveRoute

AT_WORK = 4
"""Most copies that are being answered."""

MOST_ROWS = 1_000
"""A request of more rows is not copied."""

DEADLINE_S = 5.0


@dataclass
class Shadow:
    """Asks the packages at staging.

    Args:
        books: Where copies are counted and recorded.
    """

    books: Books
    _at_work: set[asyncio.Task[None]] = field(default_factory=set)

    def copy(self, route: LiveRoute, asked: Asked, live: Question) -> None:
        """Have the package at staging answer a request, too, unless there is much to do.

        Args:
            route: The route that was asked.
            asked: What the caller asked.
            live: What the package was asked that answered the caller.
        """
        staging = route.staging
        if staging is None:
            return
        busy = len(self._at_work) >= AT_WORK or len(asked.rows) > MOST_ROWS
        if busy or not staging.pool.ready:
            self._count(route, staging, "dropped")
            return
        task = asyncio.create_task(self._ask(route, staging, asked, live))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _ask(self, route: LiveRoute, staging: LiveArm, asked: Asked, live: Question) -> None:
        rows, findings = staging.contract.inputs.decode(asked.rows)
        if findings:
            self._count(route, staging, "refused")
            return
        try:
            answer = await staging.pool.answer(rows, until=time.monotonic() + DEADLINE_S)
        except KetchError:
            self._count(route, staging, "failed")
            return
        self._count(route, staging, "answered")
        self.books.shadowed(route, live, rows, answer, new_id())

    def _count(self, route: LiveRoute, staging: LiveArm, result: str) -> None:
        self.books.metrics.shadowed(route.name, staging.contract.reference, result)

    async def close(self) -> None:
        """Give up what is at work."""
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)
