"""The gateway with real workers and a real decision log; only HTTP is left out."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest
from tests.pools import Staff, run, staffed
from tests.verification import ECHO, Bench, asks

from ketch.monitor.decisions import DecisionLog, LogSettings, hot
from ketch.monitor.decisions.reading import Decisions
from ketch.monitor.decisions.table import Recorded
from ketch.schema import Row
from ketch.serving import books as keeping
from ketch.serving import shadow
from ketch.serving.books import Books
from ketch.serving.contract import Contract
from ketch.serving.doors.native import Native
from ketch.serving.gateway import Gateway
from ketch.serving.http.messages import Request, Response
from ketch.serving.metrics import Metrics
from ketch.serving.routes.table import LiveArm, LiveRoute
from ketch.serving.settings import Settings
from ketch.serving.workers.settings import IN_THREAD_BYTES

HERE = LogSettings(seals=False)
NATIVE = Native()


def asked(body: object, **headers: str) -> Request:
    given = {"content-type": "application/json", **headers}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", "/shop", headers=given, body=content, arrived=time.monotonic())


@dataclass
class Scene:
    """A gateway that serves one route."""

    gateway: Gateway
    log: DecisionLog
    folder: Path

    def serve(self, **arms: object) -> LiveRoute:
        route = LiveRoute("shop", unit="x", **arms)  # type: ignore[arg-type] # a test's own
        self.gateway.flip(MappingProxyType({"shop": route}))
        return route

    async def ask(self, request: Request) -> Response:
        return await self.gateway.answer(request, self.gateway.table["shop"], NATIVE)

    def statuses(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for series in self.gateway.books.metrics.requests.values():
            for status, count in series.statuses.items():
                found[status] = found.get(status, 0) + count
        return found

    def written(self) -> list[Recorded]:
        assert self.log.flush()
        with Decisions(self.folder) as known:
            names, rows = known.query("SELECT id FROM decisions ORDER BY id")
            assert names == ["id"]
            return [known.find(str(row[0])) for row in rows]


@asynccontextmanager
async def scene(folder: Path, *, durable: bool = False) -> AsyncIterator[Scene]:
    log = DecisionLog(folder, HERE)
    gateway = Gateway(Settings(), Books(Metrics(), log, durable=durable))
    try:
        yield Scene(gateway, log, folder)
    finally:
        await gateway.close()
        await asyncio.to_thread(log.close)


@asynccontextmanager
async def pools(bench: Bench, count: int) -> AsyncIterator[Sequence[Staff]]:
    """Yield the workers of so many packages."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(staffed(bench)) for _ in range(count)]


def prod(staff: Staff) -> LiveArm:
    return LiveArm("prod", staff.pool)


def test_each_answer_is_counted_and_recorded_once(bench: Bench, tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path / "log") as stage, pools(bench, 1) as (one,):
            stage.serve(rest=prod(one))
            response = await stage.ask(asked([{"x": 1}, {"x": 2}, {"x": 1}]))

            assert response.status == 200
            assert stage.statuses() == {200: 1}
            rows = [(found.inputs, found.outputs) for found in stage.written()]
            assert rows == [('[{"x":1},{"x":1}]',) * 2, ('[{"x":2}]',) * 2]

    run(story())


