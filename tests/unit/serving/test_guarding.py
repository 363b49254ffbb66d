"""A guard beside the gateway: real processes that end when their standard input does."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.shop import is_running

from ketch.package import Digest
from ketch.runtime import Home
from ketch.serving import guarding
from ketch.serving.guarding import Guarding
from ketch.serving.routes.wanted import WantedArm, WantedRoute

PROD = WantedArm("prod", "shop:1.0.0", Digest.of(b"1"))
QUIET = (WantedRoute("shop", rest=PROD, others=(WantedArm("baseline", "top:1", Digest.of(b"0")),)),)
ROLLOUT = (WantedRoute("shop", rest=PROD, others=(WantedArm("limited", "b:1", Digest.of(b"2")),)),)

WATCHES = "import os, sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); "
GOOD = WATCHES + "sys.stdin.read()"
STUBBORN = WATCHES + "import time; time.sleep(60)"
DYING = WATCHES + "os._exit(7)"


def run(
    home: Home, code: str, story: Callable[[Guarding, Callable[[], list[int]]], object]
) -> None:
    """Run a gateway's keeper of guards through a story."""
    told = home.path / "pids"
    told.parent.mkdir(parents=True, exist_ok=True)
    keeper = Guarding(home, (sys.executable, "-c", code, str(told)), linger_s=0.3)

    def begun() -> list[int]:
        return [int(one) for one in told.read_text().split()] if told.exists() else []

    async def play() -> None:
        running = asyncio.create_task(keeper.run())
        try:
            await story(keeper, begun)  # type: ignore[misc] # a coroutine function
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    asyncio.run(play())


async def until(claim: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def test_a_guard_runs_while_a_candidate_has_a_share_and_no_longer(home: Home) -> None:
    pids: Sequence[int] = ()

    async def story(keeper: Guarding, begun: Callable[[], list[int]]) -> None:
        keeper.want(QUIET)
        await asyncio.sleep(0.1)
        assert begun() == []
        keeper.want(ROLLOUT)
        await until(begun)
        keeper.want(QUIET)
        await asyncio.sleep(0.1)
        keeper.want(ROLLOUT)  # the next one, a moment later: the same guard goes on
        await asyncio.sleep(0.4)
        assert all(map(is_running, begun()))
        keeper.want(QUIET)
        await until(lambda: not is_running(begun()[0]))
        keeper.want(ROLLOUT)
        await until(lambda: len(begun()) == 2)
        nonlocal pids
        pids = begun()

    run(home, GOOD, story)
    assert not any(map(is_running, pids))  # the gateway has ended


def test_a_guard_runs_where_a_policy_declares_metrics(home: Home) -> None:
    async def story(keeper: Guarding, begun: Callable[[], list[int]]) -> None:
        keeper.want((replace(QUIET[0], has_metrics=True),))
        await until(begun)

    run(home, GOOD, story)


def test_a_guard_that_dies_is_started_again(home: Home) -> None:
    async def story(keeper: Guarding, begun: Callable[[], list[int]]) -> None:
        keeper.want(ROLLOUT)
        await until(lambda: len(begun()) >= 2)

    run(home, DYING, story)


def test_a_guard_that_does_not_end_is_killed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "GOODBYE_S", 0.2)
    pids: Sequence[int] = ()

    async def story(keeper: Guarding, begun: Callable[[], list[int]]) -> None:
        nonlocal pids
        keeper.want(ROLLOUT)
        await until(begun)
        pids = begun()

    run(home, STUBBORN, story)
    assert pids
    assert not any(map(is_running, pids))


def test_a_guard_that_cannot_be_started_is_tried_again(home: Home) -> None:
    async def story(keeper: Guarding, begun: Callable[[], list[int]]) -> None:
        good, keeper.command = keeper.command, (str(Path("no") / "such" / "program"),)
        keeper.want(ROLLOUT)
        await asyncio.sleep(0.05)
        keeper.command = good
        await until(begun)

    run(home, GOOD, story)
