import asyncio
from collections.abc import Coroutine
from typing import cast

import pytest
from tests.unit.serving.routes.routes import Standing, arm, digest

from ketch.errors import Unavailable
from ketch.package import Digest
from ketch.serving.routes import converge
from ketch.serving.routes.converge import Converger
from ketch.serving.routes.table import Table
from ketch.serving.routes.wanted import WantedArm, WantedRoute
from ketch.serving.workers import Pool

ONE = WantedRoute("shop", 1, rest=arm("prod", "a"))
TWO = WantedRoute("shop", 2, rest=arm("prod", "b"), before=arm("before", "a"))


class Machine:
    """Starts pools when it is told to, and remembers every table that was served."""

    def __init__(self) -> None:
        self.may_start: dict[Digest, asyncio.Event] = {}
        self.broken: set[Digest] = set()
        self.faulty: set[Digest] = set()
        self.called_off: list[Digest] = []
        self.pools: dict[Digest, Standing] = {}
        self.tables: list[Table] = []
        self.starts: list[WantedArm] = []
        self.converger = Converger(self.start, self.tables.append, drain_s=1.0)

    def hold(self, letter: str) -> None:
        self.may_start[digest(letter)] = asyncio.Event()

    async def start(self, wanted: WantedArm) -> Pool:
        self.starts.append(wanted)
        if wanted.digest in self.may_start:
            await self._held_back(wanted.digest)
        if wanted.digest in self.faulty:
            raise RuntimeError("can't start new thread")
        if wanted.digest in self.broken:
            raise Unavailable("its scenario `one` fails", code="serve/unproved")
        found = self.pools[wanted.digest] = Standing(wanted.package)
        return cast("Pool", found)

    async def _held_back(self, wanted: Digest) -> None:
        try:
            await self.may_start[wanted].wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)  # as long as it takes to end a process
            self.called_off.append(wanted)
            raise

    def served(self) -> list[str | None]:
        """Who answered the rest, table by table."""
        shops = [table.get("shop") for table in self.tables]
        return [_letter(self, shop.rest.pool) if shop and shop.rest else None for shop in shops]


def _letter(machine: Machine, pool: Pool) -> str:
    return next(
        str(d).partition(":")[2][0] for d, p in machine.pools.items() if cast("Pool", p) is pool
    )


def run(story: Coroutine[object, object, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 10))


def test_a_package_is_served_once_it_runs() -> None:
    async def story() -> None:
        machine = Machine()
        machine.hold("a")
        machine.converger.want([ONE])
        await asyncio.sleep(0)
        assert machine.served() == [None]

        machine.may_start[digest("a")].set()
        await machine.converger.tried()

        assert machine.served() == [None, "a"]
        await machine.converger.close()

    run(story())


def test_the_old_package_answers_until_the_new_one_runs_and_then_ends() -> None:
    async def story() -> None:
        machine = Machine()
        machine.converger.want([ONE])
        await machine.converger.tried()
        machine.hold("b")
        machine.converger.want([WantedRoute("shop", 2, rest=arm("prod", "b"))])
        await asyncio.sleep(0)
        assert not machine.pools[digest("a")].closed.is_set()

        machine.may_start[digest("b")].set()
        await machine.converger.tried()
        await machine.pools[digest("a")].closed.wait()

        assert machine.served()[-1] == "b"
        assert None not in machine.served()[machine.served().index("a") :]
        await machine.converger.close()

    run(story())


def test_the_package_before_stays_up_so_that_going_back_is_one_step() -> None:
    async def story() -> None:
        machine = Machine()
        machine.converger.want([ONE])
        await machine.converger.tried()
        machine.converger.want([TWO])
        await machine.converger.tried()

        machine.converger.want([WantedRoute("shop", 3, rest=arm("prod", "a"))])

        assert machine.served()[-1] == "a"
        assert [one.digest for one in machine.starts] == [digest("a"), digest("b")]
        await machine.converger.close()

    run(story())


def test_a_package_that_cannot_be_started_leaves_what_was_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(converge, "RETRY_S", (0.01,))

    async def story() -> None:
        machine = Machine()
        machine.converger.want([ONE])
        await machine.converger.tried()
        machine.broken.add(digest("b"))
        machine.converger.want([TWO])
        await machine.converger.tried()

        assert machine.served()[-1] == "a"
        assert machine.converger.table["shop"].problems == {
            "shop:1.0.0": "its scenario `one` fails"
        }

        machine.broken.clear()  # what was missing came, and it is tried again by itself
        while machine.served()[-1] != "b":  # noqa: ASYNC110 # a test may look again and again
            await asyncio.sleep(0.01)
        await machine.converger.close()

    run(story())


def test_a_fault_that_nobody_thought_of_stops_neither_others_nor_the_next_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(converge, "RETRY_S", (0.01,))

    async def story() -> None:
        machine = Machine()
        machine.faulty.add(digest("b"))
        machine.converger.want([ONE, WantedRoute("other", rest=arm("prod", "b"))])
        await machine.converger.tried()

        table = machine.converger.table
        assert table["shop"].rest is not None
        assert table["other"].rest is None
        assert table["other"].problems == {"shop:1.0.0": "the gateway failed: RuntimeError"}

        machine.faulty.clear()
        while machine.converger.table["other"].rest is None:  # noqa: ASYNC110 # nothing tells
            await asyncio.sleep(0.01)
        await machine.converger.close()

    run(story())


def test_the_end_waits_for_what_a_start_that_was_called_off_leaves() -> None:
    async def story() -> None:
        machine = Machine()
        machine.hold("b")
        machine.converger.want([ONE, WantedRoute("other", rest=arm("prod", "b"))])
        await asyncio.sleep(0.01)
        machine.converger.want([ONE])
        await machine.converger.close()

        assert machine.called_off == [digest("b")]

    run(story())


def test_a_package_nobody_wants_any_more_is_not_started_to_its_end() -> None:
    async def story() -> None:
        machine = Machine()
        machine.hold("b")
        machine.converger.want([ONE, WantedRoute("other", rest=arm("prod", "b"))])
        await asyncio.sleep(0.01)

        machine.converger.want([ONE])
        machine.may_start[digest("b")].set()
        await asyncio.sleep(0.05)

        assert digest("b") not in machine.pools
        await machine.converger.close()

    run(story())


def test_one_package_on_two_routes_runs_once() -> None:
    async def story() -> None:
        machine = Machine()
        machine.converger.want([ONE, WantedRoute("other", rest=arm("prod", "a"))])
        await machine.converger.tried()

        assert len(machine.starts) == 1
        await machine.converger.close()

    run(story())


def test_at_the_end_every_pool_is_closed() -> None:
    async def story() -> None:
        machine = Machine()
        machine.converger.want([ONE, WantedRoute("other", rest=arm("prod", "b"))])
        await machine.converger.tried()

        await machine.converger.close()

        assert all(pool.closed.is_set() for pool in machine.pools.values())
        assert dict(machine.tables[-1]) == {}

    run(story())
