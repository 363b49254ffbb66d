"""What is known of a route: arms, lift, verdict, and how it came about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.registries import Here, Office
from tests.tallies import POLICY, ROUTE, Writer, at, decided, rollout

from ketch.errors import NotFound
from ketch.monitor.decisions import Decision, Origin
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.monitor.rollouts import RolloutReport, Tally, report, report_of, standing
from ketch.registry import Arm, Event, Kind, Place, Policy, Share, open_database
from ketch.registry.rollouts import rollouts
from ketch.rollout import Split
from ketch.rollout.assign import Claim
from ketch.rollout.terms import Action
from ketch.rollout.verdict import Verdict

GREETINGS = "greetings"
RULES = Policy.parse(b"""
unit = "name"
primary = "thanks"
baseline = "plain:1.0"
baseline_share = 0.2
auto_rollback = true
[guardrails.thanks]
window = "2d"
[guardrails.errors]
[minimum]
units = 20
outcomes = 5
days = 1.0
""")


class Shop:
    """A registry with a route, and the answers of a gateway that would follow it."""

    def __init__(self, folder: Path) -> None:
        self.office = Office(Here(open_database("sqlite://")))
        self.log = folder / "decisions"
        self.writer = Writer(self.log)
        self._numbers = iter(range(10**9))

    @property
    def now(self) -> datetime:
        return self.office.clock.now

    def ask(self, number: int) -> None:
        """Let so many people ask, one a minute; those of the candidate thank seldom."""
        made, thanks = [], []
        for _ in range(number):
            index = next(self._numbers)
            one = self._decision(f"u{index}")
            made.append(one)
            if index % (5 if one.origin.arm == "limited" else 2) == 0:
                thanks.append(Outcome(GREETINGS, "thanks", at=self.now, decision=one.id))
            self.office.clock.pass_by(minutes=1)
        self.writer.write(made)
        with Outcomes(self.log, clock=lambda: self.now) as ledger:
            ledger.record(thanks)

    def _decision(self, unit: str) -> Decision:
        route = self.office.at().route(GREETINGS)
        arms = {str(arm.place): arm for arm in route.arms}
        held, limited = arms.get("baseline"), arms.get("limited")
        split = Split("prod", _claim(held), _claim(limited))
        drawn = split.assign(unit)
        arm = arms[drawn.arm]
        is_side = drawn.arm != "baseline"
        origin = Origin(
            GREETINGS,
            arm.package,
            str(arm.digest),
            drawn.arm,
            split.shares,
            (route.rollout or "") if is_side else "",
        )
        one = decided(unit, "prod", 0, why=drawn.why, made=origin)
        one.id = f"{moment_of(self.now):016x}{0x8000000000000001:016x}"
        return one

    def report(self, **how: datetime | str) -> RolloutReport:
        how.setdefault("at", self.now)
        return report_of([self.log], self.office.at(), GREETINGS, **how)  # type: ignore[arg-type]


def _claim(arm: Arm | None) -> Claim | None:
    return None if arm is None else Claim(str(arm.place), arm.share.millionths, arm.salt or "")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    shop.office.in_prod("greeter:1.0")
    shop.office.publish("plain:1.0")
    shop.office.approve("plain:1.0")
    shop.office.at().set_policy(GREETINGS, RULES)
    shop.office.publish("greeter:1.1")
    yield shop
    shop.office.close()


def test_a_rollout_is_reported_while_it_lasts_and_as_of_then_when_it_is_over(shop: Shop) -> None:
    quiet = shop.report().to_json()
    assert quiet["verdict"] is quiet["lift"] is None
    assert quiet["sentence"] == "No rollout is under way: nothing is tried against what is in prod."

    shop.office.clock.pass_by(hours=1)
    shop.office.promote("greeter:1.1", "limited", share=Share.parse("40%"))
    shop.ask(600)
    during, found = shop.now, shop.report()
    told = found.to_json()
    assert [arm["stage"] for arm in told["arms"]] == ["limited", "prod", "baseline"]  # type: ignore[attr-defined]
    assert [arm["share"] for arm in told["arms"]] == pytest.approx([0.4, 0.4, 0.2])  # type: ignore[attr-defined]
    assert sum(arm["units"] for arm in told["arms"]) == 600  # type: ignore[attr-defined]
    assert told["verdict"]["action"] == "roll-back"  # type: ignore[index]
    assert told["verdict"]["cause"] == told["primary"] == "thanks"  # type: ignore[index]
    assert told["interval"][1] < 0  # type: ignore[index]
    assert told["p_value"] <= 0.05  # type: ignore[operator]
    assert told["srm"]["e_value"] < 1e6  # type: ignore[index] # salts are drawn by chance
    assert found.holdout is not None
    both = (found.holdout.candidate.rate.rate, found.holdout.against.rate.rate)
    assert all(0.2 < (rate or 0) < 0.8 for rate in both)  # half of them thank either
    assert json.loads(json.dumps(told)) == told

    shop.office.clock.pass_by(hours=1)
    shop.office.at().roll_back(GREETINGS, reason="Fewer people thank us.")
    shop.ask(50)
    after = shop.report()
    assert after.rollout is None
    assert after.sentence.endswith("it was rolled back by otto: Fewer people thank us.")
    assert [arm.stage for arm in after.arms] == ["prod", "baseline"]
    assert shop.report(at=during).to_json() == told

    (past,) = rollouts(shop.office.at(), GREETINGS)
    again = shop.report(rollout=past.id).rollout
    assert again is not None
    assert again.seen.units == found.rollout.seen.units  # type: ignore[union-attr]
    with pytest.raises(NotFound, match="no rollout `cafe`"):
        shop.report(rollout="cafe")


def test_a_verdict_to_roll_back_stays_though_the_evidence_falls_again(shop: Shop) -> None:
    shop.office.promote("greeter:1.1", "limited", share=Share.parse("40%"))
    shop.ask(20)
    before = shop.now
    shop.office.clock.pass_by(hours=1)
    route = shop.office.at().route(GREETINGS)
    limited = route.at(Place.LIMITED)
    assert limited is not None
    verdict: dict[str, object] = {
        "rollout": route.rollout,
        "digest": str(limited.digest),
        "action": "roll-back",
        "sentence": "Roll back: fewer people thank us.",
        "evidence": {},
    }
    shop.office.at().judge(GREETINGS, verdict)
    shop.office.clock.pass_by(hours=1)
    told = shop.report().rollout
    assert told is not None
    assert told.verdict.action is Action.ROLL_BACK
    assert told.verdict.sentence == "Roll back: fewer people thank us."
    then = shop.report(at=before).rollout
    assert then is not None
    assert then.verdict.action is Action.HOLD


@pytest.mark.parametrize(
    ("recorded", "asked", "stands"),
    [
        ("promote-ready", Action.CONTINUE, Action.PROMOTE_READY),
        ("promote-ready", Action.HOLD, Action.HOLD),
        ("promote-ready", Action.ROLL_BACK, Action.ROLL_BACK),
        ("roll-back", Action.PROMOTE_READY, Action.ROLL_BACK),
        ("continue", Action.HOLD, Action.HOLD),
    ],
)
def test_a_proof_stays_until_something_speaks_against_it(
    recorded: str, asked: Action, stands: Action
) -> None:
    """Evidence that falls below its mark takes no proof back, in the report as in the gates."""
    body = {"action": recorded, "sentence": "As it was.", "evidence": {"cause": "thanks"}}
    event = Event(7, at(60), "guard", Kind.JUDGED, f"route:{ROUTE}", 3, body, "")
    verdict = Verdict(asked, "As it is.", None, 2.0, 0.5)

    found = standing(verdict, replace(rollout(), judged=event))

    assert found.action is stands
    assert found.sentence == ("As it is." if stands is asked else "As it was.")
    assert found.e_value == 2.0


def test_the_series_ends_with_the_lift_of_the_report(tmp_path: Path) -> None:
    """Amounts are rounded there to 256 steps, which no eye can see."""
    log = tmp_path / "decisions"
    writer = Writer(log)
    writer.write(
        [decided(f"u{n}", "limited" if n % 10 == 0 else "prod", n * 60) for n in range(400)]
    )
    with Outcomes(log) as ledger:
        for name in ("purchase", "revenue"):
            ledger.record(
                Outcome(ROUTE, name, at=at(n * 60 + 90), key=str(n), unit=f"u{n}", value=n / 3)
                for n in range(0, 400, 4)
            )
    now = at(400 * 60) + timedelta(hours=1)
    revenue = Policy.from_json({**POLICY.to_json(), "primary": "revenue"})
    for policy, exactly in ((POLICY, 1e-12), (revenue, 0.02)):
        with Tally(rollout(policy), [log]) as tally:
            found = report(tally, now).rollout
        assert found is not None
        assert found.deciding is not None
        assert len(found.series) == 40
        assert [one.time for one in found.series] == sorted({one.time for one in found.series})
        last, lift = found.series[-1].lift, found.deciding.reading.lift
        assert last.estimate == pytest.approx(lift.estimate, abs=exactly)
        assert last.low == pytest.approx(lift.low, abs=exactly)
        assert found.series[-1].units == 400


def test_a_point_of_the_series_is_what_a_report_of_that_time_says(tmp_path: Path) -> None:
    log = tmp_path / "decisions"
    Writer(log).write(
        [decided(f"u{n}", "limited" if n % 3 == 0 else "prod", n * 60) for n in range(60)]
    )
    with Outcomes(log) as ledger:
        ledger.record(
            Outcome(ROUTE, "purchase", at=at(n * 60 + 600), key=str(n), unit=f"u{n}")
            for n in range(0, 60, 2)
        )
    with Tally(rollout(), [log]) as tally:
        for point in report(tally, at(3600), points=6).rollout.series:  # type: ignore[union-attr]
            then = report(tally, point.time, points=0).rollout
            assert then is not None
            assert then.deciding is not None
            assert point.lift == then.deciding.reading.lift
