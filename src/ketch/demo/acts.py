"""The second half of the story: live traffic, an experiment, and a package that goes wrong.

Each act is what people typed and what shoppers did; nothing is decided here. Whether the
recommender wins is the guard's verdict on what the shoppers bought; whether its successor is
taken off the route, and when, is the guard's as well.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from ketch.authoring import Progress
from ketch.client import Client
from ketch.demo.people import ANA, BEN, Shell, Typed
from ketch.demo.replay import ROUTE, Visit, play
from ketch.errors import NotFound, Unavailable
from ketch.registry import Desk, Event, Kind, local_desk
from ketch.registry.rollouts import rollouts
from ketch.rollout.terms import Action
from ketch.runtime import Home
from ketch.store.home import REGISTRY_FILE

PAGE = "report.html"
SHADOWED = 100
"""Visits of which the package at staging gets a copy."""
STARTS_S = 120.0
"""How long a package may take until it answers: its environment may have to be made."""
PATIENCE_S = 20.0
"""How long to wait for what follows from the last visit."""

Happened = Callable[[Event], bool]


@dataclass(frozen=True, slots=True)
class Experiment:
    """What became of a rollout.

    Attributes:
        asked, right: By package, how many visits it answered, and how many of those rightly.
        event: The event that ended the wait: the verdict, or the rollback.
        again_s: From that event to the first answer of the package before, in seconds; None
            where no package was taken back.
        decision: The last one of the candidate.
        report: What ``ketch report`` says of the rollout.
    """

    asked: Mapping[str, int]
    right: Mapping[str, int]
    event: Event
    again_s: float | None
    decision: str
    report: Mapping[str, Any]

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch demo --json``."""
        return {
            "asked": dict(self.asked),
            "right": dict(self.right),
            "event": self.event.to_json(),
            "again_s": self.again_s,
            "decision": self.decision,
            "report": dict(self.report),
        }


def desk_of(home: Home) -> AbstractContextManager[Desk]:
    """Return a desk at the registry of the demo's own home, whatever variables say."""
    return local_desk(f"sqlite:///{home.path / REGISTRY_FILE}", home.store, ANA)


class Shopping:
    """A route that is open to shoppers.

    Args:
        shell: Runs what people type.
        desk: Tells what the guard did.
        client: Asks the gateway.
        visits: What shoppers will do.
        progress: Told how many came.
    """

    def __init__(
        self, shell: Shell, desk: Desk, client: Client, visits: list[Visit], progress: Progress
    ) -> None:
        self._shell = shell
        self._desk = desk
        self._client = client
        self._coming = iter(visits)
        self._progress = progress

    def shadow(self, package: str) -> Mapping[str, Any]:
        """Let a package at staging answer copies; return what the report says of them."""
        self._shell.type(ANA, "push", package)
        self._shell.type(ANA, "promote", package, "staging")
        self._await(package, f"staging/{ROUTE}")
        for _ in play(self._client, islice(self._coming, SHADOWED)):
            pass
        return self._shell.type(ANA, "report", ROUTE).value

    def rollout(self, package: str, share: str, happened: Happened, most: int) -> Experiment:
        """Give a package a share of the shoppers until something happens.

        Args:
            package: The package.
            share: Such as ``10%``.
            happened: Whether an event is what is waited for.
            most: How many visits there are for it.

        Raises:
            Unavailable: ``demo/undecided``: it took more.
        """
        self._shell.type(ANA, "promote", package, "limited", "--share", share)
        self._await(package, ROUTE, arm="limited")
        began, event, last = datetime.now(UTC), None, None
        asked, right = Counter[str](), Counter[str]()
        for played, answered in enumerate(play(self._client, islice(self._coming, most)), 1):
            asked[answered.package] += 1
            right[answered.package] += answered.is_right
            last = answered if answered.package == package else last
            if played % 20 == 0:
                self._progress.step(f"{played} shoppers came by")
            if played % 4 == 0 and (event := self._since(began, happened)) is not None:
                break
        event = event or self._wait(began, happened)
        if last is None:
            raise _undecided()
        again_s = self._again(last.visit, package, event.time) if is_taken_back(event) else None
        return Experiment(asked, right, event, again_s, last.decision, self._report())

    def approved(self, package: str) -> tuple[Typed, Typed]:
        """Promote a package to prod: without approval, which is refused, and with."""
        refused = self._shell.type(ANA, "promote", package, "prod", allow=1)
        self._shell.type(BEN, "approve", package, "--reason", "read the report")
        return refused, self._shell.type(ANA, "promote", package, "prod")

    def _report(self) -> Mapping[str, Any]:
        newest = rollouts(self._desk, ROUTE)[0].id
        return self._shell.type(ANA, "report", ROUTE, "--rollout", newest, "--html", PAGE).value

    def _since(self, began: datetime, happened: Happened) -> Event | None:
        events = self._desk.history(subject=f"route:{ROUTE}", limit=5)
        return next((one for one in events if one.time >= began and happened(one)), None)

    def _wait(self, began: datetime, happened: Happened) -> Event:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if (event := self._since(began, happened)) is not None:
                return event
            time.sleep(0.1)
        raise _undecided()

    def _again(self, visit: Visit, package: str, since: datetime) -> float:
        """Return how long after a rollback a shopper of that package got another answer."""
        while self._client.predict(ROUTE, visit.row).package == package:
            time.sleep(0.01)
        return (datetime.now(UTC) - since).total_seconds()

    def _await(self, package: str, route: str, *, arm: str | None = None) -> None:
        """Return when the gateway serves a package: its scenarios passed there, too.

        A forced arm counts for no experiment, and nor does staging.
        """
        visit = next(self._coming)
        self._coming = chain((visit,), self._coming)
        self._progress.step(f"{package} is verified where it will answer")
        until = time.monotonic() + STARTS_S
        while time.monotonic() < until:
            with suppress(NotFound, Unavailable):
                if self._client.predict(route, visit.row, arm=arm).package == package:
                    return
            time.sleep(0.1)
        raise Unavailable(
            f"expected `{package}` to answer, found that it does not", code="demo/serve"
        )


def is_ready(event: Event) -> bool:
    """Whether the guard found that a package may go to prod."""
    return event.kind is Kind.JUDGED and event.body["action"] == str(Action.PROMOTE_READY)


def is_taken_back(event: Event) -> bool:
    """Whether a package was rolled back."""
    return event.kind is Kind.ROLLED_BACK


def _undecided() -> Unavailable:
    return Unavailable(
        "expected the guard to decide on what the shoppers bought, found that it did not",
        code="demo/undecided",
        hint=f"`ketch report {ROUTE}` says what is missing",
    )
