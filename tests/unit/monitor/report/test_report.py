"""The report of a shop with four days of a rollout, from a real registry and a real log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.reported import BEGAN, DAY, ROUTE, Shop, copies, shop_with_rollout

from ketch.cli.main import main
from ketch.cli.reported import report_text
from ketch.monitor.report import Asked, RouteReport, gather
from ketch.monitor.report.missing import next_steps
from ketch.monitor.report.page import page
from ketch.registry import Policy
from ketch.rollout.terms import Action
from ketch.runtime import Home

SCREEN = Path(__file__).parent / "screen.txt"
AT = BEGAN + timedelta(days=4, hours=6)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose candidate sells half as much, with another package at staging."""
    shop = shop_with_rollout(Home(tmp_path_factory.mktemp("reported") / "home"))
    shop.promote("recommender:1.2.0", "staging")
    shop.trade(4.2, worse=0.5)
    copies(shop, 60)
    yield shop
    shop.close()


def report(shop: Shop, at: datetime | None = AT, route: str = ROUTE) -> RouteReport:
    with shop.home.desk() as desk:
        return gather([shop.home.path / "decisions"], shop.home, desk, route, Asked(at))


@pytest.fixture(scope="module")
def found(shop: Shop) -> RouteReport:
    return report(shop)


def test_the_report_fits_a_screen_and_says_what_it_says(shop: Shop, found: RouteReport) -> None:
    known = report_text(found).replace(found.of.rollout.id, "ROLLOUT") if found.of.rollout else ""
    assert known.splitlines() == SCREEN.read_text().splitlines()
    assert max(map(len, known.splitlines())) <= 100


def test_json_has_what_other_programs_rely_on(found: RouteReport) -> None:
    value = json.loads(json.dumps(found.to_json()))
    assert {"lift", "interval", "p_value", "srm", "verdict", "guardrails"} <= value.keys()
    arms = {one["stage"]: one for one in value["arms"]}
    assert arms["limited"]["package"] == "recommender:1.1.0"
    assert arms["limited"]["units"] == 300
    assert arms["limited"]["conversions"] / 300 == arms["limited"]["rate"]
    assert value["shadow"]["compared"] == 57
    assert value["metrics"]["model"][0]["metric"] == "score"
    assert value["missing"] == []


def test_an_earlier_time_knows_less(shop: Shop, found: RouteReport) -> None:
    before = report(shop, BEGAN + DAY)
    assert 0 < before.of.arms[0].units < found.of.arms[0].units
    assert before.of.at == BEGAN + DAY

    none = report(shop, BEGAN - timedelta(hours=1))
    assert none.of.rollout is None
    assert [one.stage for one in none.of.arms] == ["prod"]


class TestPage:
    def test_it_is_well_formed_and_asks_nobody_for_anything(self, found: RouteReport) -> None:
        text = page(found)
        root = ET.fromstring(text)
        names = {one.tag.rpartition("}")[2] for one in root.iter()}
        assert {"svg", "polyline", "polygon", "table", "caption"} <= names
        assert not names & {"script", "img", "iframe", "object", "form"}
        linked = [one.get(name) for one in root.iter() for name in ("href", "src")]
        assert {one for one in linked if one} == {"data:,"}
        assert "url(" not in text
        assert "@import" not in text

    def test_each_picture_says_in_words_what_it_shows(self, found: RouteReport) -> None:
        root = ET.fromstring(page(found))
        pictures = list(root.iter("{http://www.w3.org/2000/svg}svg"))
        assert len(pictures) >= 4
        assert all(one.get("role") == "img" and one.get("aria-label") for one in pictures)

    def test_names_are_text_whatever_they_are(self, found: RouteReport) -> None:
        hostile = "<script>alert(1)</script>\x1b[31m&\"'"
        arms = [replace(arm, package=hostile, stage=hostile) for arm in found.of.arms]
        assert found.of.rollout is not None
        trial = replace(found.of.rollout, candidate=hostile, problems=(hostile,))
        told = replace(found, of=replace(found.of, route=hostile, arms=tuple(arms), rollout=trial))
        text = page(told)
        assert "<script" not in text
        assert "\x1b" not in text
        ET.fromstring(text)


