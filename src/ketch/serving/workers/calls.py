"""The calls to the workers of one package: what each asks, and what becomes of its answer.

An idle worker is asked what waits. A row that makes the package fail hurts whoever sent
it; who was in the call of a worker that died or hung is asked again (:mod:`.again`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence

from ketch.errors import Finding, KetchError, Unavailable
from ketch.runtime import Answer
from ketch.runtime.protocol import Failure
from ketch.schema import Row
from ketch.serving.contract import Contract
from ketch.serving.workers import unanswered
from ketch.serving.workers.again import after_death, halves
from ketch.serving.workers.company import Company, Cost
from ketch.serving.workers.crew import Crew
from ketch.serving.workers.frames import question
from ketch.serving.workers.lane import Lane
from ketch.serving.workers.queue import Piece, Question, Queue, in_time
from ketch.serving.workers.replies import Replies, hand_out, hand_out_singly, is_leak
from ketch.serving.workers.settings import IN_THREAD_BYTES
from ketch.serving.workers.status import Counts
from ketch.serving.workers.threads import patiently
from ketch.serving.workers.waits import Waits

_READING_S = 60.0


class Calls:
    """The calls to the workers of one package; the owner of their lanes.

    Args:
        contract: What the package promises.
        counts: Where calls are counted.
        most_rows: Most rows of a call; None where each request is asked whole and alone.

    Attributes:
        crew: The workers; set before the first of them is hired.
        queue: What waits.
        idle: Workers that nobody has asked.
        waits: How long calls take.
        most_busy: The most workers that were at work at the same time, of late.
    """

    crew: Crew

    def __init__(self, contract: Contract, counts: Counts, most_rows: int | None) -> None:
        self.queue = Queue(most_rows)
        self.idle: list[Lane] = []
        self.waits = Waits()
        self.most_busy = 0
        self._contract = contract
        self._counts = counts
        self._most_rows = most_rows or 1
        self._loop = asyncio.get_running_loop()
        self._is_idempotent = not contract.package.manifest.environment.network
        self._replies = Replies(contract)
        self._cost = Cost()
        self._company = Company()
        self._is_due = False
        self._reading: set[asyncio.Task[None]] = set()

    def add(self, asked: Question) -> None:
        """Ask a request as soon as a worker is idle."""
        self.queue.add(asked)
        if self.idle:
            self._dispatch_soon()

    def wait_s(self, now: float) -> float:
        """Return how long the next request would wait for its turn, about."""
        lanes, calls = self.crew.lanes, self.queue.calls
        if not lanes:
            return self.crew.next_s() + calls * self.waits.call_s
        return self.waits.expected_s(lanes, calls, idle=bool(self.idle), now=now)

    def expire(self, now: float) -> None:
        """End the calls and the requests whose time is up."""
        for lane in self.crew.busy:
            if lane.until <= now:
                self._bury(lane, "hung", None)
        self.queue.expire(now)

    def turn_away(self) -> None:
        """Tell those who wait that nobody will answer soon, where no worker is left."""
        if not self.crew.lanes:
            for asked in self.queue.drop():
                asked.fail(unanswered.starting(self.crew.next_s()))

    def close(self) -> None:
        """Tell everybody that the package is taken off, and ask nobody any more."""
        for asked in self.queue.drop():
            asked.fail(unanswered.closing())
        for lane in self.crew.busy:
            for piece in lane.pieces:
                piece.question.fail(unanswered.closing())
        self.idle.clear()

    # What the workers say.

    def hired(self, lane: Lane) -> None:
        """Ask a new worker."""
        self._counts.starts += 1
        self.waits.begin(lane.hired.call_s)
        self.idle.append(lane)
        self._dispatch()

    def released(self, lane: Lane) -> None:
        """Ask a worker no more."""
        if lane in self.idle:
            self.idle.remove(lane)

    def replied(self, lane: Lane, body: bytes | bytearray) -> None:
        """Believe a reply once it has been read; ask the worker again; then pass it on."""
        if len(body) > IN_THREAD_BYTES:
            self._in_background(self._read_in_thread(lane, body))
            return
        try:
            reply, rows = self._replies.read(body, lane.pieces)
        except Unavailable as problem:
            self.ended(lane, problem)
            return
        self._take(lane, reply, rows)

    def ended(self, lane: Lane, problem: Unavailable | None) -> None:
        """Ask those again who were in the call of a worker that ended."""
        self._bury(lane, "died" if problem is None else "garbled", problem)

    # What is asked.

    def _dispatch(self) -> None:
        self._is_due = False
        idle = self.idle
        if idle and self.queue and self._company.is_coming(len(self.queue), time.monotonic()):
            self._dispatch_soon()
            return
        while idle:
            pieces = self.queue.take()
            if not pieces:
                break
            self._ask(idle.pop(), pieces)

    def _dispatch_soon(self) -> None:
        """Ask, with all that come at the same time."""
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._dispatch)

    def _ask(self, lane: Lane, pieces: list[Piece]) -> None:
        now = time.monotonic()
        until = min([piece.question.until for piece in pieces])
        if len(pieces) > 1:  # the innocent must have time left, should this call hang
            until = now + (until - now) / 2
        try:
            frame = question([piece.body for piece in pieces])
        except Unavailable as problem:
            self.idle.append(lane)
            failed = problem
            self._fail(pieces, lambda: failed)
            return
        lane.ask(frame, pieces, now, until)
        self.most_busy = max(self.most_busy, len(self.crew.lanes) - len(self.idle))

    # What is answered.

    def _take(self, lane: Lane, reply: Answer | Failure, rows: list[Row] | None) -> None:
        """Ask a worker again, then pass on its reply; ``rows`` if the schema has passed them."""
        if is_leak(lane, reply):
            self._bury(lane, "out-of-memory", None)
            return
        pieces, lane.pieces = lane.pieces, []
        self._learn(lane, pieces)
        if lane.is_leaving:
            self.crew.leave(lane)
        else:
            self.idle.append(lane)
            if self.queue:
                self._dispatch()
        if isinstance(reply, Failure):
            self._raised(lane, pieces, reply)
        else:
            self._pass_on(lane, pieces, reply, rows)

    def _learn(self, lane: Lane, pieces: list[Piece]) -> None:
        """Learn from a call that was answered who may ask next, and how many rows to ask."""
        now = time.monotonic()
        took_s = now - lane.began
        self.waits.took(took_s)
        if self.queue.max_rows is not None:
            self._cost.took(sum([piece.count for piece in pieces]), took_s)
            self.queue.max_rows = self._cost.rows(self._most_rows)
            self._company.answered(len(pieces) + len(self.queue), now, self._cost.fixed_s)

    def _pass_on(
        self, lane: Lane, pieces: list[Piece], reply: Answer, rows: list[Row] | None
    ) -> None:
        self._counts.calls += 1
        self._counts.rows += len(reply.rows)
        self._counts.batches.add(len(reply.rows))
        outputs = self._contract.outputs
        wrong: Sequence[Finding] = ()
        if rows is None:
            rows, wrong = outputs.decode(reply.rows)
        if not wrong:
            hand_out(pieces, rows, reply, lane.pid)
            return
        for refused in hand_out_singly(pieces, outputs, reply, lane.pid):
            self.queue.forget(refused)

    async def _read_in_thread(self, lane: Lane, body: bytes | bytearray) -> None:
        """Read a large reply in a thread; the worker is asked again when it has been read."""

        def work() -> tuple[Answer | Failure, list[Row] | None]:
            reply, rows = self._replies.read(body, pieces)
            if isinstance(reply, Failure) or rows is not None:
                return reply, rows
            outputs, wrong = self._contract.outputs.decode(reply.rows)
            return reply, None if wrong else outputs

        pieces = lane.pieces
        lane.until += _READING_S  # it has answered in time
        try:
            reply, rows = await patiently(work, "ketch-read")
        except Unavailable as problem:
            if not lane.has_ended:
                self.ended(lane, problem)
            return
        if not lane.has_ended:
            self._take(lane, reply, rows)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    # What fails.

    def _raised(self, lane: Lane, pieces: list[Piece], failure: Failure) -> None:
        """Ask again in smaller company; what raises alone is an error of its owner."""
        if len(pieces) > 1:
            self._again(halves(pieces))
        else:
            self._fail(pieces, lambda: lane.hired.worker.failures.raised("predict", failure))

    def _bury(self, lane: Lane, kind: str, problem: Unavailable | None) -> None:
        """Have a worker replaced, and ask those again who were in its call."""
        self._counts.deaths += 1
        self.released(lane)
        limit_s = lane.until - lane.began
        called = lane.stop()
        is_blamed = not any(piece.deaths for piece in called)
        self.crew.died(lane, kind, problem, limit_s=limit_s, is_blamed=is_blamed)
        now = time.monotonic()
        pieces = [piece for piece in called if in_time(piece.question, now)]
        groups = list(after_death(pieces)) if self._is_idempotent else []
        if groups:
            self._again(groups)
            if self.crew.failing:
                self.turn_away()
            return
        self._fail(
            pieces,
            unanswered.worker_died if self._is_idempotent else unanswered.worker_died_once,
        )

    def _again(self, groups: Iterable[list[Piece]]) -> None:
        listed = list(groups)
        self._counts.again += len(listed)
        self.queue.again(listed)
        self._dispatch()

    def _fail(self, pieces: Iterable[Piece], error: Callable[[], KetchError]) -> None:
        for piece in pieces:
            piece.question.fail(error())
            self.queue.forget(piece.question)
