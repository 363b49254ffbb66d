"""Logs, and decisions written into them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.decisions import HERE, ORIGIN, Write, decision

from ketch.monitor.decisions import DecisionLog, Origin
from ketch.monitor.decisions.sealing import seal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "decisions"


@pytest.fixture
def log(folder: Path) -> Iterator[DecisionLog]:
    log = DecisionLog(folder, HERE)
    yield log
    log.close()


@pytest.fixture
def write(folder: Path) -> Write:
    """Write decisions of these units, and seal them when asked to."""

    def written(
        units: Sequence[str | None], *, sealed: bool = False, origin: Origin = ORIGIN
    ) -> list[str]:
        log = DecisionLog(folder, HERE)
        made = [decision(unit, origin=origin) for unit in units]
        assert all(map(log.record, made))
        log.close()
        if sealed:
            assert seal(folder, datetime.now(UTC)) >= len(made)
        return [one.id for one in made]

    return written
