from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.decisions import HERE
from tests.packages import files, manifest, put

from ketch.monitor.decisions import Decision, DecisionLog, Origin, new_id, time_of
from ketch.monitor.decisions.sealing import seal
from ketch.monitor.shadow import ShadowReport, compare_shadow
from ketch.package import open_package
from ketch.store import MemoryStore
from ketch.testing.workers import schema_of

PROD = Origin("shop", "shop:1.0.0", "sha256:" + "ab" * 32, "prod")
STORE = MemoryStore()
INPUTS = {"name": "string"}
OUTPUTS = {
    "score": {"type": "float64", "atol": 0.01},
    "items": {"type": "list<string>", "compare": "ranking@2"},
    "mail": {"type": "string", "pii": True},
}
ANSWER = {"score": 1.0, "items": ["a", "b", "c"], "mail": "x"}

PACKAGE = open_package(
    put(STORE, files(manifest=manifest(schema=schema_of(INPUTS, OUTPUTS)))), STORE
)
STAGED = Origin("shop", PACKAGE.reference, str(PACKAGE.digest), "staging")

Rows = Mapping[str, object] | list[Mapping[str, object]]


def write(log: DecisionLog, live: Rows, copy: Rows | None, *, error: str = "") -> tuple[str, str]:
    """Write an answer and its copy; return both identities."""
    answer = Decision(new_id(), PROD, b"{}", _json(live), unit="ana", duration_us=5_000)
    twin = Decision(
        new_id(),
        STAGED,
        b"{}",
        _json(copy),
        unit="ana",
        why="shadow",
        status=500 if error else 200,
        error=error or None,
        duration_us=3_000,
        shadow_of=answer.id,
    )
    assert log.record(answer)
    assert log.record(twin)
    return answer.id, twin.id


def alone(log: DecisionLog) -> None:
    assert log.record(Decision(new_id(), PROD, b"{}", _json(ANSWER)))


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def compared(*logs: Path, since: datetime | None = None) -> ShadowReport:
    return compare_shadow(logs, "shop", PACKAGE, since=since)


@pytest.mark.parametrize("sealed", [False, True])
def test_a_copy_is_compared_with_the_very_answer_it_copies(tmp_path: Path, sealed: bool) -> None:  # noqa: FBT001 - a case
    log = DecisionLog(tmp_path, HERE)
    write(log, ANSWER, ANSWER)
    write(log, ANSWER, {**ANSWER, "score": 1.005, "items": ["a", "b", "d"]})
    ids = write(log, ANSWER, {**ANSWER, "score": 1.5, "items": ["b", "a"]})
    alone(log)
    write(log, [ANSWER, ANSWER], [ANSWER, {**ANSWER, "mail": "y"}])
    write(log, ANSWER, None, error="package-code/raised")
    log.close()
    if sealed:
        assert seal(tmp_path, datetime.now(UTC)) == 11

    found = compared(tmp_path)

    assert (found.copies, found.compared, found.identical, found.not_copied) == (5, 4, 2, 1)
    assert (found.failed, found.errors) == (1, (("package-code/raised", 1),))
    score, items, mail = found.fields
    assert (score.rows, score.differ, score.rule) == (5, 1, "within atol 0.01")
    assert score.largest_off == 0.5
    assert score.mean_off == pytest.approx(0.505 / 5)
    assert (items.differ, items.rule) == (1, "the first 2, in order")
    assert items.overlap == 1.0, "the same two, in another order"
    assert mail.differ_share == 0.2
    assert found.copy is not None
    assert (found.copy.median_ms, found.copy.p95_ms) == (3.0, 3.0)
    shown, ordered = found.examples
    assert (shown.field, shown.expected, shown.found) == ("mail", None, None)
    assert (ordered.decision, ordered.copy) == ids
    assert (ordered.field, ordered.expected, ordered.found) == ("score", 1.0, 1.5)


def test_what_one_side_never_has_is_named_and_not_compared(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, HERE)
    write(log, {"score": 1.0, "old": 3}, ANSWER)
    log.close()

    found = compared(tmp_path)

    assert [one.name for one in found.fields] == ["score"]
    assert (found.only_live, found.only_copy) == (("old",), ("items", "mail"))
    assert found.identical == 1


def test_logs_of_several_gateways_are_one_and_the_latest_of_all_come_first(tmp_path: Path) -> None:
    logs = [DecisionLog(tmp_path / name, HERE) for name in ("a", "b")]
    changed = {**ANSWER, "score": 9.0}
    ids = [write(logs[at], ANSWER, changed)[1] for at in (0, 1, 0, 1)]
    for log in logs:
        log.close()

    found = compared(tmp_path / "a", tmp_path / "b")
    assert [one.copy for one in found.examples] == ids[::-1]

    later = compared(tmp_path / "a", tmp_path / "b", since=time_of(ids[2]) - timedelta(0))
    assert later.copies == 2


def test_nothing_is_known_without_copies(tmp_path: Path) -> None:
    found = compared(tmp_path)
    assert (found.copies, found.compared, found.identical_share, found.copy) == (0, 0, None, None)
    assert json.loads(json.dumps(found.to_json()))["copies"] == 0
