"""Keeps as many workers at work as a package should have, whatever happens to them.

A worker that died is replaced at once, then with growing pauses (:mod:`.backoff`). One that
holds too much memory is replaced by one that is started beside it, and ends when its last
call has been answered. Of one package one worker is started at a time (:mod:`.starting`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from ketch.errors import KetchError, Unavailable
from ketch.package import Package
from ketch.runtime.hiring import Source
from ketch.runtime.machine import held_bytes
from ketch.serving.workers.backoff import Backoff
from ketch.serving.workers.lane import Lane, Owner
from ketch.serving.workers.settings import PoolSettings
from ketch.serving.workers.starting import Starting
from ketch.serving.workers.threads import patiently


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the workers of a package.

    Attributes:
        kind: ``started``, ``died``, ``hung``, ``garbled``, ``out-of-memory``,
            ``not-started``, ``too-large`` (in memory), ``left``, ``failing`` or ``well``.
        pid: Of which worker, where there was one.
        problem: What went wrong, for the log and never for callers.
        seconds: How long it took to start, or had been up.
    """

    kind: str
    pid: int | None = None
    problem: KetchError | None = None
    seconds: float = 0.0


class Crew:
    """The workers of one package.

    Args:
        package: The package.
        source: Starts them.
        settings: How they are run.
        owner: Who asks them.
        tell: Told what happens.

    Attributes:
        lanes: The workers that take calls, the oldest first.
        leaving: Those that answer their last call.
        wanted: How many there should be.
    """

    def __init__(
        self,
        package: Package,
        source: Source,
        settings: PoolSettings,
        owner: Owner,
        tell: Callable[[Event], None],
    ) -> None:
        self.lanes: list[Lane] = []
        self.leaving: list[Lane] = []
        self.wanted = settings.workers or 1
        self.start_s = 1.0
        self._starting = Starting(package, source, settings)
        self._owner = owner
        self._tell = tell
        self._backoff = Backoff()
        self._was_failing = False
        self._closing = False
        self._keeper: asyncio.Task[None] | None = None
        self._next_start: float | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def first(self) -> None:
        """Return once the first worker takes calls; others follow.

        Raises:
            KetchError: It could not be started, or did not answer as promised.
        """
        await self._hire()
        if not self.lanes:
            raise _gone_at_once()
        self.keep()

    @property
    def failing(self) -> bool:
        """Whether its workers die, or fail to start, again and again."""
        return self._backoff.is_failing(time.monotonic())

    @property
    def busy(self) -> list[Lane]:
        """The workers that have a call at work."""
        return [lane for lane in (*self.lanes, *self.leaving) if lane.is_busy]

    def want(self, workers: int) -> None:
        """Have so many workers from now on; those that are too many take no more calls."""
        self.wanted = workers
        for lane in self.lanes[workers:]:
            self.retire(lane)
        self.keep()

    def next_s(self) -> float:
        """Return when there will be one more worker, about."""
        now = time.monotonic()
        return max(0.05, (self._next_start or now) - now + self.start_s)

    def keep(self) -> None:
        """See to it that there are as many workers as there should be."""
        if not self._closing and (self._keeper is None or self._keeper.done()):
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    def died(
        self,
        lane: Lane,
        kind: str,
        problem: Unavailable | None,
        *,
        limit_s: float,
        is_blamed: bool = True,
    ) -> None:
        """Bury a worker, find out how it ended, and have it replaced.

        Args:
            lane: The worker.
            kind: How it ended; see :class:`Event`.
            problem: What is known of it already.
            limit_s: How long the call at work could take.
            is_blamed: Whether that speaks against the package; a request that has brought
                down a worker before is to blame itself.
        """
        self._without(lane)
        now = time.monotonic()
        up_s = now - lane.since
        if is_blamed:
            self._backoff.died(now, up_s=up_s, start_s=lane.hired.start_s)

        def bury() -> Unavailable | None:
            worker = lane.hired.worker
            found = problem
            if kind == "hung":
                found = worker.hung("predict", limit_s)
            elif kind == "died":
                found = worker.gone("predict")
            lane.hired.running.close()
            return found

        async def told() -> None:
            self._tell(Event(kind, lane.pid, await patiently(bury, "ketch-bury"), up_s))

        self._in_background(told())
        self._look()
        self.keep()

    def leave(self, lane: Lane) -> None:
        """End a worker that has no call at work."""
        self._without(lane)
        lane.stop()
        self._in_background(self._left(lane))

    def retire(self, lane: Lane) -> None:
        """Give a worker no more calls; it ends when the one at work is answered."""
        self._without(lane)
        lane.is_leaving = True
        self.leaving.append(lane)
        self._owner.released(lane)
        if not lane.is_busy:
            self.leave(lane)

    def second(self) -> None:
        """Look after the workers; called every second."""
        for lane in self.lanes:
            lane.held_bytes = held_bytes(lane.pid)
        self._look()
        self.keep()

    async def close(self) -> None:
        """End every worker, also one that is being started."""
        self._closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        for lane in [*self.lanes, *self.leaving]:
            self.leave(lane)
        while self._ending:
            await asyncio.wait(self._ending)

    async def _keep(self) -> None:
        while not self._closing:
            large = next((lane for lane in self.lanes if _is_too_large(lane)), None)
            if large is None and len(self.lanes) >= self.wanted:
                break
            self._next_start = time.monotonic() + self._backoff.delay_s(time.monotonic())
            await asyncio.sleep(self._next_start - time.monotonic())
            try:
                await self._hire()
            except Exception as problem:  # noqa: BLE001 # whatever it is, it is tried again
                self._backoff.failed(time.monotonic())
                self._tell(Event("not-started", None, _told(problem)))
                self._look()
                continue
            if large is not None and large in self.lanes:
                self._tell(Event("too-large", large.pid, None, time.monotonic() - large.since))
                self.retire(large)
        self._next_start = None

    async def _hire(self) -> None:
        """Start a worker, prove it, and give it calls."""
        hired = await self._starting.one()
        lane = Lane(hired, self._owner)
        try:
            await lane.open()
        except BaseException as problem:
            lane.stop()
            await asyncio.shield(patiently(hired.running.close, "ketch-end"))
            if isinstance(problem, OSError):
                raise _gone_at_once() from problem
            raise
        if lane.has_ended:
            return
        self.start_s = hired.start_s
        self.lanes.append(lane)
        self._tell(Event("started", lane.pid, None, hired.start_s))
        self._look()
        self._owner.hired(lane)

    async def _left(self, lane: Lane) -> None:
        await patiently(lane.hired.running.close, "ketch-end")
        self._tell(Event("left", lane.pid, None, time.monotonic() - lane.since))

    def _without(self, lane: Lane) -> None:
        for lanes in (self.lanes, self.leaving):
            if lane in lanes:
                lanes.remove(lane)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _look(self) -> None:
        """Tell when a crash loop begins or ends."""
        if self.failing != self._was_failing:
            self._was_failing = self.failing
            self._tell(Event("failing" if self._was_failing else "well"))


def _gone_at_once() -> Unavailable:
    return Unavailable("the worker ended as it began to serve", code="worker/died")


def _told(problem: Exception) -> KetchError:
    """Return what kept a worker from starting; this machine may have no room for one more."""
    if isinstance(problem, KetchError):
        return problem
    why = f"{type(problem).__name__}: {problem}"
    return Unavailable(f"no worker can be started: {why}", code="worker/start")


def _is_too_large(lane: Lane) -> bool:
    return lane.held_bytes > lane.hired.limit_bytes
