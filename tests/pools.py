"""Pools for tests: the workers of a small package, real ones, on a real event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from tests.verification import Bench

from ketch.package import Package
from ketch.runtime import Worker
from ketch.serving.contract import Contract
from ketch.serving.workers import Event, Pool, PoolAnswer, PoolSettings

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what a coroutine returns, on the gateway's kind of event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def gone(pids: Sequence[int]) -> bool:
    """Whether none of these processes is there any more."""
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


@dataclass
class Source:
    """Starts workers of a package without an environment of its own.

    Attributes:
        bench: Where they run.
        package: Which package.
        changes: Of how they are launched.
        started: Their processes.
    """

    bench: Bench
    package: Package
    changes: Mapping[str, Any] = field(default_factory=dict)
    started: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        modules = {name: content.decode() for name, content in self.package.code().items()}
        self._launch = replace(self.bench.rig.launch("", modules), **self.changes)

    @contextmanager
    def start(
        self, hash_seed: int = 0, *, begun: Callable[[Worker], None] = lambda _: None
    ) -> Iterator[Worker]:
        with Worker.begin(replace(self._launch, hash_seed=hash_seed)) as worker:
            begun(worker)
            self.started.append(worker.pid)
            worker.ready()
            manifest = self.package.manifest
            worker.load(
                manifest.pipeline.to_json(),
                params=manifest.params,
                schema=manifest.schema,
                functions=manifest.comparisons,
            )
            yield worker


@dataclass
class Staff:
    """A pool, and what happened to it."""

    pool: Pool
    source: Source
    events: list[Event]

    async def ask(
        self, *rows: Mapping[str, object], within_s: float = 10.0, encoded: bytes | None = None
    ) -> PoolAnswer:
        until = time.monotonic() + within_s
        return await self.pool.answer([dict(row) for row in rows], encoded, until=until)

    async def all(
        self, questions: Sequence[Sequence[Mapping[str, object]]], *, within_s: float = 10.0
    ) -> list[PoolAnswer | BaseException]:
        """Ask many requests at the same time; return answers and errors, in order."""
        asked = (self.ask(*rows, within_s=within_s) for rows in questions)
        return await asyncio.gather(*asked, return_exceptions=True)

    async def until(self, claim: Callable[[], object], *, within_s: float = 15.0) -> None:
        end = time.monotonic() + within_s
        while not claim():
            assert time.monotonic() < end, [event.kind for event in self.events]
            await asyncio.sleep(0.01)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


@asynccontextmanager
async def staffed(
    bench: Bench,
    package: Package | str | None = None,
    *,
    together: bool = True,
    launch: Mapping[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Staff]:
    """Yield a pool that is open, of one worker if nothing else is said."""
    if not isinstance(package, Package):
        package = bench.package(package) if package else bench.package()
    source = Source(bench, package, launch or {})
    events: list[Event] = []
    pool = Pool(
        Contract(package),
        source,
        together=together,
        settings=PoolSettings(**{"workers": 1, **settings}),
        on_event=events.append,
    )
    await pool.open()
    try:
        yield Staff(pool, source, events)
    finally:
        await pool.close(0.0)
