"""Starting a worker: in a thread, for it may take long or for ever; proved before it is asked."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack

from ketch.errors import Unavailable
from ketch.package import Package
from ketch.runtime import Worker
from ketch.runtime.hiring import Source
from ketch.runtime.machine import MB, held_bytes
from ketch.serving.workers.lane import Hired
from ketch.serving.workers.proof import prove
from ketch.serving.workers.settings import PoolSettings
from ketch.serving.workers.threads import in_thread, patiently

_ABORT_S = 10.0


class Starting:
    """Starts workers of one package, one at a time.

    Args:
        package: The package.
        source: Starts them.
        settings: How they are run.
    """

    def __init__(self, package: Package, source: Source, settings: PoolSettings) -> None:
        self._package = package
        self._source = source
        self._settings = settings
        self._proved = False
        self._begun: Worker | None = None

    async def one(self) -> Hired:
        """Return a worker that answers as promised.

        It is ended when it takes too long, or nobody waits for it any more.

        Raises:
            KetchError: Why there is none; ``serve/start-timeout``.
            OSError, RuntimeError, MemoryError: This machine has no room for one more.
        """
        self._begun = None
        starting = in_thread(self._started, "ketch-start")
        try:
            async with asyncio.timeout(self._settings.start_timeout_s):
                return await asyncio.shield(starting)
        except TimeoutError:
            await self._abort(starting)
            raise Unavailable(
                f"expected a worker within {self._settings.start_timeout_s:g} s, found none",
                code="serve/start-timeout",
                hint="a package that needs longer gets it by `start_timeout_s` of its settings",
            ) from None
        except asyncio.CancelledError:
            await asyncio.shield(self._abort(starting))
            raise

    async def _abort(self, starting: asyncio.Future[Hired]) -> None:
        """End a start that is under way; one that cannot be ended now ends when it can."""
        until = time.monotonic() + _ABORT_S
        while not starting.done() and time.monotonic() < until:
            if self._begun is not None:
                await patiently(self._begun.close, "ketch-end")
            await asyncio.wait([starting], timeout=0.1)
        if not starting.done():
            starting.add_done_callback(_end)
        elif starting.exception() is None:
            await patiently(starting.result().running.close, "ketch-end")

    def _started(self) -> Hired:
        """Return a worker that answers as promised; in a thread."""
        began = time.monotonic()
        with ExitStack() as unless_proved:
            worker = unless_proved.enter_context(self._source.start(begun=self._set_begun))
            call_s = prove(self._package, worker, brief=self._proved)
            limit = limit_bytes(
                held_bytes(worker.pid),
                declared_mb=self._package.manifest.budget.memory_mb,
                set_mb=self._settings.memory_mb,
            )
            self._proved = True
            start_s = time.monotonic() - began
            return Hired(worker, unless_proved.pop_all(), start_s, call_s, limit)

    def _set_begun(self, worker: Worker) -> None:
        self._begun = worker


def limit_bytes(
    after_start: int, *, declared_mb: float | None = None, set_mb: float | None = None
) -> int:
    """Return how much memory a worker may hold before it is replaced.

    Args:
        after_start: What it held when it had answered its scenarios; no limit is so low
            that a worker would be replaced for what it needs to begin with.
        declared_mb: The memory that the package promises to get along with; beyond it the
            kernel gives nothing, so it is replaced a little before.
        set_mb: What whoever serves it has set.
    """
    limits = [mb * MB for mb in (set_mb, declared_mb and 0.9 * declared_mb) if mb]
    most = min(limits) if limits else 2 * after_start + 256 * MB
    return int(max(most, 1.25 * after_start + 16 * MB))


def _end(starting: asyncio.Future[Hired]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        in_thread(starting.result().running.close, "ketch-end")
