"""Metrics are the package's own; one that is none is a finding, not a figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.verification import ECHO, Bench

from ketch.package.manifest import DataDeclaration
from ketch.verify.checks import metrics
from ketch.verify.checks.metrics import Evaluated

DATA = (DataDeclaration("validation", "s3://shop/validation/", sample="rows.txt"),)


def evaluated(bench: Bench, body: str, data: dict[str, Path] | None = None) -> Evaluated:
    more = {"evaluate.py": f"import os\ndef run(predict, data):\n    {body}\n"}
    package = bench.package(
        ECHO, more=more, evaluate="evaluate:run", data=() if data is None else DATA
    )
    with bench.subject(package) as subject:
        return metrics.evaluate(subject, data or {})


def test_metrics_are_what_the_package_computes_with_its_own_answers(bench: Bench) -> None:
    found = evaluated(bench, "return {'sum': sum(r['x'] for r in predict([{'x': 1}, {'x': 2}]))}")
    assert dict(found.metrics) == {"sum": 3.0}
    assert [probe.passed for probe in found.probes] == [True]


def test_a_package_that_declares_no_evaluation_has_none(bench: Bench) -> None:
    with bench.subject(bench.package()) as subject:
        assert metrics.evaluate(subject, {}) == Evaluated()


def test_without_its_sample_nothing_is_computed_and_a_note_says_so(bench: Bench) -> None:
    found = evaluated(bench, "return 1 / 0", data={})
    assert found.probes == ()
    assert found.notes == (
        "metrics were not computed: the sample of data `validation` is not at hand",
    )


def test_the_sample_is_read_by_the_package(bench: Bench, tmp_path: Path) -> None:
    sample = tmp_path / "rows.txt"
    sample.write_text("abc")
    package = bench.package(
        ECHO,
        more={
            "evaluate.py": "def run(predict, data):\n    return {'n': len(open(data['validation']).read())}"
        },
        evaluate="evaluate:run",
        data=DATA,
    )
    start = bench.starter(package, readable=(sample,))
    with bench.subject(package, start=start) as subject:
        assert metrics.evaluate(subject, {"validation": sample}).metrics == {"n": 3.0}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "return {'auc': float('nan')}",
            "metric `auc`: expected `finite number`, found `float` `nan`",
        ),
        (
            "return {'auc': float('inf')}",
            "metric `auc`: expected `finite number`, found `float` `inf`",
        ),
        ("return {'auc': '0.9'}", "metric `auc`: expected `number`, found `str` `'0.9'`"),
        ("return {'auc': None}", "metric `auc`: expected `number`, found `NoneType` `None`"),
        ("return {'auc': True}", "metric `auc`: expected `number`, found `bool` `True`"),
        ("return {'auc': [0.9]}", "metric `auc`: expected `number`, found `list` `[0.9]`"),
        (
            "return {'a': None, 'b': 1, 'c': '1'}",
            "`None`; metric `c`: expected `number`, found `str`",
        ),
        ("return 0.9", "expected `dict of metrics`, found `float` `0.9`"),
        ("return None", "expected `dict of metrics`, found `NoneType` `None`"),
        ("return {}", "expected metrics by name from `evaluate:run`, found none"),
        ("raise KeyError('label')", "`KeyError`: 'label'"),
        ("os._exit(3)", "ended with exit status 3 while it answered `evaluate`"),
    ],
)
def test_a_metric_that_is_none_is_a_finding_that_names_it(
    bench: Bench, body: str, words: str
) -> None:
    found = evaluated(bench, body)
    (probe,) = found.probes
    assert (probe.name, probe.passed, probe.required) == ("offline metrics", False, True)
    assert words in probe.detail
    assert "`evaluate:run`" in probe.detail
    assert found.metrics == {}
