"""What the guard left, told as gauges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.tallies import BEGAN, POLICY, Writer, at, decided, rollout

from ketch.monitor.guard.reports import write_report
from ketch.monitor.metrics import metrics_of
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.monitor.rollouts import Tally, report
from ketch.runtime import Home
from ketch.serving.doors.exposition import exposition
from ketch.serving.metrics import Gauges, Metrics
from ketch.serving.reports import Reports

NOW = at(60)


def left(home: Home) -> Mapping[str, object]:
    """Leave the report of a rollout that was counted for real; return it."""
    log = home.path / "decisions"
    made = [decided(f"u{n}", ("prod", "limited")[n % 2], n / 10, share=500_000) for n in range(20)]
    Writer(log).write(made)
    with Outcomes(log) as told:
        bought = [
            Outcome("recommendations", "purchase", at(30), decision=one.id) for one in made[::4]
        ]
        told.record(bought)
    with Tally(rollout(), (log,)) as tally:
        found = report(tally, NOW, points=0).to_json()
    measured = metrics_of((log,), "recommendations", POLICY, since=BEGAN, until=NOW).to_json()
    estimated = {"metric": "auc", "package": "recommender:1.0.0", "shadow": False, "trusted": False}
    span = {"n": 20, "value": 0.8, "low": 0.7, "high": 0.9}
    whole = {**found, "metrics": {**measured, "estimates": [{**estimated, "whole": span}]}}
    write_report(home.path, "recommendations", whole)
    return whole


def lines(reports: Reports, now: datetime = NOW) -> dict[str, float]:
    told = exposition(Metrics(lambda: Gauges(reports=reports.read(now)))).body.decode()
    assert isinstance(told, str)
    pairs = (line.rpartition(" ") for line in told.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def test_a_rollout_is_told_by_arm_and_by_guardrail(home: Home) -> None:
    whole = left(home)
    told = lines(Reports(home.path))

    arm = 'arm="prod",package="recommender:1.0.0",route="recommendations"'
    assert told[f"ketch_rollout_units{{{arm}}}"] == 10
    bought = f'{{arm="prod",measure="purchase",package="recommender:1.0.0",{arm[-23:]}}}'
    assert told[f"ketch_rollout_outcomes{bought}"] == 5
    assert told[f"ketch_rollout_rate{bought}"] == 0.5
    assert told['ketch_rollout_action{action="hold",route="recommendations"}'] == 1
    assert told['ketch_rollout_action{action="roll-back",route="recommendations"}'] == 0
    assert told['ketch_rollout_e_value{route="recommendations"}'] == whole["e_value"]
    assert told['ketch_rollout_lift{measure="purchase",route="recommendations"}'] == -1
    assert told['ketch_rollout_split_mismatch{route="recommendations"}'] == 0
    package = '{outcome="purchase",package="recommender:1.0.0",route="recommendations"}'
    assert told[f"ketch_package_outcomes{package}"] == 5
    assert told[f"ketch_package_conversion{package}"] == 0.5
    metric = '{metric="auc",package="recommender:1.0.0",route="recommendations"}'
    assert told[f"ketch_model_metric_estimated{metric}"] == 0.8
    assert told[f"ketch_model_metric_estimated_low{metric}"] == 0.7
    assert told[f"ketch_model_metric_estimate_trusted{metric}"] == 0


def test_a_report_is_read_again_when_it_is_another_and_forgotten_when_it_is_old(
    home: Home,
) -> None:
    whole, reports = left(home), Reports(home.path)
    first = reports.read(NOW)["recommendations"]
    assert reports.read(NOW)["recommendations"] is first

    write_report(home.path, "recommendations", {**whole, "e_value": 7.0})
    assert reports.read(NOW)["recommendations"].e_value == 7.0
    assert reports.read(NOW + timedelta(minutes=11)) == {}


def test_what_is_no_report_is_as_if_it_were_not_there(home: Home) -> None:
    whole, reports = left(home), Reports(home.path)
    file = home.path / "guard" / "recommendations.json"
    for wrong in (b"", b"{", b"[]", json.dumps({**whole, "arms": 3}).encode()):
        file.unlink()
        file.write_bytes(wrong)
        assert reports.read(datetime.now(UTC)) == {}
    assert Reports(Path("/nowhere")).read(NOW) == {}
