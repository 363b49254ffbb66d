"""A package is prepared in a thread: its environment, every byte of it, its licence."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

from ketch.errors import NotFound, PackageError
from ketch.package import Package
from ketch.runtime import Home, prepared
from ketch.runtime.hiring import Source
from ketch.runtime.licence import may_be_batched
from ketch.serving.workers.threads import in_thread


@dataclass(frozen=True, slots=True)
class Ready:
    """A package that can be started.

    Attributes:
        source: Starts its workers.
        together: Whether requests may be answered together.
        held: What is held meanwhile; to be closed in a thread.
    """

    source: Source
    together: bool
    held: ExitStack


async def prepare(package: Package, home: Home, *, offline: bool) -> Ready:
    """Return a package that can be started; its environment is built if need be.

    Raises:
        KetchError: Why it cannot.
    """

    def work() -> Ready:
        with ExitStack() as unless_ready:
            source = unless_ready.enter_context(prepared(package, home, offline=offline))
            together = _is_licensed(package, home)
            return Ready(source, together, unless_ready.pop_all())

    preparing = in_thread(work, "ketch-prepare")
    try:
        return await asyncio.shield(preparing)
    except asyncio.CancelledError:
        preparing.add_done_callback(_undo)
        raise


def _undo(preparing: asyncio.Future[Ready]) -> None:
    """Let go of what nobody waits for any more."""
    if not preparing.cancelled() and preparing.exception() is None:
        in_thread(partial(preparing.result().held.close), "ketch-end")


def _is_licensed(package: Package, home: Home) -> bool:
    """Whether requests may be answered together; a store that is damaged does not say."""
    if package.manifest.pipeline.takes == "record":
        return False
    with suppress(NotFound, PackageError):
        return may_be_batched(package.digest, home.store)
    return False