def test_a_rollout_that_is_over_says_first_how_it_ended(found: RouteReport) -> None:
    assert found.of.rollout is not None
    trial = replace(found.of.rollout, ended=AT, outcome_of="it was rolled back by ben")
    over = replace(found, of=replace(found.of, rollout=trial))
    head = report_text(over).splitlines()[1]
    assert head.startswith("Ended: it was rolled back by ben. Its evidence says: Continue")
    assert '<p class="word">Ended</p><p>It was rolled back by ben.' in page(over)


@pytest.mark.parametrize(
    ("action", "commands"),
    [
        (Action.CONTINUE, ["ketch rollback recommendations"]),
        (Action.HOLD, ["ketch rollback recommendations"]),
        (Action.ROLL_BACK, ["ketch rollback recommendations"]),
        (
            Action.PROMOTE_READY,
            ["ketch approve recommender:1.1.0", "ketch promote recommender:1.1.0 prod"],
        ),
    ],
)
def test_what_to_do_next_is_a_command(
    shop: Shop, found: RouteReport, action: Action, commands: list[str]
) -> None:
    assert found.of.rollout is not None
    verdict = replace(found.of.rollout.verdict, action=action)
    of = replace(found.of, rollout=replace(found.of.rollout, verdict=verdict))
    steps = next_steps(of, shop.registry.route(ROUTE))
    assert [one.command for one in steps] == commands


def test_a_route_without_anything_says_what_is_missing(home: Home) -> None:
    home.path.mkdir()
    shop = Shop(home)
    shop.publish("recommender:1.0.0")
    shop.promote("recommender:1.0.0", "staging")
    nobody = report(shop, None)
    assert [one.command for one in nobody.missing] == [
        "ketch promote PACKAGE prod",
        "ketch route set recommendations FILE",
    ]
    shop.promote("recommender:1.0.0", "prod")
    assert "`Ketch-Unit`" in report(shop, None).missing[0].says
    shop.registry.set_policy(
        ROUTE, Policy.parse(b'unit = "name"\nprimary = "purchase"\n'), actor="otto"
    )
    quiet = report(shop, None)
    assert [one.command for one in quiet.missing] == [
        "ketch serve",
        "ketch promote PACKAGE limited --share 10%",
    ]
    assert "missing" in report_text(quiet)
    ET.fromstring(page(quiet))
    shop.close()


class TestCommand:
    @pytest.fixture(autouse=True)
    def in_home(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KETCH_HOME", str(shop.home.path))

    def test_every_route_is_a_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["report"]) == 0
        heads, line = capsys.readouterr().out.splitlines()
        assert heads.split() == [
            "route",
            "package",
            "share",
            "units",
            "change",
            "between",
            "verdict",
        ]
        assert line.startswith("recommendations  recommender:1.1.0   10 %    300")

    def test_rollouts_are_listed_and_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["report", ROUTE, "--rollouts", "--json"]) == 0
        [one] = json.loads(capsys.readouterr().out)["rollouts"]
        assert main(["report", ROUTE, "--rollout", one["id"], "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["rollout"]["id"] == one["id"]
        assert main(["report", ROUTE, "--rollout", "none"]) == 2

    def test_a_page_is_a_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "report.html"
        assert main(["report", ROUTE, "--at", "2026-03-07", "--html", str(file), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["html"] == str(file)
        assert file.read_text().startswith("<!DOCTYPE html>")

    def test_one_page_is_of_one_route(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["report", "--html", "all.html"]) == 2
        assert "expected one route with `--html`, found 0" in capsys.readouterr().err
        assert main(["report", "nowhere"]) == 2
