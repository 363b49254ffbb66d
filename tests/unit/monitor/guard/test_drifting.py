"""The guard tells of drift: once when it comes, once when it is over, and nobody twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.monitor.drift.lender import HALF, MONDAY, ROUTE, Lender, changed

from ketch.cli.registered import told
from ketch.monitor.guard.change import Change
from ketch.monitor.guard.drifting import Drifting
from ketch.registry import Event, Policy
from ketch.serving.routes.wanted import WantedRoute

POLICY = Policy.parse(b'[drift]\nwindow = "4h"\nevery = "1h"')


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Lender:
    """A lender whose applicants change for some hours, and are then as before."""
    lender = Lender.opened(tmp_path_factory.mktemp("watched"), author)
    lender.answer(MONDAY, 1_500)
    lender.answer(MONDAY + HALF, 1_500, changed, seed=3)
    lender.answer(MONDAY + 3 * HALF, 1_500, seed=4)
    lender.promote(POLICY)
    return lender


def watch(lender: Lender, now: datetime) -> tuple[list[Change], list[Event]]:
    """Let a guard that has just begun look; return what it told, and what the history says."""
    said: list[Change] = []
    drifting = Drifting(lender.home, lender.logs, said.append)
    with lender.home.desk() as desk:
        for _ in range(2):  # it is not time for the second
            drifting.watch(desk.route(ROUTE), desk, now)
        history = desk.history(subject=f"route:{ROUTE}")
    return said, [one for one in reversed(history) if one.kind == "drifted"]


def test_drift_is_recorded_once_when_it_comes_and_once_when_it_is_over(lender: Lender) -> None:
    assert watch(lender, MONDAY + HALF) == ([], [])

    (change,), (event,) = watch(lender, MONDAY + 2 * HALF)
    assert (change.did, change.event) == ("drifted", event.seq)
    assert event.body["fields"] == ["age", "home", "debts", "score", "grade"]
    assert str(event.body["sentence"]).startswith("Drift: age, home and debts no longer look like")
    assert "watched lender:1.0.0 on loans: Drift: age, home" in told(event)
    seen = event.body["evidence"]
    assert isinstance(seen, dict)
    assert seen["fields"][0]["effect"] == pytest.approx(0.04, abs=0.005)

    assert watch(lender, MONDAY + 2 * HALF) == ([], [event])

    (change,), (_, over) = watch(lender, MONDAY + 4 * HALF)
    assert over.body["fields"] == []
    assert change.says.startswith("No drift: ")


@pytest.mark.parametrize(
    ("reaction", "after", "held"),
    [("hold", 1, False), ("hold", 2, True), ("hold", 4, False), ("observe", 2, False)],
)
def test_shares_grow_by_themselves_only_while_nothing_drifts(
    lender: Lender, reaction: str, after: int, *, held: bool
) -> None:
    policy = Policy.parse(f'[drift]\nwindow = "4h"\nreaction = "{reaction}"'.encode())
    drifting = Drifting(lender.home, lender.logs, lambda _: None)
    with lender.home.desk() as desk:
        route = replace(desk.route(ROUTE), policy=policy)
        assert drifting.holds(route) == (reaction == "hold"), "nobody looked yet"
        drifting.watch(route, desk, MONDAY + after * HALF)
        assert drifting.holds(route) == held


def test_a_time_in_which_nobody_asked_is_passed_over(lender: Lender) -> None:
    before = watch(lender, MONDAY + 4 * HALF)[1]
    assert watch(lender, MONDAY + timedelta(days=40)) == ([], before)


def test_a_gateway_keeps_a_guard_for_it(lender: Lender) -> None:
    with lender.home.desk() as desk:
        assert WantedRoute.of(desk.route(ROUTE)).has_metrics
