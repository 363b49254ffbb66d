"""Threads for what may take long or for ever: starting and ending processes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")
_PAUSE_S = 0.5


async def patiently(work: Callable[[], Result], name: str) -> Result:
    """Return what some work returns, once this machine has a thread to do it in."""
    while True:
        try:
            running = in_thread(work, name)
        except RuntimeError:  # no thread to be had
            await asyncio.sleep(_PAUSE_S)
            continue
        return await running


def in_thread(work: Callable[[], Result], name: str) -> asyncio.Future[Result]:
    """Do some work in a thread of its own, and return its result on this event loop.

    The interpreter does not wait for the thread as it ends, and no pool of threads runs
    dry when many of them hang. Cancelling the future leaves the work to its end.

    Raises:
        RuntimeError: This machine has no thread to give.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type] # None only where that is the result

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001 # raised where it is waited for
            error = caught
        with suppress(RuntimeError):  # the loop has ended: nobody waits
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
