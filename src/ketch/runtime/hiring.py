"""Workers that have loaded their package; further ones are started beside those at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Protocol

from ketch.errors import KetchError
from ketch.runtime.order import Call
from ketch.runtime.process import Worker

NO_ROOM = (KetchError, OSError, RuntimeError, MemoryError)
"""What is raised where this machine has no process, thread, descriptor or memory to give."""


class Source(Protocol):
    """Starts workers of one package; :class:`~ketch.runtime.Prepared` does."""

    def start(
        self, hash_seed: int = 0, *, begun: Callable[[Worker], None] = ...
    ) -> AbstractContextManager[Worker]:
        """Yield a worker that has loaded the package; it ends with the block."""


@dataclass(eq=False, slots=True)
class Hand:
    """A worker that can be asked.

    Attributes:
        worker: It has loaded its package.
        running: Ends it.
        start_s: How long it took to start.
        signs: Descriptors of which one becomes readable when it answers, or ends.
        call: What it is asked at this moment.
        until: When the time for that is up, on the monotonic clock.
    """

    worker: Worker
    running: ExitStack
    start_s: float
    signs: tuple[int, ...]
    call: Call | None = None
    until: float = 0.0


def hire(source: Source, begun: Callable[[Worker], None] = lambda _: None) -> Hand:
    """Return a worker that can be asked.

    Raises:
        KetchError: The package cannot be loaded, or the worker not started.
    """
    began = time.monotonic()
    with ExitStack() as unless_hired:
        worker = unless_hired.enter_context(source.start(begun=begun))
        return Hand(worker, unless_hired.pop_all(), time.monotonic() - began, worker.signs)


class Hiring:
    """Starts a worker in a thread, while others are at work."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._hand: Hand | None = None
        self._begun: Worker | None = None
        self._is_cancelled = False
        self._thread = threading.Thread(target=self._run, name="ketch-hire", daemon=True)

    def begin(self) -> None:
        """Start it.

        Raises:
            RuntimeError: This machine has no thread to give.
        """
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether it has ended, well or not."""
        return not self._thread.is_alive()

    def take(self) -> Hand | None:
        """Return the worker once it is done, the caller's from now on; None when there is none."""
        hand, self._hand = self._hand, None
        return hand

    def cancel(self) -> None:
        """End the worker, wherever its start is."""
        self._is_cancelled = True
        if self._begun is not None:
            self._begun.close(grace_s=0)
        if self._thread.ident is not None:
            self._thread.join()
        if hand := self.take():
            hand.running.close()

    def _run(self) -> None:
        try:
            self._hand = hire(self._source, self._set_begun)
        except NO_ROOM:  # the work goes on with those that there are
            self._hand = None

    def _set_begun(self, worker: Worker) -> None:
        self._begun = worker
        if self._is_cancelled:  # before there was anything to end
            worker.close(grace_s=0)