def test_whoever_gets_no_answer_can_name_the_decision_and_so_does_the_log(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        code = "def run(model, rows):\n    assert rows[0]['x'] < 70, 'broken'\n    return rows\n"
        async with scene(tmp_path / "log") as stage, staffed(bench, code) as one:
            stage.serve(rest=prod(one))
            response = await stage.ask(asked([{"x": 70}, {"x": 80}]))

            said = dict(response.headers)
            assert (response.status, said["Ketch-Arm"]) == (500, "prod, prod")
            assert said["Ketch-Part"] == "01"
            told = said["Ketch-Decision"].split(", ")
            assert told == [found.id for found in stage.written()]
            logged = [vars(record) for record in caplog.records if "broken" in record.message]
            assert told[0] in str(logged)

    with caplog.at_level("ERROR"):
        run(story())


def test_a_request_that_was_asked_of_no_package_names_none(bench: Bench, tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path / "log") as stage, pools(bench, 1) as (one,):
            stage.serve(rest=prod(one))
            response = await stage.ask(asked({"y": 1}))

            assert (response.status, response.headers) == (400, ())

    run(story())


def test_a_request_that_is_read_while_the_package_is_swapped_is_answered_by_the_new_one(
    bench: Bench, tmp_path: Path
) -> None:
    """A large body is read in a thread; meanwhile the package it was meant for may be gone."""

    async def story() -> None:
        async with scene(tmp_path / "log") as stage, pools(bench, 2) as (old, new):
            stage.serve(rest=LiveArm("prod", old.pool))
            body = b'{"x":7}' + b" " * IN_THREAD_BYTES
            asking = asyncio.create_task(stage.ask(asked(body)))
            await asyncio.sleep(0)
            stage.serve(rest=LiveArm("prod", new.pool))
            await old.pool.close(5.0)

            response = await asking
            assert (response.status, response.body) == (200, b'{"x":7}')
            assert stage.statuses() == {200: 1}
            assert len(stage.written()) == 1

    run(story())


def test_a_request_of_many_units_lets_others_take_their_turn(bench: Bench, tmp_path: Path) -> None:
    """Ten thousand decisions in one breath would hold the event loop for a tenth of a second."""

    async def story() -> None:
        async with scene(tmp_path / "log") as stage, pools(bench, 1) as (one,):
            stage.serve(rest=prod(one))
            seen: set[int] = set()

            async def looking() -> None:
                while True:
                    seen.add(stage.log.health.recorded)
                    await asyncio.sleep(0)

            looks = asyncio.create_task(looking())
            response = await stage.ask(asked([{"x": n} for n in range(5_000)]))
            looks.cancel()

            assert len(json.loads(response.body)) == 5_000
            assert stage.log.health.recorded == 5_000
            assert len(seen) > 10

    run(story())


def test_a_request_to_the_staging_address_is_never_answered_by_another_package(
    bench: Bench, tmp_path: Path
) -> None:
    async def story() -> None:
        newer = staffed(bench, ECHO + "# newer\n")
        async with scene(tmp_path / "log") as stage, pools(bench, 1) as (live,), newer as staged:
            before = stage.serve(rest=prod(live), staging=LiveArm("staging", staged.pool))
            assert before.staged is not None
            stage.serve(rest=prod(live))
            await staged.pool.close(5.0)

            response = await stage.gateway.answer(asked({"x": 1}), before.staged, NATIVE)
            assert response.status == 503
            assert json.loads(response.body)["code"] == "serve/closing"

    run(story())


class TestShadow:
    def test_each_unit_of_a_request_has_a_copy_of_its_own(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        """Else what is erased of one unit would still stand with another."""

        async def story() -> None:
            async with scene(tmp_path / "log") as stage, pools(bench, 2) as (live, staged):
                stage.serve(rest=prod(live), staging=LiveArm("staging", staged.pool))
                await stage.ask(asked([{"x": 1}, {"x": 2}, {"x": 1}]))
                await staged.until(lambda: stage.log.health.recorded == 4)

                found = stage.written()
                by_id = {one.id: one for one in found}
                copies = [one for one in found if one.shadow_of is not None]
                assert len(copies) == 2
                for copy in copies:
                    original = by_id[str(copy.shadow_of)]
                    assert (copy.unit, copy.inputs) == (original.unit, original.inputs)
                    assert (copy.arm, copy.why) == ("staging", "shadow")
                    assert copy.duration_us > 0

        run(story())

    def test_a_copy_that_failed_is_recorded_with_its_error(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        """Else nobody could say which share of its answers a package at staging owes."""
        broken = "def run(model, rows):\n    assert rows[0]['x'] < 70\n    return rows\n"

        async def story() -> None:
            other = staffed(bench, broken)
            async with (
                scene(tmp_path / "log") as stage,
                pools(bench, 1) as (live,),
                other as staged,
            ):
                stage.serve(rest=prod(live), staging=LiveArm("staging", staged.pool))
                assert (await stage.ask(asked({"x": 70}))).status == 200
                await staged.until(lambda: stage.log.health.recorded == 2)

                answered, copy = stage.written()
                assert copy.shadow_of == answered.id
                assert (copy.status, copy.error, copy.outputs) == (
                    500,
                    "package-code/raised",
                    "null",
                )

        run(story())

    def test_nothing_of_a_row_is_kept_that_the_schema_of_the_copy_does_not_know(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        """Of such a row it is not known what of it is personal data."""
        schema = {"y": "int64"}
        narrow = bench.package(
            ECHO, asks("echo", {"y": 1}, {"y": 1}), inputs=schema, outputs=schema
        )

        async def story() -> None:
            other = staffed(bench, narrow)
            async with (
                scene(tmp_path / "log") as stage,
                pools(bench, 1) as (live,),
                other as staged,
            ):
                stage.serve(rest=prod(live), staging=LiveArm("staging", staged.pool))
                await stage.ask(asked({"x": 1}))
                await staged.until(lambda: stage.log.health.recorded == 2)

                copy = stage.written()[-1]
                assert (copy.status, copy.inputs, copy.outputs) == (400, "null", "null")
                assert str(copy.error).startswith("schema/")

        run(story())

    def test_a_package_that_answered_is_not_asked_once_more(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        async def story() -> None:
            async with scene(tmp_path / "log") as stage, pools(bench, 1) as (one,):
                stage.serve(rest=prod(one), staging=LiveArm("staging", one.pool))
                await stage.ask(asked({"x": 1}))
                await asyncio.sleep(0.2)

                assert one.pool.counts.calls == 1
                assert stage.gateway.books.metrics.counts["shadow"] == {}

        run(story())

    def test_a_large_request_is_read_again_beside_the_event_loop(
        self, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shadow, "IN_THREAD_BYTES", 1_000)
        readers: list[str] = []
        read = shadow._read

        def noting(contract: Contract, rows: list[Row]) -> tuple[list[Row], bytes]:
            readers.append(threading.current_thread().name)
            return read(contract, rows)

        monkeypatch.setattr(shadow, "_read", noting)

        async def story() -> None:
            async with scene(tmp_path / "log") as stage, pools(bench, 2) as (live, staged):
                stage.serve(rest=prod(live), staging=LiveArm("staging", staged.pool))
                await stage.ask(asked([{"x": 1}] * 900))
                await staged.until(lambda: stage.log.health.recorded == 2)

                assert readers == ["ketch-shadow"]

        run(story())


class TestDurable:
    def test_an_answer_that_cannot_be_recorded_is_refused_and_counted_once(
        self, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuses = threading.Event()
        append = hot.HotFiles.append

        def refusing(self: hot.HotFiles, content: bytes, end: int) -> None:
            if refuses.is_set():
                raise OSError(28, "No space left on device")
            append(self, content, end)

        monkeypatch.setattr(hot.HotFiles, "append", refusing)

        async def story() -> None:
            async with scene(tmp_path / "log", durable=True) as stage, pools(bench, 1) as (one,):
                stage.serve(rest=prod(one))
                refuses.set()
                response = await stage.ask(asked({"x": 1}))

                assert response.status == 503
                assert json.loads(response.body)["code"] == keeping.NOT_RECORDED
                assert stage.statuses() == {503: 1}
                refuses.clear()
                assert len(stage.written()) == 1

        run(story())

    def test_a_disk_that_says_nothing_is_not_waited_for_for_ever(
        self, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keeping, "KEPT_S", 0.2)
        goes_on = threading.Event()
        sync = hot.HotFiles.sync

        def standing(self: hot.HotFiles) -> None:
            goes_on.wait(30)
            sync(self)

        monkeypatch.setattr(hot.HotFiles, "sync", standing)

        async def story() -> None:
            async with scene(tmp_path / "log", durable=True) as stage, pools(bench, 1) as (one,):
                stage.serve(rest=prod(one))
                response = await stage.ask(asked({"x": 1}))
                goes_on.set()

                assert response.status == 503

        run(story())
