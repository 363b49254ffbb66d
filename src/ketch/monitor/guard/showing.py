"""What is known of each route, left where ``/metrics`` finds it.

A rollout under way is reported from what the guard has counted anyway. What has to be counted
for its own sake is counted rarely, and apart: recent metrics of models and packages,
and routes on which nothing is tried.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from ketch.logs import told, trace_of
from ketch.monitor.estimates import estimates_of
from ketch.monitor.guard.reports import write_report
from ketch.monitor.guard.watching import Watch
from ketch.monitor.metrics import metrics_of, recent
from ketch.monitor.rollouts import report, report_of
from ketch.registry import Desk, Route

SHOW_S = 5.0
"""How often the report of a rollout is written."""


class Reports:
    """Leaves the reports of routes.

    Args:
        home: The ketch home.
        logs: The folders of the decision logs.
    """

    def __init__(self, home: Path, logs: Sequence[Path]) -> None:
        self._home = home
        self._logs = logs
        self._metrics: dict[str, Mapping[str, object]] = {}
        self._shown: dict[str, float] = {}

    def show(self, watch: Watch, now: datetime, *, at_once: bool = False) -> None:
        """Leave the report of a rollout, unless that was done a short while ago."""
        route, moment = watch.rollout.route, time.monotonic()
        is_new = at_once or moment - self._shown.get(route, -SHOW_S) >= SHOW_S
        if watch.tally is None or not is_new:
            return
        self._shown[route] = moment
        try:
            self._leave(route, report(watch.tally, now, points=0).to_json())
        except Exception as problem:  # noqa: BLE001 # the border of a report; see guard.py
            told("no report", route=route, why=str(problem), trace=trace_of(problem))

    def measure(self, route: Route, desk: Desk, now: datetime) -> None:
        """Count what takes long; leave the report of a route on which nothing is tried."""
        try:
            since = now - recent(route.policy)
            found = metrics_of(self._logs, route.name, route.policy, since=since, until=now)
            self._metrics[route.name] = {
                **found.to_json(),
                "estimates": self._estimates(route, since, now),
            }
            if route.rollout is None:
                self._leave(route.name, report_of(self._logs, desk, route.name).to_json())
        except Exception as problem:  # noqa: BLE001 # the border of a report; see guard.py
            told("no report", route=route.name, why=str(problem), trace=trace_of(problem))

    def _estimates(self, route: Route, since: datetime, now: datetime) -> list[dict[str, object]]:
        """Return what is estimated; nothing where that fails, for what was counted still holds."""
        try:
            found = estimates_of(self._logs, route.name, route.policy, since=since, until=now)
            return [one.to_json() for one in found]
        except Exception as problem:  # noqa: BLE001 # the border of an estimate; see guard.py
            told("no estimates", route=route.name, why=str(problem), trace=trace_of(problem))
            return []

    def _leave(self, route: str, found: Mapping[str, object]) -> None:
        try:
            write_report(self._home, route, {**found, "metrics": self._metrics.get(route)})
        except OSError as error:
            told("no report", route=route, why=error.strerror or str(error))
