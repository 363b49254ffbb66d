"""The path of one request, from its bytes to the answer of a verified package.

In this order: a door reads its rows; the plan says which package answers each; that
package's decoder checks them (:mod:`~ketch.serving.question`); its workers answer, and are
checked in turn; the books are kept; and the same door writes the answer, which names
package, arm and decision. Whatever goes wrong is an error in the form of the door, which
says what was expected and nothing of the inside.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence

from ketch.errors import KetchError
from ketch.serving.books import Books
from ketch.serving.doors.door import Door
from ketch.serving.http.messages import Request, Response
from ketch.serving.question import Question, together, unanswered, understand
from ketch.serving.routes.plan import nothing
from ketch.serving.routes.table import EMPTY, LiveArm, LiveRoute, Table
from ketch.serving.settings import Settings
from ketch.serving.shadow import Shadow
from ketch.serving.tracing import Tracing
from ketch.serving.workers import PoolAnswer
from ketch.serving.workers.settings import IN_THREAD_BYTES, MANY_ROWS

_GONE = frozenset({"serve/worker-died", "serve/starting"})
"""What is said where no worker is left."""


class Gateway:
    """Answers requests with the packages of its table.

    Args:
        settings: Whether staging gets copies.
        books: See below.
        tracing: Makes a span of each request; None for none.

    Attributes:
        table: What is served; swapped whole.
        is_known: Whether it is known what ought to be served.
        books: Where answers are counted and recorded.
    """

    def __init__(self, settings: Settings, books: Books, tracing: Tracing | None = None) -> None:
        self.table: Table = EMPTY
        self.is_known = False
        self._tracing = tracing
        self.books = books
        self._shadow = Shadow(books) if settings.shadow else None

    def flip(self, table: Table) -> tuple[str, ...]:
        """Serve another table from the next request on; return the routes that changed."""
        before, self.table = self.table, table
        names = dict.fromkeys((*before, *table))
        changed = tuple(name for name in names if _arms(before, name) != _arms(table, name))
        metrics = self.books.metrics
        for name in changed:
            metrics.swapped(name)
        served = {arm.contract.reference for name in table for arm in _arms(table, name)}
        metrics.serving(served, time.monotonic())
        return changed

    async def answer(
        self, request: Request, route: LiveRoute, door: Door, *, began: float | None = None
    ) -> Response:
        """Answer one request on a route, in the form of the door it came through.

        Args:
            request: The request.
            route: As it is served now.
            door: How it is asked and answered.
            began: When this request was begun, where a package was asked already that is
                gone, or cannot stay up; on the monotonic clock.
        """
        since = time.monotonic() if began is None else began  # a slow upload took time of its own
        questions: Sequence[Question] = ()
        try:
            contract = route.contract
            if contract is None:
                raise nothing(route)
            if len(request.body) <= IN_THREAD_BYTES:
                asked, questions = understand(request, route, contract, door)
            else:
                asked, questions = await asyncio.to_thread(
                    understand, request, route, contract, door
                )
            for question in questions:
                question.decide()
            if len(questions) == 1:
                answers: Sequence[PoolAnswer] = (await self._ask(questions[0], since),)
            else:
                answers = await self._ask_all(questions, since)
            await self.books.answered(request, route, questions, answers)
        except KetchError as error:
            others = None if began is not None else self._others(route, questions, error)
            if others is not None:
                return await self.answer(request, others, door, began=since)
            self.books.refused(request, route, questions, error)
            response = door.refuse(error, request)
            response.headers = (*response.headers, *unanswered(questions))
            if self._tracing is not None:
                self._tracing.told(request, response, route.name)
            return response
        answered = together(asked, questions, answers)
        if len(answered.rows) <= MANY_ROWS:
            response = door.reply(asked, answered)
        else:
            response = await asyncio.to_thread(door.reply, asked, answered)
        if self._tracing is not None:
            self._tracing.told(request, response, route.name, answered)
        if self._shadow is not None and route.staging is not None:
            self._shadow.copy(route, asked, questions)
        return response

    def _others(
        self, route: LiveRoute, questions: Sequence[Question], error: KetchError
    ) -> LiveRoute | None:
        """Return where a request may be asked again whose package is gone; None for nowhere.

        A package in a crash loop has one that stands in for it. One that was taken off while
        the request was read has a successor, unless the caller chose that package.
        """
        pools = [question.share.arm.pool for question in questions]
        if any(pool.contract.package.manifest.environment.network for pool in pools):
            return None  # it may have done something out there
        if error.code in _GONE and any(pool.failing for pool in pools):
            return route
        return route.now(self.table) if error.code == "serve/closing" else None

    async def close(self) -> None:
        """Give up what nobody waits for."""
        if self._shadow is not None:
            await self._shadow.close()

    def _ask(self, question: Question, since: float) -> Awaitable[PoolAnswer]:
        pool = question.share.arm.pool
        return pool.answer(question.rows, question.encoded, until=since + pool.deadline_s)

    async def _ask_all(self, questions: Sequence[Question], since: float) -> Sequence[PoolAnswer]:
        asked = [asyncio.ensure_future(self._ask(one, since)) for one in questions]
        try:
            return await asyncio.gather(*asked)
        finally:
            for one in asked:
                one.cancel()


def _arms(table: Table, name: str) -> tuple[LiveArm, ...]:
    return table[name].all if name in table else ()
