"""What a container may take: the least of the limits from its own group up."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ketch.runtime import machine
from ketch.runtime.limits import allowed_cores, groups, left_bytes

MIB = 2**20


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A group of 2.5 processors and 300 MiB, in a group of 4 processors and 200 MiB."""
    job = tmp_path / "cgroup" / "team" / "job"
    job.mkdir(parents=True)
    for folder, quota, most in ((job, "250000 100000", 300), (job.parent, "400000 100000", 200)):
        (folder / "cpu.max").write_text(f"{quota}\n")
        (folder / "memory.max").write_text(f"{most * MIB}\n")
        (folder / "memory.current").write_text(f"{150 * MIB}\n")
        (folder / "memory.stat").write_text(f"anon {90 * MIB}\ninactive_file {10 * MIB}\n")
    (tmp_path / "own").write_text("12:cpu:/elsewhere\n0::/team/job\n")
    return tmp_path


def test_the_least_of_all_groups_counts(tree: Path) -> None:
    found = groups(tree / "own", tree / "cgroup")
    assert [path.name for path in found] == ["job", "team", "cgroup"]
    assert allowed_cores(found) == 2.5
    assert left_bytes(found) == (200 - 150 + 10) * MIB


def test_no_limit_is_none(tree: Path) -> None:
    job = tree / "cgroup" / "team" / "job"
    (job / "cpu.max").write_text("max 100000\n")
    (job / "memory.max").write_text("max\n")
    assert allowed_cores([job]) is None
    assert left_bytes([job]) is None
    assert groups(tree / "absent") == []


def test_a_group_that_is_full_leaves_nothing(tree: Path) -> None:
    job = tree / "cgroup" / "team" / "job"
    (job / "memory.current").write_text(f"{400 * MIB}\n")
    assert left_bytes([job]) == 0


def test_a_quota_counts_where_there_are_more_processors(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = groups(tree / "own", tree / "cgroup")
    monkeypatch.setattr(machine, "groups", lambda: found)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert machine.cores() == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert machine.cores() == 2
    assert machine.available_bytes() == 60 * MIB
    assert machine.room_for(1) == 0
    assert not machine.has_room(1)


def test_room_is_what_is_left_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_bytes", lambda: 4_600 * machine.MB)
    assert machine.room_for(1_000 * machine.MB) == 3
    assert machine.room_for(5_000 * machine.MB) == 0
    monkeypatch.setattr(machine, "available_bytes", lambda: None)
    assert machine.has_room(1_000 * machine.MB)


def test_processor_time_of_a_process_is_seen() -> None:
    before, own = machine.spent_s(os.getpid()), time.process_time()
    while time.process_time() < own + 0.1:
        pass
    assert 0.05 <= machine.spent_s(os.getpid()) - before <= 5
    assert machine.spent_s(2**22 + 1) == 0.0
