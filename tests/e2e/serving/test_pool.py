"""The workers of a package as they are served: in an environment of its own, from a home."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.pools import gone, run
from tests.shop import ANSWERS, AT, INPUTS, NAME, OUTPUTS, PIPELINE, ROWS, open_shop

import ketch
from ketch.errors import KetchError
from ketch.package import Reference
from ketch.runtime import Home
from ketch.runtime.licence import may_be_batched
from ketch.serving.workers import Pool, PoolSettings

pytestmark = pytest.mark.e2e

STEPS = ["pipeline:features", "pipeline:price"]


async def until(claim: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not claim():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Home:
    return open_shop(tmp_path_factory.mktemp("shop"), tmp_path_factory.mktemp("home"), author)


def test_a_package_is_served_from_its_home_and_leaves_nothing_behind(shop: Home) -> None:
    async def scene() -> list[int]:
        package = shop.open(Reference.parse(NAME))
        pool = await Pool.start(package, shop, settings=PoolSettings(workers=2))
        try:
            await until(lambda: len(pool.workers) == 2)
            pids = [one.pid for one in pool.workers]
            answer = await pool.answer(ROWS, until=time.monotonic() + 10)
            assert answer.rows == ANSWERS
            assert [one.step for one in answer.steps] == list(package.manifest.pipeline.steps)
            os.kill(pids[0], signal.SIGKILL)
            again = await pool.answer(ROWS, until=time.monotonic() + 10)
            assert again.rows == ANSWERS
            await until(lambda: pids[0] not in {one.pid for one in pool.workers})
            await until(lambda: len(pool.workers) == 2)
            return [*pids, *(one.pid for one in pool.workers)]
        finally:
            await pool.close(1.0)

    pids = run(scene())
    assert len(set(pids)) == 3
    assert gone(pids)
    assert list((shop.path / "run").iterdir()) == []


def test_requests_are_answered_together_once_a_verification_has_tried_that(
    tmp_path: Path, author: Callable[..., Path]
) -> None:
    asked = [{"inputs": row, "expected": told} for row, told in zip(ROWS, ANSWERS, strict=True)]
    folder = author(
        tmp_path / "shop", PIPELINE, inputs=INPUTS, outputs=OUTPUTS, scenarios=asked, steps=STEPS
    )
    shop = Home(tmp_path / "home")
    package = ketch.pack(folder, home=shop, verified=False).package

    async def rows_of_a_call() -> int:
        pool = await Pool.start(package, shop, settings=PoolSettings(workers=1))
        try:
            rows = [{"name": "n", "size": 4, "at": AT}]
            until = time.monotonic() + 10
            asked = (pool.answer(rows, until=until) for _ in range(20))
            answers = await asyncio.gather(*asked)
            assert all(one.rows == [{"price": 2.0, "label": "N"}] for one in answers)
            return max(one.batch_rows for one in answers)
        finally:
            await pool.close(1.0)

    assert not may_be_batched(package.digest, shop.store)
    assert run(rows_of_a_call()) == 1
    assert ketch.prove(NAME, home=shop).passed
    assert may_be_batched(package.digest, shop.store)
    assert run(rows_of_a_call()) == 20


def test_a_start_that_is_called_off_leaves_nothing_behind(shop: Home) -> None:
    package = shop.open(Reference.parse(NAME))

    async def scene() -> None:
        for delay_s in (0.0, 0.05, 0.1, 0.2, 0.3):
            starting = asyncio.ensure_future(Pool.start(package, shop))
            await asyncio.sleep(delay_s)
            starting.cancel()
            await asyncio.wait([starting])
            if not starting.cancelled():  # it was quicker than that
                await starting.result().close(0)
        await until(lambda: list((shop.path / "run").iterdir()) == [])

    run(scene())


def test_what_keeps_a_package_from_being_served_is_said(
    tmp_path: Path, author: Callable[..., Path]
) -> None:
    home = open_shop(tmp_path / "shop", tmp_path / "home", author)
    package = home.open(Reference.parse(NAME))
    path = home.store.path(package.artifact.layers[0].digest)
    path.chmod(0o600)
    path.write_bytes(b"x" * path.stat().st_size)

    async def scene() -> None:
        with pytest.raises(KetchError) as caught:
            await Pool.start(package, home)
        assert caught.value.code == "package/digest-mismatch"

    run(scene())
    assert list((home.path / "run").iterdir()) == []
