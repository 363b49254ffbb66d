"""The books: what was answered, counted and recorded.

Nothing here waits, and nothing here can fail a request: the decision log takes what it is
given, or counts that it could not.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ketch.errors import KetchError, PackageCodeError, Unavailable
from ketch.logs import told
from ketch.monitor.decisions.decision import Decision
from ketch.monitor.decisions.log import DecisionLog
from ketch.schema import Row
from ketch.serving.doors.problems import status_of
from ketch.serving.http.messages import Request
from ketch.serving.metrics import Metrics
from ketch.serving.question import Question
from ketch.serving.routes.table import LiveRoute
from ketch.serving.workers import PoolAnswer

SHADOW = "shadow"
"""Why a package answered whom no caller asked."""

_encode = msgspec.json.Encoder().encode


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
        for question, answer in zip(questions, answers, strict=True):
            arm = question.share.arm
            self.metrics.answered(route.name, arm.contract.reference, arm.arm, 200, took_s)
            if self.decisions is None:
                continue
            decision = _decision(route, question, took_s, answer)
            if not self.durable:
                self.decisions.record(decision)
            elif not await self.decisions.recorded(decision):
                raise Unavailable(
                    "the answer could not be recorded, and must not leave without",
                    code="serve/not-recorded",
                )

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
            _tell(route.name, error)
        for question in questions:
            arm = question.share.arm
            self.metrics.answered(route.name, arm.contract.reference, arm.arm, status, took_s)
            if self.decisions is not None:
                self.decisions.record(_failure(route, question, took_s, status, error.code))

    def shadowed(
        self, route: LiveRoute, live: Question, rows: list[Row], answer: PoolAnswer, decision: str
    ) -> None:
        """Enter what a shadow copy was answered, beside the answer that the caller got."""
        if route.staging is None or self.decisions is None:
            return
        self.decisions.record(
            Decision(
                decision,
                route.origins[route.staging],
                _rows(_encode(rows), single=live.single),
                _encode(answer.rows[0] if live.single else answer.rows),
                unit=live.share.unit,
                why=SHADOW,
                rows=len(rows),
                batch_rows=answer.batch_rows,
                steps=answer.steps,
                shadow_of=live.decision,
            )
        )


def _decision(route: LiveRoute, question: Question, took_s: float, answer: PoolAnswer) -> Decision:
    return Decision(
        question.decision,
        route.origins[question.share.arm],
        _rows(question.encoded, single=question.single),
        _encode(answer.rows[0] if question.single else answer.rows),
        unit=question.share.unit,
        why=question.share.why,
        rows=len(question.rows),
        batch_rows=answer.batch_rows,
        duration_us=int(took_s * 1e6),
        steps=answer.steps,
    )


def _failure(
    route: LiveRoute, question: Question, took_s: float, status: int, code: str
) -> Decision:
    return Decision(
        question.decision,
        route.origins[question.share.arm],
        _rows(question.encoded, single=question.single),
        b"null",
        unit=question.share.unit,
        why=question.share.why,
        status=status,
        error=code,
        rows=len(question.rows),
        duration_us=int(took_s * 1e6),
    )


def _rows(encoded: bytes, *, single: bool) -> bytes:
    return encoded[1:-1] if single else encoded


def _tell(route: str, error: KetchError) -> None:
    """Log what went wrong inside: no caller is told."""
    facts: dict[str, object] = {"route": route, "code": error.code, "where": error.where}
    if isinstance(error, PackageCodeError):
        facts["traceback"] = error.traceback[-2_000:]
    told(error.message, level=logging.ERROR, **facts)
