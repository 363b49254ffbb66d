"""Four weeks in a real log whose outcomes come two days late, estimated and checked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.reported import Shop
from tests.unit.monitor.estimates.late import (
    BEGAN,
    DAY,
    EACH,
    MOVED,
    NOW,
    POLICY,
    ROUTE,
    log_of,
)

from ketch.cli.main import main
from ketch.monitor.estimates import EstimateSeries, estimates_of
from ketch.monitor.guard.showing import Reports as Left
from ketch.monitor.metrics import metrics_of
from ketch.registry import Policy
from ketch.runtime import Home
from ketch.serving.doors.exposition import exposition
from ketch.serving.metrics import Gauges, Metrics
from ketch.serving.reports import Reports


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("late") / "home")
    log_of(home.path / "decisions")
    shop = Shop(home, now=BEGAN - DAY)
    shop.publish("recommender:1.0.0")
    shop.promote("recommender:1.0.0", "prod")
    shop.registry.set_policy(ROUTE, POLICY, actor="otto")
    shop.close()
    return home


@pytest.fixture(scope="module")
def found(home: Home) -> tuple[EstimateSeries, ...]:
    return estimates_of([home.path / "decisions"], ROUTE, POLICY, since=BEGAN, until=NOW)


def of(found: tuple[EstimateSeries, ...], metric: str, package: str) -> EstimateSeries:
    return next(one for one in found if (one.metric.name, one.package) == (metric, package))


@pytest.mark.parametrize("metric", ["auc", "brier", "off", "right"])
def test_where_a_score_keeps_its_meaning_estimates_hold_though_others_ask(
    found: tuple[EstimateSeries, ...], metric: str
) -> None:
    one = of(found, metric, "steady:1.0")
    assert one.is_trusted
    assert one.held >= 0.85 * len(one.checked) >= 10
    before, after = one.points[5].value, one.points[-1].value
    assert before is not None
    assert after is not None
    assert abs(after - before) > 0.02  # others ask, and it is told before any outcome


@pytest.mark.parametrize("metric", ["brier", "right"])
def test_where_a_score_means_something_else_it_says_so_and_since_when(
    found: tuple[EstimateSeries, ...], metric: str
) -> None:
    one = of(found, metric, "moved:1.0")
    assert one.is_trusted is False
    assert one.broken is not None
    assert abs(one.broken - (BEGAN + MOVED * DAY)) <= DAY
    assert "cannot be trusted: since 2026-03-" in (one.note or "")
    assert "what the score means has changed" in (one.note or "")


def test_answers_whose_window_is_open_are_estimated_and_never_held_against_anything(
    found: tuple[EstimateSeries, ...],
) -> None:
    for one in found:
        assert one.whole is not None
        assert one.whole.answers == 2 * EACH - 1
        assert [at.realised for at in one.points[-2:]] == [None, None]


def test_an_earlier_estimate_is_the_one_that_was_made_then(
    home: Home, found: tuple[EstimateSeries, ...]
) -> None:
    """What came to be known later changes nothing of it."""
    then = BEGAN + 20 * DAY
    logs = [home.path / "decisions"]
    early = estimates_of(logs, ROUTE, POLICY, since=BEGAN, until=then)
    for was, now in zip(early, found, strict=True):
        latest, same = was.points[-1], now.points[len(was.points) - 1]
        assert latest.time == same.time == then - DAY
        assert (latest.answers, latest.value, latest.low) == (same.answers, same.value, same.low)
        assert latest.realised is None
    assert any(one.points[17].realised for one in found)


def test_what_is_realised_is_what_the_metric_says(
    home: Home, found: tuple[EstimateSeries, ...]
) -> None:
    logs = [home.path / "decisions"]
    metrics = metrics_of(logs, ROUTE, POLICY, since=BEGAN, until=NOW)
    for one in found:
        series = next(
            two
            for two in metrics.model
            if (two.metric.name, two.package) == (one.metric.name, one.package)
        )
        known = {point.time: point.estimate for point in series.points}
        for at in one.points:
            if at.realised is not None:
                assert at.realised.value == pytest.approx(known[at.time].value, abs=1e-12)
                assert at.realised.answers == known[at.time].n


def test_what_lacks_is_said(home: Home) -> None:
    logs = [home.path / "decisions"]
    until = BEGAN + 2.5 * DAY
    (early, _) = estimates_of(
        logs, ROUTE, Policy(metrics=POLICY.metrics[:1]), since=BEGAN, until=until
    )
    assert early.whole is None
    assert early.note == "61 answers older than 2d are known, 100 are needed"
    unnamed = Policy.parse(
        b'[metrics.right]\nmeasure="accuracy"\noutput="buys"\noutcome="bought"\nwindow="2d"'
    )
    (one, _) = estimates_of(logs, ROUTE, unnamed, since=BEGAN, until=NOW)
    assert one.note == "the metric names no `score`, by which it is estimated"
    ranked = Policy.parse(b'[metrics.top]\nmeasure="ndcg"\noutput="items"\noutcome="bought"')
    assert estimates_of(logs, ROUTE, ranked, since=BEGAN, until=NOW) == ()
    with pytest.raises(ValueError, match="ends after it begins"):
        estimates_of(logs, ROUTE, POLICY, since=BEGAN, until=BEGAN)


def test_a_report_shows_estimates_beside_what_was_realised(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KETCH_HOME", str(home.path))
    page = tmp_path / "report.html"
    asked = ["report", ROUTE, "--since", "2026-03-02", "--at", "2026-03-29T23:00"]
    assert main([*asked, "--html", str(page)]) == 0
    text = capsys.readouterr().out
    assert "estimated, of answers whose outcomes may still come" in text
    estimated = text.partition("estimated, of")[2]
    (line,) = [one for one in estimated.splitlines() if one.startswith("  right   moved:1.0 ")]
    assert " 239 answers " in line
    assert " held " in line
    assert "the estimate cannot be trusted: since 2026-03-" in text
    assert max(map(len, text.splitlines()[:-2])) <= 100
    ET.fromstring(page.read_text())
    assert "Estimated" in page.read_text()
    assert "right of moved:1.0: estimated, and what was realised." in page.read_text()

    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["estimates"]
    one = next(two for two in told if (two["metric"], two["package"]) == ("auc", "steady:1.0"))
    assert (one["method"], one["trusted"], one["stated"]) == ("cbpe", True, 0.95)
    assert one["whole"]["low"] < one["whole"]["value"] < one["whole"]["high"]
    assert timedelta(days=28).days - 3 <= len(one["points"]) <= 28


def test_the_guard_leaves_estimates_where_metrics_are_told(home: Home) -> None:
    with home.desk() as desk:
        Left(home.path, [home.path / "decisions"]).measure(desk.route(ROUTE), desk, NOW)
    reports = Reports(home.path).read(datetime.now(UTC))
    told = exposition(Metrics(lambda: Gauges(reports=reports))).body.decode()
    labels = f'{{metric="right",package="moved:1.0",route="{ROUTE}"}}'
    (line,) = [one for one in told.splitlines() if f"estimated{labels}" in one]
    assert 0.7 < float(line.rpartition(" ")[2]) < 0.9
