"""What is measured: an output against what was right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ketch.errors import UsageError
from ketch.package import Package
from ketch.rollout.metric import LESS_IS_BETTER, RANKED, Metric, Scored
from ketch.schema import did_you_mean

_K = 10
_FORM = re.compile(r"(?P<output>[^:]+):(?P<measure>[\w-]+)(@(?P<k>[1-9]\d{0,3}))?:(?P<target>.+)")


class Wanted(NamedTuple):
    """A metric that a person asked for.

    Attributes:
        name: As they name it: as the policy does; else the measure, with the output and the
            target as far as it takes to tell it from others.
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


def read_wanted(said: Sequence[str | Wanted], packages: Sequence[Package]) -> tuple[Wanted, ...]:
    """Return the metrics that a command names, each as ``OUTPUT:MEASURE:TARGET``.

    Args:
        said: Such as ``price:rmse:paid`` or ``items:precision@5:bought``; those of a policy are
            there already.
        packages: Which have to answer the output.

    Raises:
        UsageError: ``compare/metric``.
    """
    known = [one for one in said if isinstance(one, Wanted)]
    metrics = [_metric(one, packages) for one in said if isinstance(one, str)]
    forms = [_forms(one) for one in metrics]
    if len(set(forms)) < len(forms):
        listed = ", ".join(f"`{names[-1]}`" for names in forms)
        raise _refused(f"expected each metric once, found {listed}")
    named = [
        next(name for at, name in enumerate(mine) if sum(one[at] == name for one in forms) == 1)
        for mine in forms
    ]
    return (*known, *map(Wanted, named, metrics))


def declared(metrics: Sequence[Metric], packages: Sequence[Package]) -> tuple[Wanted, ...]:
    """Return the metrics of a policy that all packages can be measured by, as it names them."""
    outputs = [{one.name for one in package.manifest.schema.outputs} for package in packages]
    return tuple(
        Wanted(one.name, one)
        for one in metrics
        if all(names & {one.output, one.output.partition(".")[0]} for names in outputs)
    )


def _forms(metric: Metric) -> tuple[str, str, str]:
    """Return what a metric may be called, the shortest name first."""
    short = f"{metric.measure}@{metric.k}" if metric.measure in RANKED else str(metric.measure)
    return short, f"{metric.output}:{short}", f"{metric.output}:{short}:{metric.outcome}"


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
