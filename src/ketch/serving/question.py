"""What one package is asked for one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from ketch.monitor.decisions.ids import new_id
from ketch.schema import Row
from ketch.serving.answers import Answered, Asked, Part
from ketch.serving.contract import Contract
from ketch.serving.doors.door import Door, decode, signed
from ketch.serving.http.messages import Request
from ketch.serving.routes.plan import Share, plan
from ketch.serving.routes.table import LiveRoute
from ketch.serving.workers import PoolAnswer

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Question:
    """The rows of a request that one package is asked.

    Attributes:
        share: Who answers which rows, and why.
        rows: Those rows, as the package's schema has them.
        encoded: The same as JSON, made from their values, never from a caller's bytes.
        single: Whether the caller sent one object.
        decisions: Identities of the answer, one for each visit of the share; see ``decide``.
    """

    share: Share
    rows: list[Row]
    encoded: bytes
    single: bool
    decisions: tuple[str, ...] = ()

    def decide(self) -> None:
        """Give the answer its identities; on the thread of the event loop, as they want."""
        self.decisions = tuple([new_id() for _ in self.share.visits])

    @property
    def parts(self) -> list[Part]:
        """Its places in the answer."""
        share = self.share
        contract, arm = share.arm.contract, share.arm.arm
        if len(share.visits) == 1:
            return [Part(self.decisions[0], contract, arm, share.rows)]
        return [
            Part(decision, contract, arm, [share.rows[row] for row in visit.rows])
            for decision, visit in zip(self.decisions, share.visits, strict=True)
        ]


def understand(
    request: Request, route: LiveRoute, contract: Contract, door: Door
) -> tuple[Asked, tuple[Question, ...]]:
    """Return what a request asks of which package.

    Raises:
        KetchError: It asks for nothing that can be answered; the door, the plan, or the
            schema of a package says why.
    """
    asked = door.read(request, contract, route.quick)
    shares = plan(route, asked.rows, request.headers)
    if len(shares) == 1:
        return asked, (_question(door, asked, shares[0]),)
    pieces = (
        replace(asked, rows=[asked.rows[row] for row in share.rows], single=False)
        for share in shares
    )
    return asked, tuple(map(_question, [door] * len(shares), pieces, shares))


def _question(door: Door, asked: Asked, share: Share) -> Question:
    rows = decode(door, asked, share.arm.contract)
    return Question(share, rows, _encode(rows), asked.single)


def together(
    asked: Asked, questions: Sequence[Question], answers: Sequence[PoolAnswer]
) -> Answered:
    """Return what packages answered as one answer, in the order of the rows."""
    parts = _parts(questions)
    if len(answers) == 1:
        return Answered(answers[0].rows, parts)
    rows: list[Row] = [{}] * len(asked.rows)
    for question, answer in zip(questions, answers, strict=True):
        for at, row in zip(question.share.rows, answer.rows, strict=True):
            rows[at] = row
    return Answered(rows, parts)


def unanswered(questions: Sequence[Question]) -> tuple[tuple[str, str], ...]:
    """Return the headers that say who was asked and gave no answer; none when nobody was."""
    if not all(question.decisions for question in questions):
        return ()
    rows: list[Row] = [{}] * sum(len(question.rows) for question in questions)
    return signed(Answered(rows, _parts(questions))) if questions else ()


def _parts(questions: Sequence[Question]) -> tuple[Part, ...]:
    return tuple([part for question in questions for part in question.parts])
