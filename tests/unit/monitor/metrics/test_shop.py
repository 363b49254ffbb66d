"""Metrics of two weeks of a real shop, held against numbers counted without any of our code."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.unit.monitor.metrics.shop import (
    LARGE,
    NOW,
    ROUTE,
    SINCE,
    UNTIL,
    Answer,
    Order,
    answers,
    logged,
    orders,
    outcomes,
)

from ketch.monitor.decisions.sealing import seal
from ketch.monitor.metrics import MetricSeries, RouteMetrics, metrics_of
from ketch.monitor.outcomes import Outcomes
from ketch.registry import Policy
from ketch.rollout.metric import Metric, Scored

POLICY = Policy(
    metrics=(
        Metric("accuracy", Scored.ACCURACY, "size", "size"),
        Metric("auc", Scored.AUC, "large", "large"),
        Metric("calibration", Scored.CALIBRATION, "large", "large"),
        Metric("rmse", Scored.RMSE, "spends", "order"),
        Metric("mae", Scored.MAE, "spends", "order"),
        Metric("precision", Scored.PRECISION, "items", "bought", k=5),
        Metric("ndcg", Scored.NDCG, "items", "bought", k=10),
    )
)


@pytest.fixture(scope="module")
def some() -> list[Answer]:
    return list(answers(orders()))


@pytest.fixture(scope="module")
def folder(some: list[Answer], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of the two weeks, and what was told of them in the order it happened."""
    folder = tmp_path_factory.mktemp("shop") / "decisions"
    logged(folder, some)
    with Outcomes(folder) as told:
        told.record(outcomes(some))
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> RouteMetrics:
    return metrics_of([folder], ROUTE, POLICY, since=SINCE, until=UNTIL, now=NOW)


def of_orders(some: Sequence[Answer]) -> Iterator[tuple[Answer, Answer]]:
    """Yield each live answer with the one that its order counts for: the latest before it."""
    live = [one for one in some if one.decision.why != "shadow"]
    for one in live:
        mine = (other for other in live if other.decision.unit == one.order.customer)
        yield (
            one,
            max((other for other in mine if other.at <= one.order.at), key=lambda a: a.decision.id),
        )


def taken(some: Sequence[Answer]) -> tuple[dict[str, set[str]], dict[str, Order]]:
    """Return what was bought after each decision, and the latest order; copies have the same."""
    bought: dict[str, set[str]] = {}
    latest: dict[str, Order] = {}
    for one, taking in of_orders(some):
        of, order = taking.decision.id, one.order
        bought.setdefault(of, set()).update(order.items)
        latest[of] = max(latest.get(of, order), order, key=lambda o: (o.at, str(o.invoice)))
    for one in some:
        if one.decision.shadow_of in latest:
            bought[one.decision.id] = bought[one.decision.shadow_of]
            latest[one.decision.id] = latest[one.decision.shadow_of]
    return bought, latest


def known(name: str, some: Sequence[Answer], latest: dict[str, Order]) -> Iterator[Answer]:
    """Yield the answers that have a label, with the order that it is of."""
    for one in some:
        if name in ("accuracy", "auc", "calibration"):  # told by decision
            if name != "accuracy" or one.order.invoice % 4:
                yield one
        elif one.decision.id in latest:
            yield replace(one, order=latest[one.decision.id])


def is_of(one: Answer, day: datetime) -> bool:
    return one.at.date() == day.date()


def value_of(name: str, theirs: Sequence[Answer], bought: dict[str, set[str]]) -> float:
    """Return a metric of answers, by its definition."""
    large = np.array([one.order.total > LARGE for one in theirs])
    chance = np.array([one.large for one in theirs])
    off = np.array([one.spends - one.order.total for one in theirs])
    hits = [[item in bought.get(one.decision.id, ()) for item in one.items] for one in theirs]
    gain = 1 / np.log2(np.arange(2, 12))
    match name:
        case "accuracy":
            value = np.mean((chance >= 0.5) == large)
        case "auc":
            won = chance[large][:, None] - chance[~large]
            value = np.mean((won > 0) + (won == 0) / 2)
        case "calibration":
            bins = np.minimum((chance * 10 + 1e-9).astype(int), 9)
            parts = [abs((chance - large)[bins == one].sum()) for one in range(10)]
            value = sum(parts) / len(theirs)
        case "rmse":
            value = np.sqrt(np.mean(off**2))
        case "mae":
            value = np.mean(abs(off))
        case "precision":
            value = np.mean([sum(one[:5]) / 5 for one in hits])
        case _:
            best = [gain[: len(bought[one.decision.id])].sum() for one in theirs]
            got = [gain[: len(one)][one].sum() for one in hits]
            value = np.mean(np.array(got) / best)
    return float(value)


def of(found: RouteMetrics, metric: str, package: str, *, shadow: bool = False) -> MetricSeries:
    return next(
        one
        for one in found.model
        if (one.metric.name, one.package, one.is_shadow) == (metric, package, shadow)
    )


