"""A guard beside the gateway, in a process of its own, for as long as it has something to do.

That is while a rollout lasts, and where the policy of a route declares model metrics, which
the guard counts for ``/metrics``. It needs memory and processor that serving wants, and
libraries that the gateway does without, so it is a child at low priority. When it dies it is
started again, ever more rarely; serving never waits for it. It ends when the gateway does,
however that ends: the gateway holds the other end of its standard input.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from logging import ERROR
from typing import TypeAlias

from ketch.logs import told
from ketch.registry import Place
from ketch.runtime import Home
from ketch.serving.routes.wanted import WantedRoute
from ketch.serving.settings import Settings

COMMAND = (sys.executable, "-P", "-m", "ketch", "guard", "--attached")
AGAIN_S = (0.2, 1.0, 5.0, 30.0)
"""How long to wait before a guard that ended is started again."""
GOOD_S = 60.0
"""After how long it counts as running well, and is started soon again."""
LINGER_S = 60.0
GOODBYE_S = 5.0
"""How long it may take to end; what it does is whole or not at all, so it may be killed."""


@dataclass
class Guarding:
    """Keeps one guard running while a rollout lasts, or metrics are declared.

    Args:
        home: Whose registry and logs it looks at.
        command: Starts a guard that ends when its standard input does.
        linger_s: How long a guard stays when it is no longer wanted: it tells webhooks of
            what it did, and reports how the rollout ended.
    """

    home: Home
    command: Sequence[str] = COMMAND
    linger_s: float = LINGER_S
    _is_wanted: bool = False
    _turned: asyncio.Event = field(default_factory=asyncio.Event)

    def want(self, routes: Sequence[WantedRoute]) -> None:
        """Take notice of what ought to be served; called on the event loop."""
        self._is_wanted = any(
            one.has_metrics or any(arm.arm == Place.LIMITED for arm in one.others) for one in routes
        )
        self._turned.set()

    async def run(self) -> None:
        """Keep a guard running whenever one is wanted, until cancelled."""
        failures = 0
        while True:
            await self._until(is_wanted=True)
            began = time.monotonic()
            why = await self._once()
            if why is None:
                failures = 0
                continue
            failures = 0 if time.monotonic() - began > GOOD_S else failures
            again_s = AGAIN_S[min(failures, len(AGAIN_S) - 1)]
            told("the guard ended", level=ERROR, why=why, again_s=again_s)
            failures += 1
            await asyncio.sleep(again_s)

    async def _once(self) -> str | None:
        """Run a guard until nobody wants it; where it ends before, return how, in words."""
        try:
            guard = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "KETCH_HOME": str(self.home.path)},
            )
        except OSError as error:  # there can be no more processes now
            return error.strerror or str(error)
        told("a guard watches", pid=guard.pid)
        watching = (
            asyncio.ensure_future(guard.wait()),
            asyncio.ensure_future(self._unwanted()),
        )
        try:
            await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
        finally:
            has_ended = watching[0].done()
            watching[1].cancel()
            await _end(guard)
        return f"status {guard.returncode}" if has_ended else None

    async def _unwanted(self) -> None:
        """Return once no guard was wanted for a while."""
        while True:
            await self._until(is_wanted=False)
            try:
                async with asyncio.timeout(self.linger_s):
                    await self._until(is_wanted=True)
            except TimeoutError:
                return

    async def _until(self, *, is_wanted: bool) -> None:
        while self._is_wanted is not is_wanted:
            self._turned.clear()
            await self._turned.wait()


async def _end(guard: asyncio.subprocess.Process) -> None:
    """Let a guard end; kill it where it does not."""
    if guard.stdin is not None:
        guard.stdin.close()
    try:
        await asyncio.wait_for(guard.wait(), GOODBYE_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            guard.kill()
        await guard.wait()


Watch: TypeAlias = Callable[[Sequence[WantedRoute]], None]
"""Is told what ought to be served, whenever that changes."""


@asynccontextmanager
async def guarding(home: Home, settings: Settings) -> AsyncIterator[Watch]:
    """Yield what is told what ought to be served, and keeps a guard; at the end there is none."""
    if not settings.guards:
        yield lambda _: None
        return
    keeper = Guarding(home)
    running = asyncio.create_task(keeper.run())
    try:
        yield keeper.want
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
