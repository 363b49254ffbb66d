"""The books: what was answered, counted and recorded.

Nothing here waits, and nothing here can fail a request: the decision log takes what it is
given, or counts that it could not. Only where it was asked for, an answer waits for the disk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from ketch.errors import KetchError, PackageCodeError, Unavailable
from ketch.logs import told
from ketch.monitor.decisions.decision import Decision, Origin
from ketch.monitor.decisions.ids import new_id
from ketch.monitor.decisions.log import DecisionLog
from ketch.schema import Row
from ketch.serving.doors.problems import status_of
from ketch.serving.http.messages import Request
from ketch.serving.metrics import Metrics
from ketch.serving.question import Question
from ketch.serving.routes.table import LiveArm, LiveRoute
from ketch.serving.workers import PoolAnswer

SHADOW = "shadow"
"""Why a package answered whom no caller asked."""

NOT_RECORDED = "serve/not-recorded"

NOT_KEPT = b"null"
"""Of the inputs of a copy that does not fit the schema: which of them are personal is unknown."""

AT_ONCE = 256
"""Decisions of one request that are recorded in one breath: other requests wait meanwhile."""

KEPT_S = 10.0
"""How long an answer waits for the disk, where it has to."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a shadow copy.

    Attributes:
        rows: Of the whole request, as the schema of the copy has them; none if they do not fit.
        took_s: From when it was begun until it was known what became of it.
        answer: What the package at staging answered.
        error: Why it did not.
    """

    rows: Sequence[Row]
    took_s: float
    answer: PoolAnswer | None = None
    error: KetchError | None = None


@dataclass(frozen=True, slots=True)
class Books:
    """Where answers are counted and recorded.

    Attributes:
        metrics: Counts them.
        decisions: Records them; None for nowhere.
        durable: Whether no answer leaves before its decision is on the disk.
    """

    metrics: Metrics
    decisions: DecisionLog | None = None
    durable: bool = False

    async def answered(
        self,
        request: Request,
        route: LiveRoute,
        questions: Sequence[Question],
        answers: Sequence[PoolAnswer],
    ) -> None:
        """Enter what was answered; wait for the disk only where that was asked for.

        Raises:
            Unavailable: ``serve/not-recorded``: the disk refuses, and the answer had to wait.
        """
        took_s = time.monotonic() - request.arrived
        asked = tuple(zip(questions, answers, strict=True))
        if self.decisions is not None:
            made = (one for q, a in asked for one in _decisions(route, q, took_s, a))
            if not self.durable:
                for count, decision in enumerate(made, 1):
                    self.decisions.record(decision)
                    if not count % AT_ONCE:
                        await asyncio.sleep(0)
            elif not await _kept(self.decisions, made):
                raise Unavailable(
                    "the answer could not be recorded, and must not leave without",
                    code=NOT_RECORDED,
                )
        for question in questions:
            arm = question.share.arm
            self.metrics.answered(route.name, arm.contract.reference, arm.arm, 200, took_s)

    def refused(
        self,
        request: Request,
        route: LiveRoute,
        questions: Sequence[Question],
        error: KetchError,
    ) -> None:
        """Enter what was answered by an error."""
        status = status_of(error)
        took_s = time.monotonic() - request.arrived
        self.metrics.refused(route.name, error.code)
        if not questions:
            self.metrics.answered(route.name, "", "", status, took_s)
        if status >= 500 and not error.code.startswith("serve/"):
            _tell(route.name, questions, error)
        for question in questions:
            arm = question.share.arm
            self.metrics.answered(route.name, arm.contract.reference, arm.arm, status, took_s)
            if self.decisions is not None and error.code != NOT_RECORDED:  # which it is, by now
                for decision in _decisions(route, question, took_s, None):
                    decision.status, decision.error = status, error.code
                    self.decisions.record(decision)

    def shadowed(
        self, route: LiveRoute, staging: LiveArm, live: Sequence[Question], copied: Copied
    ) -> None:
        """Enter what became of a shadow copy, beside each answer that the caller got.

        Args:
            route: The route that was asked.
            staging: What the copy was asked of.
            live: What the caller got.
            copied: What became of it.
        """
        if self.decisions is None:
            return
        for question in live:
            for decision in _copies(route.origins[staging], question, copied):
                self.decisions.record(decision)


def _decisions(
    route: LiveRoute, question: Question, took_s: float, answer: PoolAnswer | None
) -> Iterator[Decision]:
    """Yield the decision of each unit that asked; without an answer they have no outputs."""
    share, single = question.share, question.single
    is_whole = len(share.visits) == 1
    for visit, identity in zip(share.visits, question.decisions, strict=True):
        if is_whole:
            inputs = question.encoded[1:-1] if single else question.encoded
            outputs = None if answer is None else answer.rows
        else:
            inputs = _encode([question.rows[row] for row in visit.rows])
            outputs = None if answer is None else [answer.rows[row] for row in visit.rows]
        decision = Decision(
            identity,
            route.origins[share.arm],
            inputs,
            b"null" if outputs is None else _rows(outputs, single=single),
            unit=visit.unit,
            why=share.why,
            rows=len(visit.rows),
            duration_us=int(took_s * 1e6),
        )
        if answer is not None:
            decision.batch_rows, decision.steps = answer.batch_rows, answer.steps
        yield decision


def _copies(origin: Origin, question: Question, copied: Copied) -> Iterator[Decision]:
    """Yield the shadow copy of each decision of a question."""
    answer, error = copied.answer, copied.error
    for visit, identity in zip(question.share.visits, question.decisions, strict=True):
        at = [question.share.rows[row] for row in visit.rows]
        inputs = outputs = NOT_KEPT
        if copied.rows:
            inputs = _rows([copied.rows[one] for one in at], single=question.single)
        if answer is not None:
            outputs = _rows([answer.rows[one] for one in at], single=question.single)
        decision = Decision(
            new_id(),
            origin,
            inputs,
            outputs,
            unit=visit.unit,
            why=SHADOW,
            rows=len(at),
            duration_us=int(copied.took_s * 1e6),
            shadow_of=identity,
        )
        if answer is not None:
            decision.batch_rows, decision.steps = answer.batch_rows, answer.steps
        if error is not None:
            decision.status, decision.error = status_of(error), error.code
        yield decision


async def _kept(log: DecisionLog, decisions: Iterable[Decision]) -> bool:
    """Whether all of these are on the disk, once that is known; a disk may say nothing at all."""
    try:
        async with asyncio.timeout(KEPT_S):
            return all(await asyncio.gather(*map(log.recorded, decisions)))
    except TimeoutError:
        return False


def _rows(rows: Sequence[Row], *, single: bool) -> bytes:
    return _encode(rows[0] if single else rows)


def _tell(route: str, questions: Sequence[Question], error: KetchError) -> None:
    """Log what went wrong inside, and in which decisions: no caller is told more than those."""
    trace = error.traceback if isinstance(error, PackageCodeError) else ""
    facts: dict[str, object] = {"route": route, "code": error.code, "where": error.where}
    facts["package"] = [question.share.arm.contract.reference for question in questions]
    facts["decision"] = [question.decisions[0] for question in questions]
    told(error.message, level=logging.ERROR, trace=trace, **facts)
