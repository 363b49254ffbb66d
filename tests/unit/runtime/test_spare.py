"""A worker that was started ahead is the one that is taken, or it ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ketch.errors import Unavailable
from ketch.runtime.launch import Launch
from ketch.runtime.process import Worker
from ketch.runtime.spare import Spare
from ketch.testing.workers import ECHO, Rig, schema_of

PIPELINE = {"load": None, "takes": "records", "steps": ["pipeline:run"]}


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """Every worker that is started, in order."""
    workers: list[Worker] = []
    start = Worker.begin.__func__  # type: ignore[attr-defined] # a class method

    def begin(cls: type[Worker], launch: Launch) -> Worker:
        workers.append(start(cls, launch))
        return workers[-1]

    monkeypatch.setattr(Worker, "begin", classmethod(begin))
    return workers


@pytest.fixture
def spare(rig: Rig) -> Iterator[Spare]:
    made = Spare(lambda seed: replace(rig.launch(ECHO), hash_seed=seed), hash_seed=7)
    yield made
    made.close()


def test_the_worker_that_was_started_ahead_is_taken(spare: Spare, begun: list[Worker]) -> None:
    spare.begin()
    spare.begin()
    with spare.take(7) or pytest.fail("none was started") as worker:
        assert begun == [worker]
        worker.ready()
        worker.load(PIPELINE, params={}, schema=schema_of({"x": "int64"}, {"x": "int64"}))
        assert worker.predict([{"x": 1}], deadline_s=10).rows == [{"x": 1}]


def test_what_nobody_took_ends(spare: Spare, begun: list[Worker]) -> None:
    spare.begin()
    spare.close()
    assert not begun[0].is_alive
    with pytest.raises(Unavailable, match="has ended"):
        begun[0].ready()


def test_another_hash_seed_gets_another_worker(spare: Spare) -> None:
    spare.begin()
    assert spare.take(0) is None
    with spare.take(7) or pytest.fail("it was lost"):
        assert spare.take(7) is None


def test_none_is_started_after_it_was_asked_for(spare: Spare, begun: list[Worker]) -> None:
    assert spare.take(7) is None
    spare.begin()
    assert begun == []


def test_an_interpreter_that_does_not_start_is_told_to_whoever_asks(
    rig: Rig, tmp_path: Path
) -> None:
    launch = replace(rig.launch(ECHO), python=tmp_path / "absent")
    spare = Spare(lambda _: launch, hash_seed=7)
    spare.begin()
    assert spare.take(7) is None
    with pytest.raises(Unavailable):
        Worker.begin(launch)
