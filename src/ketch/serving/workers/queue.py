"""The requests that wait for a worker, and which of them the next call takes.

Nothing here waits, and nothing is put off: an idle worker takes what is there; while all
are busy, requests gather, and the next call takes them together, up to ``max_rows`` rows.
That is done only where it was tried that it changes no answer; otherwise a call takes one
request, whole.

A request with more rows than a call takes is asked in pieces: one a call, and a small one
while others ask, whom it must not keep waiting. Requests whose call failed come first:
in smaller company than before, so that one bad row ends up alone (see :mod:`.again`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ketch.runtime import StepTime
from ketch.schema import Row
from ketch.serving.workers.frames import encoded
from ketch.serving.workers.settings import MAX_CALL_BYTES
from ketch.serving.workers.unanswered import too_late


@dataclass(slots=True)
class PoolAnswer:
    """The answer to one request.

    Attributes:
        rows: One for each row that was asked, checked by the schema, in JSON form.
        steps: What each step took in the calls that answered it, of everybody's rows.
        batch_rows: How many rows its (largest) call had.
        pid: The process that answered (last).
    """

    rows: list[Row]
    steps: tuple[StepTime, ...]
    batch_rows: int
    pid: int


class Question:
    """One request, until it is answered."""

    __slots__ = ("_answer", "_left", "_parts", "body", "future", "next", "rows", "until")

    def __init__(
        self,
        rows: Sequence[Row],
        body: bytes | None,
        until: float,
        future: asyncio.Future[PoolAnswer],
    ) -> None:
        self.rows = rows
        self.body = body
        self.until = until
        self.future = future
        self.next = 0
        self._left = len(rows)
        self._parts: dict[int, list[Row]] | None = None
        self._answer: PoolAnswer | None = None

    def take(self, most: int) -> Piece:
        """Return its next rows, so many at most."""
        at, count = self.next, len(self.rows)
        if not at and count <= most:
            self.next = count
            return Piece(self, 0, count, self.body or encoded(self.rows))
        self.next = min(count, at + most)
        part = self.rows[at : self.next]
        return Piece(self, at, len(part), encoded(part))

    def answered(self, at: int, answer: PoolAnswer) -> None:
        """Take the answer to the rows from ``at`` on; the last part answers the request."""
        if self.future.done():
            return
        if self._parts is None:
            if len(answer.rows) == len(self.rows):
                self.future.set_result(answer)
                return
            self._parts = {}
        self._parts[at] = answer.rows
        self._left -= len(answer.rows)
        self._answer = answer if self._answer is None else _joined(self._answer, answer)
        if not self._left:
            parts = (self._parts[at] for at in sorted(self._parts))
            self._answer.rows = [row for part in parts for row in part]
            self.future.set_result(self._answer)

    def fail(self, error: BaseException) -> None:
        """Answer the request with an error."""
        if not self.future.done():
            self.future.set_exception(error)


class Piece:
    """Rows of one request that go into one call."""

    __slots__ = ("at", "body", "count", "deaths", "question")

    def __init__(self, question: Question, at: int, count: int, body: bytes) -> None:
        self.question = question
        self.at = at
        self.count = count
        self.body = body
        self.deaths = 0


class Queue:
    """What waits for the workers of one package.

    Args:
        max_rows: Most rows of a call; None where each request is asked whole and alone.
    """

    def __init__(self, max_rows: int | None) -> None:
        self.max_rows = max_rows
        self.rows = 0
        self._in_company = False
        self._waiting: deque[Question] = deque()
        self._again: deque[list[Piece]] = deque()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._again)

    @property
    def calls(self) -> int:
        """How many calls it takes to answer all that waits, about."""
        if self.max_rows is None:
            return len(self._waiting) + len(self._again)
        return -(-self.rows // self.max_rows) + len(self._again)

    def add(self, question: Question) -> None:
        """Put a request at the end."""
        self._waiting.append(question)
        self.rows += len(question.rows)

    def again(self, groups: Iterable[list[Piece]]) -> None:
        """Put groups of pieces before all others; each is one call."""
        self._again.extendleft(reversed(list(groups)))

    def forget(self, question: Question) -> None:
        """Take out a request that nobody waits for any more."""
        if question in self._waiting:
            self._waiting.remove(question)
            self.rows -= len(question.rows) - question.next

    def take(self) -> list[Piece]:
        """Return what the next call asks; nothing when nobody waits."""
        now = time.monotonic()
        while self._again:
            group = [piece for piece in self._again.popleft() if in_time(piece.question, now)]
            if group:
                return group
        return self._alone(now) if self.max_rows is None else self._together(self.max_rows, now)

    def expire(self, now: float) -> None:
        """Answer those whose time is up; none of them is asked."""
        for question in [one for one in self._waiting if one.until <= now]:
            self.forget(question)
            question.fail(too_late())
        for piece in [one for group in self._again for one in group]:
            in_time(piece.question, now)

    def drop(self) -> Iterator[Question]:
        """Empty it, and yield what was in it."""
        while self._waiting:
            yield self._waiting.popleft()
        while self._again:
            yield from (piece.question for piece in self._again.popleft())
        self.rows = 0

    def _alone(self, now: float) -> list[Piece]:
        while self._waiting:
            question = self._waiting.popleft()
            self.rows -= len(question.rows)
            if in_time(question, now):
                return [question.take(len(question.rows))]
        return []

    def _together(self, most: int, now: float) -> list[Piece]:
        """Return pieces of many requests, in their order; one that is cut goes to the end."""
        pieces: list[Piece] = []
        left, size = most, 0
        waiting, cut = self._waiting, None
        while waiting and left and size < MAX_CALL_BYTES:
            question = waiting[0]
            if question is cut:  # once round
                break
            rows = len(question.rows)
            if not in_time(question, now):
                self.forget(question)
                continue
            if rows > left and (rows <= most or (pieces and left < most // 4)):
                break
            waiting.popleft()
            piece = question.take(left if rows <= most else self._share(left))
            if question.next < rows:
                waiting.append(question)
                cut = cut or question
            pieces.append(piece)
            left -= piece.count
            size += len(piece.body)
            self.rows -= piece.count
        self._in_company = len(pieces) > 1  # who was in this call will soon ask again
        return pieces

    def _share(self, left: int) -> int:
        """Return how many rows of a large request a call takes: few while others ask."""
        has_company = self._waiting or self._in_company
        return min(left, max(1, (self.max_rows or 0) // 4)) if has_company else left


def in_time(question: Question, now: float) -> bool:
    """Whether somebody waits for a request; one whose time is up is told so."""
    if question.until <= now:
        question.fail(too_late())
    return not question.future.done()


def _joined(one: PoolAnswer, other: PoolAnswer) -> PoolAnswer:
    steps = tuple(
        StepTime(a.step, a.ms + b.ms) for a, b in zip(one.steps, other.steps, strict=False)
    )
    return PoolAnswer([], steps, max(one.batch_rows, other.batch_rows), other.pid)
