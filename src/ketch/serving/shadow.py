"""Shadow copies: what stands at staging is asked what callers asked, and nobody waits for it.

A copy is made once the caller has its answer. There are never more than a few at work, and
what does not fit is left out and counted, so that shadows can neither slow nor fail
anything that callers see. A package that answered the caller is not asked once more. What became of
a copy is recorded, also where it failed, so that it can be compared with what callers got.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from ketch.errors import KetchError, UsageError
from ketch.schema import Row
from ketch.serving.answers import Asked
from ketch.serving.books import Books, Copied
from ketch.serving.contract import Contract
from ketch.serving.question import Question
from ketch.serving.routes.table import LiveArm, LiveRoute
from ketch.serving.workers import encoded
from ketch.serving.workers.settings import IN_THREAD_BYTES
from ketch.serving.workers.threads import patiently

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

    def copy(self, route: LiveRoute, asked: Asked, live: Sequence[Question]) -> None:
        """Have the package at staging answer a request, too, unless there is much to do.

        Args:
            route: The route that was asked.
            asked: What the caller asked.
            live: What the packages were asked that answered the caller.
        """
        staging = route.staging
        if staging is None or any(one.share.arm.pool is staging.pool for one in live):
            return
        busy = len(self._at_work) >= AT_WORK or len(asked.rows) > MOST_ROWS
        if busy or not staging.pool.ready:
            self._count(route, staging, "dropped")
            return
        task = asyncio.create_task(self._ask(route, staging, asked, live))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _ask(
        self, route: LiveRoute, staging: LiveArm, asked: Asked, live: Sequence[Question]
    ) -> None:
        began = time.monotonic()
        read = partial(_read, staging.contract, asked.rows)
        is_large = sum(len(one.encoded) for one in live) > IN_THREAD_BYTES
        rows: list[Row] = []
        answer, error, result = None, None, "answered"
        try:
            rows, body = await patiently(read, "ketch-shadow") if is_large else read()
            answer = await staging.pool.answer(rows, body, until=time.monotonic() + DEADLINE_S)
        except KetchError as problem:
            error, result = problem, "failed" if rows else "refused"
        self._count(route, staging, result)
        copied = Copied(rows, time.monotonic() - began, answer, error)
        self.books.shadowed(route, staging, live, copied)

    def _count(self, route: LiveRoute, staging: LiveArm, result: str) -> None:
        self.books.metrics.shadowed(route.name, staging.contract.reference, result)

    async def close(self) -> None:
        """Give up what is at work."""
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)


def _read(contract: Contract, rows: list[Row]) -> tuple[list[Row], bytes]:
    """Return rows as a schema has them, and as JSON.

    Raises:
        UsageError: ``schema/…``: they do not fit it.
    """
    found, findings = contract.inputs.decode(rows)
    if findings:
        first = findings[0]
        raise UsageError(first.message, code=first.code, where=first.where, findings=findings)
    return found, encoded(found)
