"""The guard with a real registry, a real decision log and real outcomes; no gateway."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.registries import VERIFIED, made

from ketch.errors import NotFound, UsageError
from ketch.monitor.decisions import Decision, DecisionLog, LogSettings, Origin, new_id
from ketch.monitor.guard import guard
from ketch.monitor.guard.change import Change
from ketch.monitor.guard.guard import Guard
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.package import Reference, Stage
from ketch.registry import Event, LocalDesk, Place, Policy, Route, Share
from ketch.rollout.terms import Action
from ketch.runtime import Home

ROUTE = "greetings"
POLICY = Policy.parse(b"""
auto_rollback = true
primary = "purchase"
[minimum]
units = 10
outcomes = 1
days = 0.0
""")
HALF = Share(500_000)


@dataclass
class Shop:
    """A ketch home with one package in prod, and another one that half of the shoppers get."""

    home: Home
    log: DecisionLog
    outcomes: Outcomes
    told: list[Change] = field(default_factory=list)

    @property
    def logs(self) -> tuple[Path, ...]:
        return (self.home.path / "decisions",)

    @property
    def route(self) -> Route:
        with self.desk() as desk:
            return desk.route(ROUTE)

    @contextmanager
    def desk(self) -> Iterator[LocalDesk]:
        with self.home.desk() as desk:
            assert isinstance(desk, LocalDesk)
            yield desk

    def history(self) -> list[Event]:
        with self.desk() as desk:
            return list(reversed(desk.history(subject=f"route:{ROUTE}")))

    def promote(self, reference: str, stage: str, share: Share | None = None) -> None:
        with self.desk() as desk:
            desk.registry.promote(
                Reference.parse(reference),
                Stage(stage),
                actor="otto",
                evidence=VERIFIED,
                share=share,
                route=ROUTE,
                override=True,
                reason="set up",
            )

    def answer(self, arm: str, units: range) -> list[str]:
        """Answer some shoppers; return the decisions, which are in a file by then."""
        route = self.route
        place = route.at(Place(arm))
        assert place is not None
        origin = Origin(
            ROUTE,
            place.package,
            str(place.digest),
            arm,
            "limited=500000 prod=500000",
            route.rollout or "",
        )
        made = [
            Decision(new_id(), origin, b"{}", b"{}", unit=f"{arm}-{one}", why="unit")
            for one in units
        ]
        for one in made:
            assert self.log.record(one)
        assert self.log.flush()
        return [one.id for one in made]

    def sell(self, decisions: list[str]) -> None:
        done = self.outcomes.record(Outcome(ROUTE, "purchase", decision=one) for one in decisions)
        assert done.new == len(decisions)

    def lose(self, shoppers: int = 60) -> None:
        """Let whoever has the candidate buy nothing, and all others buy."""
        self.answer("limited", range(shoppers))
        self.sell(self.answer("prod", range(shoppers)))

    def guard(self, *routes: str, told: list[Change] | None = None) -> Guard:
        return Guard(self.home, self.logs, routes, (self.told if told is None else told).append)

    @property
    def did(self) -> list[str]:
        return [one.did for one in self.told]


@pytest.fixture
def shop(home: Home) -> Iterator[Shop]:
    log = DecisionLog(home.path / "decisions", LogSettings(seals=False))
    shop = Shop(home, log, Outcomes(home.path / "decisions"))
    for reference in ("hello:1.0.0", "hello:1.1.0"):
        package, store = made(reference)
        for digest in store.digests():
            home.store.put_bytes(store.read(digest))
        with shop.desk() as desk:
            desk.registry.publish(package, actor="ana")
    shop.promote("hello:1.0.0", "prod")
    with shop.desk() as desk:
        desk.registry.set_policy(ROUTE, POLICY, actor="otto")
    shop.promote("hello:1.1.0", "limited", HALF)
    yield shop
    log.close()
    shop.outcomes.close()


def rolled_back(shop: Shop) -> list[Event]:
    return [one for one in shop.history() if one.kind == "rolled-back"]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what changed be recorded at the next look."""
    monkeypatch.setattr(guard, "SETTLED_S", 0.0)


@contextmanager
def running(*guards: Guard) -> Iterator[None]:
    stopped = threading.Event()
    threads = [threading.Thread(target=one.run, args=(stopped,)) for one in guards]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()


