"""Following a registry: what it says ought to be served, soon after it says so.

The registry may be away at any time, and when serving starts. What it said last is
written down and goes on; the registry is asked again until it answers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ketch.logs import told, trace_of
from ketch.registry import Desk
from ketch.registry.events import Head
from ketch.runtime import Home
from ketch.serving.routes.saved import Saved
from ketch.serving.routes.wanted import WantedRoute, wanted

POLL_S = 0.2
"""How often the registry is asked whether anything has happened."""

AWAY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""How long to wait before a registry that did not answer is asked again."""


@dataclass
class Follower:
    """Asks a registry, in a thread of its own, and tells what is wanted whenever that changes.

    Args:
        home: The ketch home; its registry may be a file, a database or a hub.
        saved: Where what is wanted is remembered.
        want: Told what is wanted; called in the follower's thread.
        away: Told that the registry does not answer, and nothing is remembered.
        staging: Whether this is the staging machine.

    Attributes:
        problem: Why the registry does not answer; None while it does.
        since: When it answered last, on the monotonic clock; None if it never did.
    """

    home: Home
    saved: Saved
    want: Callable[[tuple[WantedRoute, ...]], None]
    away: Callable[[], None] = lambda: None
    staging: bool = False
    problem: str | None = None
    since: float | None = None
    _last: tuple[WantedRoute, ...] | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Ask now, and go on asking."""
        self._thread = threading.Thread(target=self._run, name="ketch-follow", daemon=True)
        self._thread.start()

    def stop(self, wait_s: float = 2.0) -> None:
        """Ask no more; a registry that does not answer is waited for so long at most."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(wait_s)

    @property
    def knows(self) -> bool:
        """Whether it is known what is wanted."""
        return self._last is not None

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            before = self.since
            try:
                with self.home.desk() as desk:
                    self._follow(desk)
            except Exception as problem:  # noqa: BLE001 # a thread that ended would follow nothing
                failures = 0 if self.since != before else failures
                self._away(problem)
                self._stop.wait(AWAY_S[min(failures, len(AWAY_S) - 1)])
                failures += 1

    def _follow(self, desk: Desk) -> None:
        """Ask until it is told to stop, or the registry does not answer."""
        seen: Head | None = None
        while not self._stop.is_set():
            head = desk.head()
            if head != seen:
                self._tell(wanted(desk.routes(), staging=self.staging))
                seen = head
            if self.problem is not None:
                told("the registry answers again")
            self.problem, self.since = None, time.monotonic()
            self._stop.wait(POLL_S)

    def _tell(self, routes: tuple[WantedRoute, ...]) -> None:
        if routes == self._last or self._stop.is_set():
            return
        self._last = routes
        self.want(routes)
        self.saved.write(routes)

    def _away(self, problem: Exception) -> None:
        """Go on with what was said last, also when this process has not heard it itself."""
        if self._stop.is_set():
            return
        why = str(problem)[:300]
        if self.problem is None:
            told("the registry does not answer", why=why, trace=trace_of(problem))
        self.problem = why
        if self._last is None:
            self._last = self.saved.read()
            if self._last is not None:
                told("serving what was served last", routes=len(self._last))
                self.want(self._last)
            else:
                self.away()
