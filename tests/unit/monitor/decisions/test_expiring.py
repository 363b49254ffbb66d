from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.decisions import HERE, decision

from ketch.monitor.decisions import DecisionLog, LogSettings
from ketch.monitor.decisions import log as writing
from ketch.monitor.decisions.ids import Ids
from ketch.monitor.decisions.sealing import seal
from ketch.monitor.decisions.segments import partitions
from ketch.monitor.outcomes.ledger import Outcomes
from ketch.monitor.outcomes.outcome import Outcome, microseconds


def test_what_is_too_old_goes_also_where_nothing_is_decided_any_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    long_ago = int((now - timedelta(days=9)).timestamp() * 1e9)
    with_old = DecisionLog(folder, HERE)
    assert with_old.record(decision(at=Ids(lambda: long_ago).new()))
    with_old.close()
    with Outcomes(folder) as ledger:
        times = (now - timedelta(days=9), now - timedelta(days=6))
        ledger.record([Outcome("search", "click", at=at, unit="ana") for at in times])
    assert seal(folder, now) == 1
    monkeypatch.setattr(writing, "_EXPIRE_S", 0.0)
    monkeypatch.setattr(writing, "_TICK_S", 0.05)
    idle = DecisionLog(folder, LogSettings(keep_days=7))
    until = time.monotonic() + 30
    while partitions(folder):
        assert time.monotonic() < until
        time.sleep(0.02)
    monkeypatch.setattr(writing, "_EXPIRE_S", 1e9)
    idle.close()
    assert idle._sealer is not None
    assert idle._sealer.wait(30) == 0
    with Outcomes(folder) as ledger:
        assert [one.at for one in ledger.after(0)] == [microseconds(times[1])]