class TestModelMetrics:
    @pytest.mark.parametrize("name", [one.name for one in POLICY.metrics])
    def test_each_day_and_the_whole_are_what_the_definition_says(
        self, found: RouteMetrics, some: list[Answer], name: str
    ) -> None:
        bought, latest = taken(some)
        told = [series for series in found.model if series.metric.name == name]
        assert len(told) == 4
        for series in told:
            mine = [
                one
                for one in some
                if one.package == series.package and one.is_shadow == series.is_shadow
            ]
            assert [one.time.date() for one in series.points] == sorted(
                {one.at.date() for one in mine}
            )
            for point in (series.whole, *series.points):
                theirs = [one for one in mine if point is series.whole or is_of(one, point.time)]
                labelled = list(known(name, theirs, latest))
                assert (point.decisions, point.known) == (len(theirs), len(labelled))
                estimate = point.estimate
                assert estimate.n == len(labelled)
                if estimate.more.get("positives") in (0, len(labelled)):
                    assert estimate.value is None
                else:
                    expected = value_of(name, labelled, bought)
                    assert estimate.value == pytest.approx(expected, abs=1e-12)

    def test_a_number_of_few_labels_says_so(self, found: RouteMetrics) -> None:
        told = of(found, "accuracy", "own:1.0", shadow=True)
        assert told.whole.note is None
        assert told.points[0].note == f"few labels: {told.points[0].estimate.n}"

    def test_the_part_of_decisions_that_is_known_is_told(self, found: RouteMetrics) -> None:
        coverage = of(found, "accuracy", "top:1.0").whole.coverage
        assert coverage == pytest.approx(0.75, abs=0.05)
        assert of(found, "auc", "top:1.0").whole.coverage == 1.0


class TestBusinessMetrics:
    def test_each_day_is_what_a_plain_count_says(
        self, found: RouteMetrics, some: list[Answer]
    ) -> None:
        for series in found.business:
            mine = [one for one in some if one.package == series.package and not one.is_shadow]
            paid = [
                (one.order, taking)
                for one, taking in of_orders(some)
                if taking.package == series.package
            ]
            for point in (series.whole, *series.points):
                is_whole = point is series.whole
                theirs = [one for one in mine if is_whole or is_of(one, point.time)]
                orders = [order for order, one in paid if is_whole or is_of(one, point.time)]
                units = {one.decision.unit for one in theirs}
                assert (point.decisions, point.units) == (len(theirs), len(units))
                seen = point.outcomes["order"]
                assert (seen.count, seen.units) == (
                    len(orders),
                    len({order.customer for order in orders}),
                )
                assert seen.amount == pytest.approx(sum(order.total for order in orders))
                large = sum(one.order.total > LARGE for one in theirs)
                assert point.outcomes["large"].count == large

    def test_a_shadow_brings_no_business(self, found: RouteMetrics) -> None:
        assert [one.package for one in found.business] == ["own:1.0", "top:1.0"]
        body = found.business[0].whole.to_json()["outcomes"]
        assert isinstance(body, dict)
        whole, order = found.business[0].whole, found.business[0].whole.outcomes["order"]
        assert body["order"]["conversion"] == order.units / whole.units
        assert body["order"]["amount_per_unit"] == order.amount / whole.units


class TestTheSameOutcomes:
    def test_told_twice_late_and_in_any_order_give_the_same_numbers(
        self, found: RouteMetrics, folder: Path, some: list[Answer], tmp_path: Path
    ) -> None:
        again = tmp_path / "decisions"
        shutil.copytree(folder, again, ignore=shutil.ignore_patterns("outcomes.db*"))
        told = [*outcomes(some), *outcomes(some)]
        random.Random(7).shuffle(told)
        with Outcomes(again) as ledger:
            for start in range(0, len(told), 1_000):
                ledger.record(told[start : start + 1_000])
        seal(again, datetime.now(UTC))
        assert not list((again / "hot").glob("*.log"))
        now = metrics_of([again], ROUTE, POLICY, since=SINCE, until=UNTIL, now=NOW)
        assert now.to_json() == found.to_json()

    def test_what_happened_later_is_not_seen_yet(self, folder: Path) -> None:
        early = metrics_of(
            [folder], ROUTE, POLICY, since=SINCE, until=UNTIL, now=SINCE + timedelta(days=2)
        )
        told = of(early, "auc", "top:1.0")
        assert [point.known > 0 for point in told.points[:3]] == [True, True, False]
        assert told.points[2].note == "no labels"

    def test_an_outcome_of_an_answer_after_the_time_is_none_of_it(
        self, folder: Path, found: RouteMetrics
    ) -> None:
        day = SINCE + timedelta(days=1)
        one = metrics_of([folder], ROUTE, POLICY, since=SINCE, until=day, now=NOW)
        whole = of(found, "ndcg", "top:1.0").points[0]
        hours = of(one, "ndcg", "top:1.0")
        assert one.step_s == 3600
        assert len(hours.points) > 1
        assert (hours.whole.known, hours.whole.estimate) == (whole.known, whole.estimate)
