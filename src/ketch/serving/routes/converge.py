"""From what is served to what is wanted: beside, verified, warm, flipped, drained.

A package's workers are started beside those that answer, and take no request before its
scenarios have passed on them. Only then is the table swapped, in one step, and what no
route needs any more ends when its last request has been answered. A package that cannot
be started changes nothing: what was served goes on, the reason is told, and it is tried
again, ever more rarely.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from ketch.errors import KetchError
from ketch.logs import told, trace_of
from ketch.package import Digest
from ketch.runtime.machine import cores
from ketch.serving.routes.table import Table, settle
from ketch.serving.routes.wanted import BEFORE, WantedArm, WantedRoute
from ketch.serving.workers import Pool

Start: TypeAlias = Callable[[WantedArm], Awaitable[Pool]]
"""Starts the workers of a package and returns when one is verified."""

_LAST = ("staging", BEFORE)
"""Arms that no caller waits for, the last one last."""

RETRY_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
"""How long to wait before a package that could not be started is tried again."""


@dataclass
class _Run:
    """One package: its workers, or how far they are."""

    task: asyncio.Task[None] | None = None
    pool: Pool | None = None
    error: Exception | None = None
    tries: int = 0


@dataclass
class Converger:
    """Keeps what is served what is wanted; all of it on one event loop.

    Args:
        start: Starts the workers of a package.
        flip: Given the new table, whenever it changes.
        drain_s: How long requests at work may take to end.

    Attributes:
        table: What is served now.
    """

    start: Start
    flip: Callable[[Table], None]
    drain_s: float = 30.0
    table: Table = field(default_factory=dict)
    _wanted: tuple[WantedRoute, ...] = ()
    _runs: dict[Digest, _Run] = field(default_factory=dict)
    _ending: set[asyncio.Task[None]] = field(default_factory=set)
    _settled: asyncio.Event = field(default_factory=asyncio.Event)
    _at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(cores()))

    def want(self, routes: Sequence[WantedRoute]) -> None:
        """Begin to serve these routes, and no others."""
        self._wanted = tuple(routes)
        self._settled.clear()
        for arm in self._arms().values():
            run = self._runs.setdefault(arm.digest, _Run())
            if run.pool is None and run.task is None:
                run.task = asyncio.create_task(self._run(arm, run))
        self._settle()

    async def tried(self) -> None:
        """Return once every package that is wanted runs, or was tried at least once."""
        await self._settled.wait()

    @property
    def errors(self) -> Mapping[Digest, Exception]:
        """Why packages do not run."""
        return {digest: run.error for digest, run in self._runs.items() if run.error}

    async def close(self) -> None:
        """Serve nothing any more; return when every worker has ended."""
        self._wanted = ()
        self._settle()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _arms(self) -> dict[Digest, WantedArm]:
        """Return every package that is wanted, those that answer callers first."""
        found = [arm for route in self._wanted for arm in route.packages]
        found.sort(key=lambda arm: _LAST.index(arm.arm) if arm.arm in _LAST else -1)
        arms: dict[Digest, WantedArm] = {}
        for arm in found:
            arms.setdefault(arm.digest, arm)
        return arms

    async def _run(self, arm: WantedArm, run: _Run) -> None:
        """Start a package's workers; try again until they run or are no longer wanted."""
        while True:
            try:
                async with self._at_once:
                    run.pool = await self.start(arm)
            except Exception as error:  # noqa: BLE001 # whatever it is, other packages go on
                run.error = error
                why, trace = _told(error), trace_of(error)
                told(
                    "not served", package=arm.package, digest=str(arm.digest), why=why, trace=trace
                )
            else:
                run.error = run.task = None
                told("ready", package=arm.package, digest=str(arm.digest))
            run.tries += 1
            self._settle()
            if run.pool is not None:
                return
            await asyncio.sleep(RETRY_S[min(run.tries, len(RETRY_S)) - 1])

    def _settle(self) -> None:
        """Swap the table for one that fits what runs, and end what nobody needs."""
        running = {digest: run.pool for digest, run in self._runs.items() if run.pool is not None}
        problems = {digest: _told(error) for digest, error in self.errors.items()}
        table = MappingProxyType(
            {
                route.name: settle(route, self.table.get(route.name), running, problems)
                for route in self._wanted
            }
        )
        if table != self.table:
            self.table = table
            self.flip(table)
        self._end_unused()
        needed = {arm.digest for arm in self._arms().values() if arm.arm != BEFORE}
        if all(self._runs[digest].tries for digest in needed):
            self._settled.set()

    def _end_unused(self) -> None:
        used = {arm.pool for route in self.table.values() for arm in route.all}
        wanted = self._arms()
        for digest, run in list(self._runs.items()):
            if digest in wanted or run.pool in used:
                continue
            del self._runs[digest]
            if run.task is not None:
                run.task.cancel()
                self._await(run.task)
            if run.pool is not None:
                told("ending", digest=str(digest))
                self._await(asyncio.create_task(run.pool.close(self.drain_s)))

    def _await(self, ending: asyncio.Task[None]) -> None:
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


def _told(error: Exception) -> str:
    if isinstance(error, KetchError | OSError):
        return " ".join(str(error).split())[:500]
    return f"the gateway failed: {type(error).__name__}"
