"""What the guard found of rollouts, packages and models, as gauges of ``/metrics``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from ketch.rollout.terms import Action
from ketch.serving.reports import Estimated, Report

_ARM = ("route", "package", "arm")
_MODEL = ("route", "package", "metric")
_OUTCOME = ("route", "package", "outcome")
_SAYS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "report_timestamp_seconds": ("When the guard reported on a route, since 1970.", ("route",)),
    "rollout_units": ("Units that were exposed to an arm first.", _ARM),
    "rollout_outcomes": ("Units of an arm with an outcome.", (*_ARM, "measure")),
    "rollout_rate": ("The part with an outcome, or the mean of a unit.", (*_ARM, "measure")),
    "rollout_lift": ("By how much the candidate differs: -0.03 is 3 % less.", ("route", "measure")),
    "rollout_lift_low": ("Lower end of the lift, at every look.", ("route", "measure")),
    "rollout_lift_high": ("Upper end of the lift, at every look.", ("route", "measure")),
    "rollout_log_e_harm": ("Evidence of harm, as a logarithm.", ("route", "measure")),
    "rollout_e_value": ("Evidence of harm in all guardrails that roll back.", ("route",)),
    "rollout_action": ("What the evidence asks for: 1.", ("route", "action")),
    "rollout_split_mismatch": ("Whether units were not split as planned.", ("route",)),
    "model_metric": ("A model metric of recent answers.", _MODEL),
    "model_metric_low": ("Lower end of a model metric, at 95 %.", _MODEL),
    "model_metric_high": ("Upper end of a model metric, at 95 %.", _MODEL),
    "model_metric_known": ("Answers that a model metric rests on.", _MODEL),
    "model_metric_estimated": ("A model metric before outcomes come.", _MODEL),
    "model_metric_estimated_low": ("Lower end of an estimate, at 95 %.", _MODEL),
    "model_metric_estimated_high": ("Upper end of an estimate, at 95 %.", _MODEL),
    "model_metric_estimate_trusted": ("Whether earlier estimates held.", _MODEL),
    "package_outcomes": ("Outcomes of recent answers.", _OUTCOME),
    "package_conversion": ("The part of recent units with an outcome.", _OUTCOME),
    "package_amount_per_unit": ("The sum of their outcomes, by recent unit.", _OUTCOME),
}
_Value = tuple[str, tuple[str, ...], float | None]


def measured(reports: Mapping[str, Report]) -> Iterator[Metric]:
    """Yield a gauge for each figure; one that is not known is left out."""
    families = {
        name: GaugeMetricFamily(f"ketch_{name}", says, labels=labels)
        for name, (says, labels) in _SAYS.items()
    }
    for report in reports.values():
        for name, labels, value in _values(report):
            if value is not None:
                families[name].add_metric(labels, float(value))
    yield from (one for one in families.values() if one.samples)


def _values(report: Report) -> Iterator[_Value]:
    yield "report_timestamp_seconds", (report.route,), report.at.timestamp()
    yield from _of_arms(report)
    yield from _of_guardrails(report)
    if report.verdict is not None:
        yield "rollout_e_value", (report.route,), report.e_value
        for action in Action:
            asked = str(action) == report.verdict.action
            yield "rollout_action", (report.route, str(action)), float(asked)
    if report.srm is not None:
        yield "rollout_split_mismatch", (report.route,), float(report.srm.is_mismatch)
    yield from _of_packages(report)


def _of_arms(report: Report) -> Iterable[_Value]:
    for arm in report.arms:
        labels = report.route, arm.package, arm.stage
        yield "rollout_units", labels, arm.units
        for measure, rate in arm.rates.items():
            yield "rollout_outcomes", (*labels, measure), rate.outcomes
            yield "rollout_rate", (*labels, measure), rate.rate


def _of_guardrails(report: Report) -> Iterable[_Value]:
    for one in report.guardrails:
        labels = report.route, one.metric
        low, high = one.interval
        yield "rollout_lift", labels, one.lift
        yield "rollout_lift_low", labels, low
        yield "rollout_lift_high", labels, high
        yield "rollout_log_e_harm", labels, one.log_e_harm


def _of_packages(report: Report) -> Iterable[_Value]:
    if report.metrics is None:
        return
    for metric in report.metrics.model:
        if not metric.shadow:
            labels, found = (report.route, metric.package, metric.metric), metric.whole
            yield "model_metric", labels, found.value
            yield "model_metric_low", labels, found.low
            yield "model_metric_high", labels, found.high
            yield "model_metric_known", labels, found.n
    yield from _estimated(report.route, report.metrics.estimates)
    for one in report.metrics.business:
        for name, outcome in one.whole.outcomes.items():
            labels = report.route, one.package, name
            yield "package_outcomes", labels, outcome.count
            yield "package_conversion", labels, outcome.conversion
            yield "package_amount_per_unit", labels, outcome.amount_per_unit


def _estimated(route: str, estimates: Iterable[Estimated]) -> Iterable[_Value]:
    for one in estimates:
        if not one.shadow:
            labels = route, one.package, one.metric
            if one.whole is not None:
                yield "model_metric_estimated", labels, one.whole.value
                yield "model_metric_estimated_low", labels, one.whole.low
                yield "model_metric_estimated_high", labels, one.whole.high
            yield "model_metric_estimate_trusted", labels, one.trusted