def until(claim: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_harm_is_recorded_and_rolled_back_with_the_numbers_that_were_seen(shop: Shop) -> None:
    shop.lose()

    shop.guard().once()

    *_, judged, back = shop.history()
    assert (judged.kind, back.kind) == ("judged", "rolled-back")
    assert judged.actor == back.actor == "guard"
    assert judged.body["action"] == "roll-back"
    assert back.body["reason"] == judged.body["sentence"]
    assert str(back.body["reason"]).startswith("Roll back: purchase is")
    seen = back.body["evidence"]
    assert seen == judged.body["evidence"]
    assert (seen["units"], seen["baseline_units"], seen["outcomes"]) == (60, 60, 60)  # type: ignore[index]
    assert seen["e_value"] > 20  # type: ignore[index]
    assert shop.route.at(Place.LIMITED) is None
    assert shop.did == ["watches", "judged", "rolled-back"]


def test_where_the_policy_does_not_let_it_a_verdict_is_recorded_and_nothing_else(
    shop: Shop,
) -> None:
    with shop.desk() as desk:
        policy = Policy.from_json({**POLICY.to_json(), "auto_rollback": False})
        desk.registry.set_policy(ROUTE, policy, actor="otto")
    shop.lose()

    [watch] = shop.guard().once()
    assert watch.tally is not None
    assert watch.tally.rollout.action is Action.ROLL_BACK  # what it reports knows the record
    shop.guard().once()

    assert [one.kind for one in shop.history()][-1] == "judged"
    assert rolled_back(shop) == []
    assert shop.did == ["watches", "judged", "watches"]


def test_a_verdict_to_roll_back_outlives_the_guard_and_the_evidence(shop: Shop) -> None:
    """It was killed after it had recorded the verdict; then many buy of the candidate."""
    with shop.desk() as desk:
        verdict = {
            "rollout": shop.route.rollout,
            "digest": str(shop.route.at(Place.LIMITED).digest),  # type: ignore[union-attr]
            "action": "roll-back",
            "sentence": "Roll back: purchase was lower.",
            "evidence": {"e_value": 21.0},
        }
        desk.judge(ROUTE, verdict)
    shop.sell(shop.answer("limited", range(200)))

    shop.guard().once()

    [back] = rolled_back(shop)
    assert back.body["reason"] == "Roll back: purchase was lower."
    assert back.body["evidence"] == {"e_value": 21.0}


def test_two_guards_of_one_registry_do_not_act_twice(shop: Shop) -> None:
    others: list[Change] = []
    with running(shop.guard(), shop.guard(told=others)):
        until(lambda: shop.told and others)
        shop.lose()
        until(lambda: rolled_back(shop))
        time.sleep(0.3)

    assert len(rolled_back(shop)) == 1
    judged = [one.body["action"] for one in shop.history() if one.kind == "judged"]
    assert judged.count("roll-back") == 1
    assert [one.did for one in (*shop.told, *others)].count("rolled-back") == 1


def test_no_data_holds_and_is_no_success(shop: Shop) -> None:
    shop.guard().once()

    judged = shop.history()[-1]
    assert judged.body["action"] == "hold"
    assert "0 of 10 units have the candidate" in str(judged.body["sentence"])


def test_a_log_that_cannot_be_read_holds_and_says_why(shop: Shop) -> None:
    shop.answer("limited", range(60))
    shop.answer("prod", range(60))
    outcomes = shop.home.path / "decisions" / "outcomes.db"
    outcomes.write_bytes(b"this is no database" * 1000)

    shop.guard().once()

    judged = shop.history()[-1]
    assert judged.body["action"] == "hold"
    assert "expected to use the outcomes, found: file is not" in str(judged.body["sentence"])


def test_a_registry_that_is_away_is_asked_again_and_what_is_to_be_done_is_done_then(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.lose()
    registry, kept = shop.home.path / "registry.db", shop.home.path / "kept.db"
    registry.rename(kept)
    registry.mkdir()  # nothing can be opened there
    with running(shop.guard()):
        until(lambda: "the registry does not answer" in caplog.text)
        assert shop.told == []
        registry.rmdir()
        kept.rename(registry)
        until(lambda: "rolled-back" in shop.did)

    assert len(rolled_back(shop)) == 1


def test_a_step_that_the_registry_refuses_is_told_and_not_tried_all_the_time(shop: Shop) -> None:
    """The bytes of the candidate have no verification beside them: its share may not grow."""
    ramp = {"shares": [0.1, 0.9], "step": "1s"}
    with shop.desk() as desk:
        policy = Policy.from_json({**POLICY.to_json(), "ramp": ramp})
        desk.registry.set_policy(ROUTE, policy, actor="otto")
    with running(shop.guard()):
        until(lambda: shop.told)
        shop.sell(shop.answer("limited", range(30)) + shop.answer("prod", range(30)))
        until(lambda: "refused" in shop.did)
        time.sleep(0.3)

    assert shop.did.count("refused") == 1
    assert "1 gate closed" in shop.told[-1].says
    assert shop.route.at(Place.LIMITED).share == HALF  # type: ignore[union-attr]


def test_a_package_that_cannot_be_read_keeps_a_share_from_growing_and_nothing_else(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    with shop.desk() as desk:
        ramp = {"shares": [0.1, 0.9], "step": "1s"}
        policy = Policy.from_json({**POLICY.to_json(), "ramp": ramp})
        desk.registry.set_policy(ROUTE, policy, actor="otto")
    for digest in list(shop.home.store.digests()):
        path = shop.home.store.path(digest)
        path.chmod(0o600)
        path.write_bytes(b"damaged")
    shop.sell(shop.answer("limited", range(30)) + shop.answer("prod", range(30)))
    with running(shop.guard()):
        until(lambda: "refused" in shop.did)
        shop.lose(100)
        until(lambda: "rolled-back" in shop.did)

    assert "the registry does not answer" not in caplog.text


def test_a_route_that_nobody_knows_is_told(shop: Shop) -> None:
    with pytest.raises(NotFound, match="greetins"):
        shop.guard("greetins").once()


def test_logs_that_hash_units_differently_are_told_before_anything_is_judged(
    shop: Shop, tmp_path: Path
) -> None:
    DecisionLog(tmp_path / "other", LogSettings(seals=False)).close()
    with pytest.raises(UsageError) as refused:
        Guard(shop.home, [*shop.logs, tmp_path / "other"]).once()
    assert refused.value.code == "decisions/different-keys"


def test_a_rollout_that_a_person_ends_is_left(shop: Shop) -> None:
    with running(shop.guard()):
        until(lambda: shop.told)
        with shop.desk() as desk:
            desk.roll_back(ROUTE, reason="I like it better before")
        until(lambda: "ended" in shop.did)

    assert shop.told[-1].says.startswith("rolled-back by ")
