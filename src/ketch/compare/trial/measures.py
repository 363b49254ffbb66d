"""What is measured: an output against what was right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ketch.errors import UsageError
from ketch.package import Package
from ketch.rollout.metric import RANKED, Metric, Scored
from ketch.schema import did_you_mean

LESS_IS_BETTER = frozenset((Scored.RMSE, Scored.MAE, Scored.CALIBRATION))

_K = 10
_FORM = re.compile(r"(?P<output>[^:]+):(?P<measure>[a-z]+)(@(?P<k>[1-9]\d{0,3}))?:(?P<target>.+)")


class Wanted(NamedTuple):
    """A metric that a person asked for.

    Attributes:
        name: As they name it: the measure, with the output where another has that measure.
        metric: What it is; its outcome is the column that says what was right.
    """

    name: str
    metric: Metric

    @property
    def target(self) -> str:
        """The column, or outcome, that says what was right."""
        return self.metric.outcome

    def better(self, one: float, other: float) -> float:
        """Return by how much the first number is better than the other."""
        return other - one if self.metric.measure in LESS_IS_BETTER else one - other

    def to_json(self) -> dict[str, object]:
        """Return what is measured, in JSON form."""
        one = self.metric
        return {
            "metric": self.name,
            "output": one.output,
            "measure": str(one.measure),
            **({"k": one.k} if one.measure in RANKED else {}),
            "target": one.outcome,
            "better": "less" if one.measure in LESS_IS_BETTER else "more",
        }


def read_wanted(said: Sequence[str], packages: Sequence[Package]) -> tuple[Wanted, ...]:
    """Return the metrics that a command names, each as ``OUTPUT:MEASURE:TARGET``.

    Args:
        said: Such as ``price:rmse:paid`` or ``items:precision@5:bought``.
        packages: Which have to answer the output.

    Raises:
        UsageError: ``compare/metric``.
    """
    metrics = [_metric(one, packages) for one in said]
    names = [_short(one) for one in metrics]
    named = [
        name if names.count(name) == 1 else f"{one.output}:{name}"
        for name, one in zip(names, metrics, strict=True)
    ]
    if len(set(named)) < len(named):
        raise _refused(f"expected each metric once, found {', '.join(f'`{one}`' for one in said)}")
    return tuple(map(Wanted, named, metrics))


def declared(metrics: Sequence[Metric], packages: Sequence[Package]) -> tuple[str, ...]:
    """Return the metrics of a policy that all packages can be measured by, as people name them."""
    outputs = [{one.name for one in package.manifest.schema.outputs} for package in packages]
    found = (
        f"{one.output}:{_short(one)}:{one.outcome}"
        for one in metrics
        if all(names & {one.output, one.output.partition(".")[0]} for names in outputs)
    )
    return tuple(dict.fromkeys(found))


def _short(metric: Metric) -> str:
    return f"{metric.measure}@{metric.k}" if metric.measure in RANKED else str(metric.measure)


def _metric(said: str, packages: Sequence[Package]) -> Metric:
    form = _FORM.fullmatch(said)
    if form is None:
        raise _refused(f"expected `OUTPUT:MEASURE:TARGET`, found `{said}`")
    measures = [str(one) for one in Scored]
    if form["measure"] not in measures:
        near = did_you_mean(form["measure"], measures)
        listed = ", ".join(f"`{one}`" for one in measures)
        raise _refused(f"expected one of {listed}, found `{form['measure']}`", near)
    measure = Scored(form["measure"])
    if form["k"] and measure not in RANKED:
        raise _refused(f"expected `@` after {' or '.join(RANKED)} only, found it in `{said}`")
    _check_output(form["output"], packages)
    return Metric(said, measure, form["output"], form["target"], k=int(form["k"] or _K))


def _check_output(output: str, packages: Sequence[Package]) -> None:
    name = output.partition(".")[0]
    for package in packages:
        names = [one.name for one in package.manifest.schema.outputs]
        if not {name, output} & set(names):
            raise _refused(
                f"expected an output of `{package.reference}`, found `{output}`",
                did_you_mean(name, names) or f"it answers {', '.join(f'`{one}`' for one in names)}",
            )


def _refused(message: str, hint: str | None = None) -> UsageError:
    example = "such as `price:rmse:paid` or `items:precision@5:bought`"
    return UsageError(message, code="compare/metric", hint=hint or example)
