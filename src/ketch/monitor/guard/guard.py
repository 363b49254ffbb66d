"""The guard's round: what the registry says, what came in, what follows from it.

It asks the registry which rollouts are under way, follows the logs of each, and does what
:mod:`ketch.monitor.guard.steps` says. It looks twenty times a second, and rests four times as
long as it worked. A registry that is away is asked again until it answers; what is to be done
is done then.

It is a process that must not end, so what goes wrong stops at its borders, as it does at a
command's: at the round and at each rollout in it, at the thread that reports and at each
report. Each keeps the traceback, and no border makes good news of what it stopped.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ketch.errors import KetchError, Unavailable
from ketch.logs import told, trace_of
from ketch.monitor.decisions.sharing import check_one_key
from ketch.monitor.guard.acting import carry_out
from ketch.monitor.guard.change import Change
from ketch.monitor.guard.drifting import Drifting
from ketch.monitor.guard.showing import Reports
from ketch.monitor.guard.steps import SETTLED_S, Grow, RollBack, Step, next_step
from ketch.monitor.guard.watched import Watched
from ketch.monitor.guard.watching import Watch
from ketch.registry import Desk, LocalDesk, Route
from ketch.runtime import Home

ACTOR = "guard"
"""Who did it, in a history that writes down who says so; a hub knows whose token it is."""

LOOK_S = 0.05
"""How often the logs are looked at: to find nothing new takes a tenth of a millisecond."""
LONGEST_S = 0.5
RESTS = 4
"""How many times as long as it worked a guard rests."""
ASK_S = 0.5
"""How often the registry is asked whether anything has happened."""
AWAY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""How long to wait before a registry that did not answer is asked again."""
SLOW_S, SLOWEST_S = 30.0, 300.0
"""How long to wait before metrics are counted again, and routes on which nothing is tried."""
SLOW_RESTS = 30
"""How many times as long as that took, if it is longer: it goes on for months."""
REFUSED_S = 30.0
"""How long to wait before what was refused is tried again."""
OVERTAKEN = ("route/moved", "rollout/over")
"""What the registry says where somebody changed the route first."""


