from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.tallies import Writer

from ketch.monitor.decisions import Decision, Origin
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.decisions.keyed import KEY_FILE, keyed
from ketch.monitor.decisions.sharing import share_key
from ketch.monitor.drift.independence import repeats

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DIGEST = "sha256:" + "c" * 64
ORIGIN = Origin("loans", "lender:1.0.0", DIGEST, "prod")


def answer(log: Path, *units: str | None, rows: int = 1) -> None:
    decisions = []
    for number, unit in enumerate(units):
        identity = f"{moment_of(NOON + timedelta(minutes=number)):016x}{2**63 + number:016x}"
        decisions.append(Decision(identity, ORIGIN, b"{}", b"{}", unit=unit, rows=rows))
    Writer(log).write(decisions)


def counted(*logs: Path) -> float:
    return repeats(logs, "loans", DIGEST, NOON, NOON + timedelta(hours=1))


def test_rows_count_by_the_squares_of_those_of_each_unit(tmp_path: Path) -> None:
    """(3² + 1² + 1 + 1)/6, a decision without a unit being its own; of ten rows each, ten times."""
    units = ("ana", "ana", "ana", "ben", None, None)
    answer(tmp_path / "one", *units)
    assert counted(tmp_path / "one", tmp_path / "none") == pytest.approx(12 / 6)
    answer(tmp_path / "ten", *units[:4], rows=10)
    assert counted(tmp_path / "ten") == pytest.approx(1_000 / 40)
    assert counted(tmp_path / "none") == 1


def test_a_unit_that_asks_at_two_gateways_is_one(tmp_path: Path) -> None:
    one, two, other = (tmp_path / name for name in ("one", "two", "other"))
    answer(one, "ana", "ana", "ben")
    keyed(one)
    share_key(two, one / KEY_FILE)
    for log in (two, other):  # the other has a key of its own
        answer(log, "ana", "ana", "cleo")
    assert counted(one, two) == pytest.approx((16 + 1 + 1) / 6)
    assert counted(one, other) == pytest.approx((4 + 1 + 4 + 1) / 6)
