"""``POST /outcomes``: on the disk before it is answered, and no route that nobody knows."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.decisions import HERE, ORIGIN, decision
from tests.unit.serving.routes.routes import arm

from ketch.monitor.decisions import DecisionLog
from ketch.monitor.outcomes import Outcomes
from ketch.monitor.outcomes.intake import Intake
from ketch.monitor.outcomes.table import FILE
from ketch.serving.doors.outcomes import OutcomesDoor
from ketch.serving.http.messages import Request, Response
from ketch.serving.routes.table import Table, settle
from ketch.serving.routes.wanted import WantedRoute

JSON = {"content-type": "application/json"}
BOUGHT = {"route": "shop", "name": "purchase", "unit": "ana", "value": 20, "key": "order-1"}
SERVED: Table = {"shop": settle(WantedRoute("shop", rest=arm("prod", "a")), None, {}, {})}

Tell = Callable[[object], Coroutine[Any, Any, Response]]


def telling(
    folder: Path,
    tell: Callable[[Tell], Coroutine[Any, Any, None]],
    *,
    most_waiting: int = 50_000,
    patience_s: float = 30.0,
) -> None:
    """Run something that tells outcomes to a door."""

    async def run() -> None:
        intake = Intake(Outcomes(folder, patience_s=patience_s), most_waiting)
        door = OutcomesDoor(intake, folder)

        def answer(body: object) -> Coroutine[Any, Any, Response]:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            return door.answer(Request("POST", "/outcomes", headers=JSON, body=raw), SERVED)

        try:
            await tell(answer)
        finally:
            await intake.close()

    asyncio.run(run())


def test_what_is_answered_is_on_the_disk_and_counts_once(tmp_path: Path) -> None:
    async def tell(answer: Tell) -> None:
        first = await answer(BOUGHT)
        again = await answer([BOUGHT, {**BOUGHT, "key": 2, "label": ["tea"], "value": None}])

        assert (first.status, json.loads(first.body)) == (200, {"recorded": 1, "known": 0})
        assert (again.status, json.loads(again.body)) == (200, {"recorded": 1, "known": 1})
        with Outcomes(tmp_path) as other:
            found = [(one.key, one.value, one.label) for one in other.after(0)]
        assert found == [("order-1", 20.0, None), ("2", 1.0, '["tea"]')]

    telling(tmp_path, tell)


def test_all_that_is_wrong_is_told_and_nothing_is_recorded(tmp_path: Path) -> None:
    async def tell(answer: Tell) -> None:
        bodies: dict[str, object] = {
            "json/syntax": b"{",
            "schema/wrong-type": 3,
            "request/no-rows": [],
            "request/too-many-rows": [BOUGHT] * 10_001,
            "outcomes/of-whom": [BOUGHT, {"route": "shop", "name": "purchase", "key": "a"}],
        }
        for code, body in bodies.items():
            response = await answer(body)
            assert json.loads(response.body)["code"] == code
            assert response.status == (413 if "many" in code else 400)
        wrong = {**BOUGHT, "value": "20", "at": "2026-01-01 00:00:00", "ampunt": 3}
        findings = json.loads((await answer([BOUGHT, wrong])).body)["findings"]
        where = {one["where"] for one in findings}
        assert where == {"rows[1].value", "rows[1].at", "rows[1].ampunt"}

    telling(tmp_path, tell)
    assert not (tmp_path / FILE).exists()


def test_a_key_that_was_told_otherwise_is_a_conflict(tmp_path: Path) -> None:
    async def tell(answer: Tell) -> None:
        await answer(BOUGHT)
        response = await answer({**BOUGHT, "value": 30})

        body = json.loads(response.body)
        assert (response.status, body["code"]) == (409, "outcomes/conflict")
        assert "20.0" in body["detail"]
        assert "30.0" in body["detail"]

    telling(tmp_path, tell)


def test_a_route_is_one_that_is_served_or_was(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, HERE)
    log.record(decision())
    log.close()

    async def tell(answer: Tell) -> None:
        typo = await answer({**BOUGHT, "route": "shpo"})
        gone = await answer({**BOUGHT, "route": ORIGIN.route})

        assert (typo.status, json.loads(typo.body)["hint"]) == (404, "did you mean `shop`?")
        assert gone.status == 200

    telling(tmp_path, tell)


def test_many_who_tell_at_once_share_the_syncs_and_answer_for_themselves(tmp_path: Path) -> None:
    async def tell(answer: Tell) -> None:
        bodies = [{**BOUGHT, "key": f"order-{n % 150}"} for n in range(200)]
        answers = await asyncio.gather(
            *map(answer, [*bodies, {**BOUGHT, "value": -1, "key": "order-7"}])
        )

        assert [one.status for one in answers] == [200] * 200 + [409]
        told = [json.loads(one.body) for one in answers[:-1]]
        assert sum(one["recorded"] for one in told) == 150
        assert sum(one["known"] for one in told) == 50

    telling(tmp_path, tell)


def test_what_cannot_be_recorded_may_be_told_again(tmp_path: Path) -> None:
    async def tell(answer: Tell) -> None:
        assert (await answer(BOUGHT)).status == 200
        con = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        con.execute("BEGIN IMMEDIATE")
        waiting, full = await asyncio.gather(
            answer([{**BOUGHT, "key": f"k{n}"} for n in range(10)]), answer({**BOUGHT, "key": "k"})
        )
        con.execute("ROLLBACK")
        con.close()

        for response, code in ((waiting, "outcomes/busy"), (full, "serve/busy")):
            assert (response.status, json.loads(response.body)["code"]) == (503, code)
            assert dict(response.headers)["Retry-After"] == "1"
        assert (await answer({**BOUGHT, "key": "k"})).status == 200

    telling(tmp_path, tell, most_waiting=10, patience_s=0.1)
