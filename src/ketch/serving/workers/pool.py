"""The workers of one package: rows in, checked rows out, in time.

Whatever the package does, a request is answered with rows that its schema allows, or with
an error, before its time is up. Here stands who is let in, and how many workers there are;
:mod:`.calls` asks them, and :mod:`.crew` keeps them at work.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Self

from ketch.package import Package
from ketch.runtime import Home
from ketch.runtime.hiring import Source
from ketch.runtime.machine import cores, has_room
from ketch.schema import Row
from ketch.serving.contract import Contract
from ketch.serving.workers import unanswered
from ketch.serving.workers.calls import Calls
from ketch.serving.workers.crew import Crew, Event
from ketch.serving.workers.frames import encoded as encode
from ketch.serving.workers.preparing import prepare
from ketch.serving.workers.queue import PoolAnswer, Question
from ketch.serving.workers.scale import Scale
from ketch.serving.workers.settings import MANY_ROWS, PoolSettings
from ketch.serving.workers.status import Counts, WorkerStatus
from ketch.serving.workers.threads import patiently

TICK_S = 0.05
"""How exactly deadlines are kept."""


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
        most_rows = settings.max_rows if together and settings.max_rows > 1 else None
        self._calls = Calls(contract, self.counts, most_rows)
        self._crew = Crew(contract.package, source, settings, self._calls, self._told)
        self._calls.crew = self._crew
        self._queue = self._calls.queue
        self._scale = Scale(most=cores())
        self._closing = False
        self._ticking = False
        self._second: asyncio.TimerHandle | None = None
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
        self._calls.add(asked)
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
    def deadline_s(self) -> float:
        """How long a request may take."""
        return self._settings.deadline_s

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
            self._crew.want(workers)

    async def close(self, drain_s: float) -> None:
        """Answer what is under way for so long at most, then end every worker."""
        self._closing = True
        until = time.monotonic() + drain_s
        # An event would cost every answer.
        while self._has_work and self.ready and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        if self._second is not None:
            self._second.cancel()
        self._calls.close()
        await self._crew.close()
        await patiently(self._held.close, "ketch-end")

    # Who is let in.

    def _admit(self, until: float) -> None:
        if self._closing:
            raise unanswered.closing()
        calls = self._calls
        if calls.idle and not self._queue:
            return
        now = time.monotonic()
        wait_s = calls.wait_s(now)
        patience_s = max(self._settings.patience_s, 1.5 * calls.waits.call_s)
        if len(self._queue) >= self._settings.max_queue:
            self.counts.refused += 1
            raise unanswered.full(self._settings.max_queue, wait_s)
        if wait_s > patience_s or now + wait_s > until:
            self.counts.refused += 1
            raise unanswered.busy(wait_s) if self.ready else unanswered.starting(wait_s)

    def _told(self, event: Event) -> None:
        if event.kind == "not-started":
            self._calls.turn_away()
        self._tell(event)

    # What time does.

    @property
    def _has_work(self) -> bool:
        return bool(self._queue or self._crew.busy)

    def _watch(self) -> None:
        self._ticking = True
        self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        """End the calls and the requests whose time is up, while there are any."""
        self._calls.expire(time.monotonic())
        self._ticking = False
        if self._has_work:
            self._watch()

    def _every_second(self) -> None:
        """Look after the workers, and how many there should be."""
        self._second = self._loop.call_later(1.0, self._every_second)
        crew, calls = self._crew, self._calls
        crew.second()
        wait_s, used = calls.waits.mean_s(), calls.most_busy
        if self._settings.workers is None and len(crew.lanes) == crew.wanted:
            before = crew.wanted
            wanted = self._scale.decide(time.monotonic(), before, wait_s=wait_s, used=used)
            largest = max([lane.held_bytes for lane in crew.lanes], default=0)
            if wanted < before or (wanted > before and has_room(largest)):
                crew.want(wanted)
        calls.most_busy = len(crew.busy)
