"""The workers of one package: rows in, checked rows out, in time.

Whatever the package does, a request is answered with rows that its schema allows, or with
an error, before its time is up. A row that makes the package fail hurts whoever sent it;
a worker that dies or hangs is replaced, and who was in its call is asked again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Self

from ketch.errors import Finding, KetchError, Unavailable
from ketch.package import Package
from ketch.runtime import Answer, Home
from ketch.runtime.protocol import Failure
from ketch.schema import Row
from ketch.serving.contract import Contract
from ketch.serving.workers import unanswered
from ketch.serving.workers.again import after_death, halves
from ketch.serving.workers.company import Company, Cost
from ketch.serving.workers.crew import Crew, Event
from ketch.serving.workers.frames import encoded as encode
from ketch.serving.workers.frames import question
from ketch.serving.workers.lane import Lane
from ketch.serving.workers.machine import cores, has_room
from ketch.serving.workers.preparing import prepare
from ketch.serving.workers.queue import Piece, PoolAnswer, Question, Queue, in_time
from ketch.serving.workers.replies import hand_out, hand_out_singly, is_leak, read
from ketch.serving.workers.scale import Scale
from ketch.serving.workers.settings import IN_THREAD_BYTES, PoolSettings
from ketch.serving.workers.starting import Source
from ketch.serving.workers.status import Counts, WorkerStatus
from ketch.serving.workers.threads import patiently
from ketch.serving.workers.waits import Waits

TICK_S = 0.05
"""How exactly deadlines are kept."""

MANY_ROWS = 1_000
"""A call with more rows is written in a thread."""

_READING_S = 60.0


class Pool:
    """The workers of one package, on one event loop.

    Attributes:
        contract: What the package promises.
        counts: What happened so far.
    """

    def __init__(
        self,
        contract: Contract,
        source: Source,
        *,
        together: bool,
        settings: PoolSettings,
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self.contract = contract
        self.counts = Counts()
        self._settings = settings
        self._tell = on_event
        self._loop = asyncio.get_running_loop()
        self._queue = Queue(settings.max_rows if together and settings.max_rows > 1 else None)
        self._crew = Crew(contract.package, source, settings, self, self._told)
        self._idempotent = not contract.package.manifest.environment.network
        self._idle: list[Lane] = []
        self._steps = list(dict.fromkeys(contract.package.manifest.pipeline.steps))
        self._waits = Waits()
        self._cost = Cost()
        self._company = Company()
        self._scale = Scale(most=cores())
        self._most_busy = 0
        self._closing = False
        self._is_due = False
        self._ticking = False
        self._second: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = ExitStack()

    @classmethod
    async def start(
        cls,
        package: Package,
        home: Home,
        *,
        settings: PoolSettings | None = None,
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> Self:
        """Return once one worker has answered the package's scenarios as promised.

        Its environment is built if need be, and every byte of the package checked.

        Args:
            package: The package.
            home: Where it lies, and may run.
            settings: How its workers are run.
            on_event: Told what happens to them, on this event loop.

        Raises:
            KetchError: Why not.
        """
        settings = settings or PoolSettings()
        ready = await prepare(package, home, offline=settings.offline)
        pool = cls(
            Contract(package),
            ready.source,
            together=ready.together,
            settings=settings,
            on_event=on_event,
        )
        pool._held.push(ready.held)
        await pool.open()
        return pool

    async def open(self) -> None:
        """Return once the first worker takes calls; without one, everything has ended.

        Raises:
            KetchError: Why there is none.
        """
        try:
            await self._crew.first()
        except BaseException:
            await asyncio.shield(self.close(0.0))
            raise
        self._second = self._loop.call_later(1.0, self._every_second)

    async def answer(
        self, rows: Sequence[Row], encoded: bytes | None = None, *, until: float
    ) -> PoolAnswer:
        """Answer rows that ``contract.inputs`` has passed, one row for each.

        Args:
            rows: The rows.
            encoded: The same rows as JSON, made by :func:`~.frames.encoded`; never bytes that
                somebody sent.
            until: When the time of the request is up, on the monotonic clock.

        Raises:
            PackageCodeError: The package's own code raised over these rows.
            Later: Not now: ``serve/busy``, ``serve/starting``, ``serve/worker-died``,
                ``serve/closing``; ``retry_after_s`` says when to ask again.
            Unavailable: ``serve/deadline``: the time is up.
        """
        if not rows:
            return PoolAnswer([], (), 0, 0)
        if encoded is None and self._queue.max_rows is None and len(rows) > MANY_ROWS:
            encoded = await patiently(partial(encode, rows), "ketch-encode")
        self._admit(until)
        asked = Question(rows, encoded, until, self._loop.create_future())
        self._queue.add(asked)
        if self._idle:
            self._dispatch_soon()
        if not self._ticking:
            self._watch()
        try:
            return await asked.future
        except asyncio.CancelledError:
            self._queue.forget(asked)
            raise

    @property
    def ready(self) -> bool:
        """Whether a worker takes calls."""
        return bool(self._crew.lanes)

    @property
    def failing(self) -> bool:
        """Whether its workers die, or fail to start, again and again."""
        return self._crew.failing

    @property
    def depth(self) -> int:
        """How many requests wait."""
        return len(self._queue)

    @property
    def workers(self) -> tuple[WorkerStatus, ...]:
        """Every worker that takes calls."""
        now = time.monotonic()
        return tuple(
            WorkerStatus(
                lane.pid,
                "busy" if lane.is_busy else "idle",
                lane.held_bytes,
                lane.calls,
                now - lane.since,
            )
            for lane in self._crew.lanes
        )

    def resize(self, workers: int | None) -> None:
        """Have so many workers from now on; None for as many as the load asks for."""
        self._settings = replace(self._settings, workers=workers)
        if workers is not None:
            self._want(workers)

    async def close(self, drain_s: float) -> None:
        """Answer what is under way for so long at most, then end every worker."""
        self._closing = True
        until = time.monotonic() + drain_s
        # An event would cost every answer.
        while (self._queue or self._busy()) and self.ready and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        if self._second is not None:
            self._second.cancel()
        for asked in self._queue.drop():
            asked.fail(unanswered.closing())
        for lane in self._busy():
            for piece in lane.pieces:
                piece.question.fail(unanswered.closing())
        self._idle.clear()
        await self._crew.close()
        await patiently(self._held.close, "ketch-end")

    # What the workers say.

    def hired(self, lane: Lane) -> None:
        """Ask a new worker."""
        self.counts.starts += 1
        self._waits.begin(lane.hired.call_s)
        self._idle.append(lane)
        self._dispatch()

    def released(self, lane: Lane) -> None:
        """Ask a worker no more."""
        if lane in self._idle:
            self._idle.remove(lane)

    def replied(self, lane: Lane, body: bytes | bytearray) -> None:
        """Believe a reply once it has been read; ask the worker again; then pass it on."""
        if len(body) > IN_THREAD_BYTES:
            self._later(self._read_in_thread(lane, body))
            return
        try:
            reply = read(body, lane.pieces, self._steps)
        except Unavailable as problem:
            self.ended(lane, problem)
            return
        self._take(lane, reply)

    def ended(self, lane: Lane, problem: Unavailable | None) -> None:
        """Ask those again who were in the call of a worker that ended."""
        self._bury(lane, "died" if problem is None else "garbled", problem)

    # Who is let in.

    def _admit(self, until: float) -> None:
        if self._closing:
            raise unanswered.closing()
        if self._idle and not self._queue:
            return
        now = time.monotonic()
        wait_s = self._wait_s(now)
        patience_s = max(self._settings.patience_s, 1.5 * self._waits.call_s)
        if len(self._queue) >= self._settings.max_queue:
            self.counts.refused += 1
            raise unanswered.full(self._settings.max_queue, wait_s)
        if wait_s > patience_s or now + wait_s > until:
            self.counts.refused += 1
            raise unanswered.busy(wait_s) if self.ready else unanswered.starting(wait_s)

    def _wait_s(self, now: float) -> float:
        """Return how long the next request would wait for its turn, about."""
        lanes, calls = self._crew.lanes, self._queue.calls
        if not lanes:
            return self._crew.next_s() + calls * self._waits.call_s
        return self._waits.expected_s(lanes, calls, idle=bool(self._idle), now=now)

    # What is asked.

    def _dispatch(self) -> None:
        self._is_due = False
        idle = self._idle
        if idle and self._queue and self._company.is_coming(len(self._queue), time.monotonic()):
            self._dispatch_soon()
            return
        while idle:
            pieces = self._queue.take()
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
            self._idle.append(lane)
            failed = problem
            self._fail(pieces, lambda: failed)
            return
        lane.ask(frame, pieces, now, until)
        self._most_busy = max(self._most_busy, len(self._crew.lanes) - len(self._idle))

    # What is answered.

    def _take(self, lane: Lane, reply: Answer | Failure, rows: list[Row] | None = None) -> None:
        """Ask a worker again, then pass on its reply; ``rows`` if the schema has passed them."""
        if is_leak(lane, reply):
            self._bury(lane, "out-of-memory", None)
            return
        pieces, lane.pieces = lane.pieces, []
        self._learn(lane, pieces)
        if lane.is_leaving:
            self._crew.leave(lane)
        else:
            self._idle.append(lane)
            if self._queue:
                self._dispatch()
        if isinstance(reply, Failure):
            self._raised(lane, pieces, reply)
        else:
            self._pass_on(lane, pieces, reply, rows)

    def _learn(self, lane: Lane, pieces: list[Piece]) -> None:
        """Learn from a call that was answered who may ask next, and how many rows to ask."""
        now = time.monotonic()
        took_s = now - lane.began
        self._waits.took(took_s)
        if self._queue.max_rows is not None:
            self._cost.took(sum([piece.count for piece in pieces]), took_s)
            self._queue.max_rows = self._cost.rows(self._settings.max_rows)
            self._company.answered(len(pieces) + len(self._queue), now, self._cost.fixed_s)

    def _pass_on(
        self, lane: Lane, pieces: list[Piece], reply: Answer, rows: list[Row] | None
    ) -> None:
        self.counts.calls += 1
        self.counts.rows += len(reply.rows)
        self.counts.batches.add(len(reply.rows))
        outputs = self.contract.outputs
        wrong: Sequence[Finding] = ()
        if rows is None:
            rows, wrong = outputs.decode(reply.rows)
        if not wrong:
            hand_out(pieces, rows, reply, lane.pid)
            return
        for refused in hand_out_singly(pieces, outputs, reply, lane.pid):
            self._queue.forget(refused)

    def _raised(self, lane: Lane, pieces: list[Piece], failure: Failure) -> None:
        """Ask again in smaller company; what raises alone is an error of its owner."""
        if len(pieces) > 1:
            self._again(halves(pieces))
        else:
            self._fail(pieces, lambda: lane.hired.worker.failures.raised("predict", failure))

    def _fail(self, pieces: Iterable[Piece], error: Callable[[], KetchError]) -> None:
        for piece in pieces:
            piece.question.fail(error())
            self._queue.forget(piece.question)

    def _again(self, groups: Iterable[list[Piece]]) -> None:
        listed = list(groups)
        self.counts.again += len(listed)
        self._queue.again(listed)
        self._dispatch()

    async def _read_in_thread(self, lane: Lane, body: bytes | bytearray) -> None:
        """Read a large reply in a thread; the worker is asked again when it has been read."""

        def work() -> tuple[Answer | Failure, list[Row] | None]:
            reply = read(body, pieces, self._steps)
            if isinstance(reply, Failure):
                return reply, None
            outputs, wrong = self.contract.outputs.decode(reply.rows)
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

    # What time does.

    def _watch(self) -> None:
        self._ticking = True
        self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        """End the calls and the requests whose time is up, while there are any."""
        now = time.monotonic()
        for lane in self._busy():
            if lane.until <= now:
                self._bury(lane, "hung", None)
        self._queue.expire(now)
        self._ticking = False
        if self._queue or self._busy():
            self._watch()

    def _every_second(self) -> None:
        """Look after the workers, and how many there should be."""
        self._second = self._loop.call_later(1.0, self._every_second)
        self._crew.second()
        wait_s, used = self._waits.mean_s(), self._most_busy
        if self._settings.workers is None and len(self._crew.lanes) == self._crew.wanted:
            now, before = time.monotonic(), self._crew.wanted
            wanted = self._scale.decide(now, before, wait_s=wait_s, used=used)
            largest = max([lane.held_bytes for lane in self._crew.lanes], default=0)
            if wanted < before or (wanted > before and has_room(largest)):
                self._want(wanted)
        self._most_busy = len(self._busy())

    def _want(self, workers: int) -> None:
        self._crew.wanted = workers
        for lane in self._crew.lanes[workers:]:
            self._crew.retire(lane)
        self._crew.keep()

    def _busy(self) -> list[Lane]:
        lanes = (*self._crew.lanes, *self._crew.leaving)
        return [lane for lane in lanes if lane.is_busy]

    def _bury(self, lane: Lane, kind: str, problem: Unavailable | None) -> None:
        """Have a worker replaced, and ask those again who were in its call."""
        self.counts.deaths += 1
        self.released(lane)
        limit_s = lane.until - lane.began
        called = lane.stop()
        is_blamed = not any(piece.deaths for piece in called)
        self._crew.died(lane, kind, problem, limit_s=limit_s, is_blamed=is_blamed)
        now = time.monotonic()
        pieces = [piece for piece in called if in_time(piece.question, now)]
        groups = list(after_death(pieces)) if self._idempotent else []
        if groups:
            self._again(groups)
            if self.failing:
                self._turn_away()
            return
        self._fail(
            pieces,
            unanswered.worker_died if self._idempotent else unanswered.worker_died_once,
        )

    def _told(self, event: Event) -> None:
        if event.kind == "not-started":
            self._turn_away()
        self._tell(event)

    def _turn_away(self) -> None:
        """Tell those who wait that nobody will answer soon, where no worker is left."""
        if not self.ready:
            for asked in self._queue.drop():
                asked.fail(unanswered.starting(self._crew.next_s()))

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