class Guard:
    """Watches rollouts, and acts on their verdicts.

    Args:
        home: The ketch home; its registry may be a file, a database or a hub.
        logs: The folders of the decision logs, with the outcomes in them.
        routes: The routes to watch; all of them if none is named.
        tell: Told of each thing that changes.
    """

    def __init__(
        self,
        home: Home,
        logs: Sequence[Path],
        routes: Collection[str] = (),
        tell: Callable[[Change], None] = lambda _: None,
    ) -> None:
        self._home = home
        self._logs = tuple(logs)
        self._only = frozenset(routes)
        self._tell = tell
        self._watched = Watched(logs, self._only, tell)
        self._refused: dict[str, tuple[int, Step, float]] = {}
        self._reports = Reports(home.path, logs)
        self._drifting = Drifting(home, self._logs, tell)
        self._problem: str | None = None
        self._asked = -math.inf

    def once(self) -> tuple[Watch, ...]:
        """Look once, and do all that is to be done; return the rollouts that were looked at.

        Raises:
            UsageError: ``decisions/different-keys``.
            NotFound: ``route/not-found``: there is no route of a name that was given.
            Unavailable: The registry does not answer.
        """
        self.check()
        with self._desk() as desk:
            self._ask(desk)
            watched = self._watched.watches
            for watch in watched:
                watch.look(datetime.now(UTC))
                self._act(desk, watch, settled_s=0.0)
                self._reports.show(watch, datetime.now(UTC))
        return watched

    def check(self) -> None:
        """Return if the logs fit, and there are the routes that were named, as far as is known.

        Raises:
            UsageError: ``decisions/different-keys``: a unit has another hash in each log.
            NotFound: ``route/not-found``.
        """
        check_one_key(self._logs)
        with suppress(Unavailable), self._desk() as desk:
            for name in sorted(self._only):
                desk.route(name)

    def run(self, stopped: threading.Event) -> None:
        """Watch until it is told to stop."""
        slow = threading.Thread(target=self._slowly, args=(stopped,), name="ketch-report")
        slow.start()
        try:
            self._guard(stopped)
        finally:
            stopped.set()
            slow.join()

    def _guard(self, stopped: threading.Event) -> None:
        failures = 0
        while not stopped.is_set():
            try:
                with self._desk() as desk:
                    while not stopped.is_set():
                        stopped.wait(self._round(desk))
                        failures = 0
            except BrokenPipeError:
                raise  # nobody listens to what it tells
            except Exception as problem:  # noqa: BLE001 # the border of this process, as `main` is
                self._away(problem)
                stopped.wait(AWAY_S[min(failures, len(AWAY_S) - 1)])
                failures += 1

    def _slowly(self, stopped: threading.Event) -> None:
        """Report, in a thread of its own, what takes long and is not urgent."""
        rest_s = SLOW_S
        while not stopped.wait(rest_s):
            began = time.monotonic()
            try:
                with self._desk() as desk:
                    for route in filter(self._watched.has, desk.routes()):
                        if not stopped.is_set():
                            self._reports.measure(route, desk, datetime.now(UTC))
                            self._drifting.watch(route, desk, datetime.now(UTC))
            except Exception as problem:  # noqa: BLE001 # the border of this thread
                told("no report", why=str(problem)[:300], trace=trace_of(problem))
            rest_s = min(max(SLOW_S, SLOW_RESTS * (time.monotonic() - began)), SLOWEST_S)

    def _round(self, desk: Desk) -> float:
        """Look at everything once; return how long to rest, in seconds."""
        began, busy = time.monotonic(), time.thread_time()
        if began - self._asked >= ASK_S:
            self._ask(desk)
        for watch in self._watched.watches:
            watch.look(datetime.now(UTC))
            self._act(desk, watch)
            self._reports.show(watch, datetime.now(UTC))
        if not self._watched.watches:
            return ASK_S
        worked = time.thread_time() - busy  # not while others had the processor
        return min(max(LOOK_S, RESTS * worked), LONGEST_S)

    def _act(self, desk: Desk, watch: Watch, settled_s: float | None = None) -> None:
        """Do all that is to be done about a rollout now."""
        while (route := self._watched.route_of(watch)) is not None:
            situation = watch.situation(route, datetime.now(UTC))
            if situation is None:
                return
            if self._drifting.holds(route):
                situation = replace(situation, ramp=None)
            moment = time.monotonic()
            watch.memory = watch.memory.seeing(situation, moment)
            lasts_s = SETTLED_S if settled_s is None else settled_s
            step = next_step(watch.memory, situation, moment, settled_s=lasts_s)
            if step is None or self._was_refused(route, step, moment):
                return
            self._carry_out(step, watch, route, desk)
            self._ask(desk)

    def _carry_out(self, step: Step, watch: Watch, route: Route, desk: Desk) -> None:
        try:
            change = carry_out(step, watch, route, desk)
        except KetchError as problem:
            if isinstance(problem, Unavailable) and not isinstance(step, Grow):
                raise  # it is done as soon as it can be; a share that cannot grow stops nobody
            if problem.code not in OVERTAKEN:  # then the next step is made of what stands now
                self._refused[route.name] = (route.revision, step, time.monotonic() + REFUSED_S)
                self._tell(watch.change("refused", problem.message))
        else:
            self._tell(change)
            if isinstance(step, RollBack):
                watch.is_over = True
                self._reports.show(watch, datetime.now(UTC), at_once=True)

    def _was_refused(self, route: Route, step: Step, moment: float) -> bool:
        """Whether this step was refused on this revision a short while ago."""
        revision, refused, until = self._refused.get(route.name, (-1, None, 0.0))
        return (revision, refused) == (route.revision, step) and moment < until

    def _ask(self, desk: Desk) -> None:
        """Take notice of what happened at the registry."""
        self._asked = time.monotonic()
        self._watched.ask(desk)
        if self._problem is not None:
            told("the registry answers again")
            self._problem = None

    def _away(self, problem: Exception) -> None:
        why = str(problem)[:300]
        if self._problem is None:
            level, trace = logging.ERROR, trace_of(problem)
            told("the registry does not answer", level=level, why=why, trace=trace)
        self._problem = why

    @contextmanager
    def _desk(self) -> Iterator[Desk]:
        """Yield a desk at which this guard stands, not whoever started it."""
        with self._home.desk() as desk:
            if isinstance(desk, LocalDesk):
                yield LocalDesk(desk.registry, desk.store, ACTOR)
            else:
                yield desk
