"""A log, and rows written into it at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.decisions import HERE, ORIGIN

from ketch.monitor.decisions import Decision, DecisionLog, Origin
from ketch.monitor.decisions.ids import Ids
from ketch.monitor.decisions.sealing import seal
from ketch.monitor.profiles import Window, windows

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
ROUTE = ORIGIN.route

Log = Callable[..., None]


def whole(folder: Path, *, hot: bool = True) -> list[Window]:
    """Return every window of the route of the tests."""
    first = datetime(2020, 1, 1, tzinfo=UTC)
    return windows([folder], ROUTE, first, NOW + timedelta(days=3000), hot=hot)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "decisions"


@pytest.fixture
def log(folder: Path) -> Log:
    """Write one decision for each input, and seal them when asked to."""

    def written(
        inputs: Iterable[object],
        *,
        at: datetime = NOW,
        sealed: bool = False,
        origin: Origin = ORIGIN,
        outputs: object = None,
        to: Path | None = None,
        **more: object,
    ) -> None:
        log = DecisionLog(to or folder, HERE)
        ids = Ids(lambda: int(at.timestamp() * 1e9))
        answer = msgspec.json.encode({"score": 0.5} if outputs is None else outputs)
        for each in inputs:
            body = msgspec.json.encode(each)
            assert log.record(Decision(ids.new(), origin, body, answer, **more))  # type: ignore[arg-type]
        log.close()
        if sealed:
            seal(to or folder, NOW)

    return written
