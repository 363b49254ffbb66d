"""Budgets and metrics: what is promised in figures is measured, recorded and judged."""

from __future__ import annotations

import json
import re

import pytest
from tests.e2e.verify.desk import Desk

pytestmark = pytest.mark.e2e

SLOW = (
    "import time\n\ndef run(_, rows):\n    time.sleep(0.03)\n    return [{'y': 1} for _ in rows]\n"
)
LARGE = "KEPT = b'x' * 60_000_000\n\ndef run(_, rows):\n    return [{'y': 1} for _ in rows]\n"
SCENARIOS = [{"inputs": {"x": 1}, "expected": {"y": 1}}]


def test_kept_budgets_pass_and_are_measured(desk: Desk) -> None:
    desk.write(SLOW, SCENARIOS, more="[budget]\nlatency_ms = 5000\nmemory_mb = 300")
    report = desk.json("verify", desk.folder)
    probes = {probe["name"]: probe for probe in report["probes"]}
    assert probes["latency budget"]["passed"]
    assert probes["memory budget"]["passed"]
    assert 30 <= report["measured"]["latency_ms"] <= 5000
    assert 5 < report["measured"]["memory_mb"] <= 300
    assert report["measured"]["start_s"] > 0


def test_an_exceeded_latency_fails_with_both_figures(desk: Desk) -> None:
    desk.write(SLOW, SCENARIOS, more="[budget]\nlatency_ms = 20")
    told = desk.ketch("verify", desk.folder, status=1).stdout
    (line,) = [line for line in told.splitlines() if "latency budget" in line]
    found = re.fullmatch(r"  ✗ latency budget: promised at most 20 ms, measured ([\d.]+) ms", line)
    assert found is not None
    assert float(found[1]) >= 30


def test_an_exceeded_memory_fails_with_figures_or_with_the_limit(desk: Desk) -> None:
    """What is read into memory counts, whether it is private to the process or not."""
    reads = (
        "import mmap\n\ndef load(folder, _):\n"
        "    with open(folder + '/weights.bin', 'rb') as file:\n"
        "        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "    return mapped, sum(mapped[at] for at in range(0, len(mapped), 4096))\n\n"
        "def run(_, rows):\n    return [{'y': 1} for _ in rows]\n"
    )
    desk.write(
        reads, SCENARIOS, more="[budget]\nmemory_mb = 60", files={"model/weights.bin": b"1" * 10**8}
    )
    toml = desk.folder / "ketch.toml"
    toml.write_text(toml.read_text().replace("[pipeline]", '[pipeline]\nload = "pipeline:load"'))
    report = desk.prove()
    (failed,) = [probe for probe in report.probes if not probe.passed and probe.required]
    assert failed.name == "memory budget"
    assert failed.detail.startswith("promised at most 60 MB, measured 1")

    desk.write(LARGE, SCENARIOS, more="[budget]\nmemory_mb = 40")
    told = desk.ketch("verify", desk.folder, status=1).stdout
    assert (
        "✗ could not be verified: package code ran out of memory (at step `pipeline:run`)" in told
    )
    assert "it may hold 40 MB; `[budget] memory_mb` sets the limit" in told


def test_metrics_are_printed_and_recorded(desk: Desk) -> None:
    evaluate = (
        "def run(predict, data):\n"
        "    answers = predict([{'x': 1}, {'x': 2}])\n"
        "    rows = open(data['validation']).read().split()\n"
        "    return {'hits': sum(a['y'] for a in answers), 'rows': len(rows)}\n"
    )
    desk.write(
        SLOW,
        SCENARIOS,
        more=(
            '[evaluate]\nrun = "evaluate:run"\n'
            '[data.validation]\nsource = "s3://shop/validation/"\nsample = "seen.csv"\nship = true'
        ),
        files={"evaluate.py": evaluate, "seen.csv": "a\n1\n2\n"},
    )
    packed = desk.json("pack", desk.folder)
    assert packed["report"]["metrics"] == {"hits": 2.0, "rows": 3.0}
    told = desk.json("inspect", f"{desk.name}:1.0.0")
    assert told["attestations"][0]["metrics"] == {"hits": 2.0, "rows": 3.0}
    assert "metrics: hits 2, rows 3" in desk.ketch("verify", f"{desk.name}:1.0.0").stdout


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (
            "{'auc': float('nan'), 'f1': 0.5}",
            "metric `auc`: expected `finite number`, found `float` `nan`",
        ),
        ("{'auc': 'high'}", "metric `auc`: expected `number`, found `str` `'high'`"),
        ("{}", "expected metrics by name from `evaluate:run`, found none"),
        ("None", "expected `dict of metrics`, found `NoneType` `None`"),
    ],
)
def test_a_metric_that_is_no_figure_is_a_finding(desk: Desk, returned: str, words: str) -> None:
    desk.write(
        SLOW,
        SCENARIOS,
        more='[evaluate]\nrun = "evaluate:run"',
        files={"evaluate.py": f"def run(predict, data):\n    return {returned}\n"},
    )
    report = desk.json("verify", desk.folder, status=1)
    (probe,) = [one for one in report["probes"] if one["name"] == "offline metrics"]
    assert not probe["passed"]
    assert words in probe["detail"]
    assert report["metrics"] == {}
    assert json.dumps(report, allow_nan=False)
