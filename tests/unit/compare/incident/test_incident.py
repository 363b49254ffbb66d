"""Incidents planted in a real log beside a real registry: the right cause comes first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.reported import ROUTE
from tests.unit.compare.incident.day import BROKE, EVENING, MORNING, Day, Request

from ketch.cli.incident_told import incident_text, story_text
from ketch.cli.main import main
from ketch.compare.incident import Incident, explain_decision, sentence
from ketch.errors import NotFound, UsageError
from ketch.monitor.logs import Asked, Logs
from ketch.runtime import Home

HOUR = timedelta(hours=1)
STEP = timedelta(minutes=2)

MakeDay = Callable[..., Day]


@pytest.fixture
def day(home: Home) -> Iterator[Day]:
    day = Day.opened(home)
    yield day
    day.shop.close()


def promote(day: Day, share: int) -> None:
    """Give the candidate a share when it breaks."""
    day.shop.now = BROKE
    day.shop.promote("recommender:1.1.0", "limited", share)


def sells_less(request: Request) -> None:
    if request.stage == "limited":
        request.buys = 0.01


def broke_at(found: Incident, metric: str) -> bool:
    """Whether a metric is said to have broken when it did, as sure as is said."""
    one = found.incident
    assert one is not None
    assert one.metric == metric
    first, last = one.interval
    return first - STEP <= BROKE <= last and abs(one.at - BROKE) <= 10 * STEP


def test_a_worse_package_is_the_cause_and_the_other_arm_did_not_move(day: Day) -> None:
    day.trade(until=BROKE)
    promote(day, 500_000)
    day.trade(sells_less, since=BROKE, share=0.5)
    found = day.explain()
    assert broke_at(found, "purchase")
    first = found.causes[0]
    assert first.kind == "promotion"
    assert first.part is not None
    assert first.part > 0.5
    assert first.control == "recommender:1.0.0"
    said = sentence(found)
    assert "recommender:1.1.0 went to limited with 50 %" in said
    assert said.endswith("recommender:1.0.0, which went on, did not move.")
    assert (
        "ketch explain recommender:1.0.0 recommender:1.1.0 --route recommendations" in first.check
    )
    assert any(one.startswith("they differ in ") for one in first.evidence)
    text = incident_text(found)
    assert max(len(line) for line in text.splitlines() if "check:" not in line) <= 100


def test_a_share_that_grew_is_the_cause_of_what_grew_with_it(day: Day) -> None:
    day.shop.now = MORNING - HOUR
    day.shop.promote("recommender:1.1.0", "limited", 100_000)
    day.trade(sells_less, until=BROKE, share=0.1)
    promote(day, 700_000)
    day.trade(sells_less, since=BROKE, share=0.7)
    found = day.explain()
    assert broke_at(found, "purchase")
    assert found.causes[0].kind == "share"
    assert found.causes[0].what == "the share of recommender:1.1.0 went from 10 % to 70 %"


def test_an_input_that_went_missing_comes_before_a_promotion_that_did_nothing(day: Day) -> None:
    def without_price(request: Request) -> None:
        if request.at >= BROKE and request.chance.random() < 0.6:
            del request.inputs["price"]
            request.buys = 0.005

    day.trade(until=BROKE - 10 * STEP)
    day.shop.now = BROKE - 10 * STEP
    day.shop.promote("recommender:1.1.0", "limited", 500_000)
    day.trade(without_price, since=BROKE - 10 * STEP, share=0.5)
    found = day.explain()
    assert broke_at(found, "purchase")
    first, *others = found.causes
    assert first.kind == "input"
    assert "`price` went missing" in first.what
    assert first.part == pytest.approx(1, abs=0.2)
    promotion = next(one for one in others if one.kind == "promotion")
    assert promotion.score < first.score / 2
    assert promotion.part is not None
    assert promotion.part < 0.3


def test_a_new_error_is_told_with_its_code_and_when_it_began(day: Day) -> None:
    def raises(request: Request) -> None:
        if request.at >= BROKE and request.chance.random() < 0.2:
            request.status, request.error = 500, "package-code/raised"

    day.trade(raises)
    found = day.explain()
    assert broke_at(found, "errors")
    assert found.causes[0].kind == "error"
    assert found.causes[0].what == "`package-code/raised` appeared"
    assert not [one for one in found.causes[1:] if one.score > found.causes[0].score / 2]


def test_one_unit_that_floods_the_route_is_told_from_all_others(day: Day) -> None:
    def robot(request: Request) -> None:
        if request.at >= BROKE and request.chance.random() < 0.5:
            request.unit, request.buys = "robot", 0.0

    day.trade(robot)
    found = day.explain()
    assert broke_at(found, "purchase")
    assert found.causes[0].kind == "traffic"


@pytest.mark.parametrize("later", [timedelta(minutes=80), timedelta(days=3)])
def test_outcomes_that_are_on_their_way_are_no_drop(day: Day, later: timedelta) -> None:
    def late(request: Request) -> None:
        request.late_since, request.late_by = BROKE, later

    day.trade(late)
    found = day.explain()
    assert found.incident is None
    assert [one.kind for one in found.causes] == ["outcomes"]
    assert found.causes[0].when - BROKE <= timedelta(minutes=15)
    assert sentence(found).startswith("Nothing broke on `recommendations`, but ")
    assert any("`purchase` is complete for answers until" in one for one in found.notes)


def test_outcomes_that_came_late_and_are_there_by_now_count(day: Day) -> None:
    def late(request: Request) -> None:
        request.late_since, request.late_by = BROKE, timedelta(minutes=80)

    day.trade(late, until=EVENING + HOUR, now=EVENING + 6 * HOUR)
    found = day.explain(now=EVENING + 6 * HOUR)
    assert found.incident is None
    assert found.causes[0].evidence[1] == "all of them are there by now, and are counted"


def test_where_nothing_changed_nothing_is_found(
    day: Day, capsys: pytest.CaptureFixture[str]
) -> None:
    day.trade()
    found = day.explain()
    assert found.incident is None
    assert not found.causes
    assert {"errors", "slow", "purchase", "traffic", "output.score.mean"} <= {*found.looked_at}
    assert sentence(found) == f"Nothing changed on `{ROUTE}` by more than chance would."
    assert main(["explain", ROUTE, "--at", f"{EVENING:%Y-%m-%dT%H:%M}", "--json"]) == 0
    assert {"incident", "causes", "sentence"} <= json.loads(capsys.readouterr().out).keys()


def test_what_moves_so_each_day_is_no_break(day: Day) -> None:
    def at_night(request: Request) -> None:
        request.buys = 0.02 if request.at.time() >= BROKE.time() else 0.06

    yesterday = timedelta(days=1)
    day.trade(at_night, since=MORNING - yesterday, until=EVENING - yesterday)
    day.trade(at_night)
    found = day.explain()
    assert found.incident is None
    assert "`purchase` moved so the day before, too: that is no break" in found.notes
    assert day.explain(at=EVENING - yesterday).incident is not None


def test_an_answer_that_failed_is_told_with_all_that_failed_like_it(
    day: Day, tmp_path: Path
) -> None:
    def raises(request: Request) -> None:
        request.unit = "ana" if request.at < BROKE else request.unit
        if request.at >= BROKE and request.stage == "limited":
            request.status, request.error, request.unit = 500, "package-code/raised", "ana"

    promote(day, 500_000)
    day.trade(raises, since=BROKE - HOUR, until=BROKE + HOUR, minute=2, share=0.5)
    logs = [day.shop.home.path / "decisions"]
    with Logs(logs) as known:
        failed = [one for one in known.newest(Asked(), 500) if one.error]
    elsewhere = Home(tmp_path / "elsewhere")  # a copy of the log, and no packages
    found = explain_decision(failed[0].id, elsewhere, logs, offline=True)
    assert any("the package is not at hand" in one for one in found.notes)
    assert found.errors is not None
    assert found.errors.count == len(failed)
    assert found.errors.first == failed[-1].time
    assert found.errors.count < found.errors.answers
    assert found.before is not None
    assert found.before.time < BROKE
    assert f"It ended in `package-code/raised`, as {len(failed)} of " in found.sentence
    said = json.loads(json.dumps(found.to_json()))
    assert {"decision", "sentence", "errors", "before", "previous", "notes"} <= said.keys()
    assert "error       package-code/raised" in story_text(found)


def test_a_shadow_copy_that_failed_is_told_with_the_copies_that_failed_like_it(
    day: Day, tmp_path: Path
) -> None:
    live = [day.shop.answer("prod", "ana", BROKE + at * STEP) for at in range(3)]
    how: dict[str, object] = {
        "why": "shadow",
        "status": 500,
        "error": "package-code/raised",
        "outputs": b"null",
    }
    copies = [
        day.shop.answer("prod", "ana", BROKE + at * STEP, shadow_of=one.id, **how)
        for at, one in enumerate(live, 4)
    ]
    day.shop.writer.write([*live, *copies])
    logs = [day.shop.home.path / "decisions"]
    found = explain_decision(copies[0].id, Home(tmp_path / "elsewhere"), logs, offline=True)
    assert found.errors is not None
    assert (found.errors.count, found.errors.answers) == (3, 3)


def test_a_metric_that_is_asked_for_is_the_only_one_that_is_looked_at(day: Day) -> None:
    def slower(request: Request) -> None:
        request.ms *= 3 if request.at >= BROKE else 1

    day.trade(slower, minute=10)
    assert broke_at(day.explain(), "slow")
    assert day.explain(metric="errors").incident is None
    with pytest.raises(UsageError, match="found `sales`") as refused:
        day.explain(metric="sales")
    assert refused.value.code == "compare/no-metric"


def test_a_route_that_nobody_knows_is_not_found(day: Day) -> None:
    with pytest.raises(NotFound):
        day.explain(route="nowhere")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "expected two packages, or a route, found neither"),
        (["gauge:0.1.0"], "expected a second package beside `gauge:0.1.0`"),
        (["a:1", "b:1", "--at", "2h"], "expected `--at` with a route alone"),
        (["shop", "--budget", "3m"], "expected two packages with `--budget`"),
        (["--decision", "0", "--at", "2h"], "expected `--decision` or `--at`"),
    ],
)
def test_what_makes_no_sense_together_is_refused(
    words: list[str], said: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.thorough
def test_no_more_days_than_one_of_twenty_show_something_that_is_not_there(tmp_path: Path) -> None:
    """Days without any change, on which a candidate that is as good gets a share."""
    alarms = 0
    for seed in range(60):
        day = Day.opened(Home(tmp_path / f"{seed}"), seed)
        day.trade(until=BROKE, minute=12)
        promote(day, 300_000)
        day.seed = seed + 1_000
        day.trade(since=BROKE, minute=12, share=0.3)
        alarms += day.explain().incident is not None
        day.shop.close()
    assert alarms <= 7  # of 60 at 5 %, more than 7 come in 1 of 100 runs
