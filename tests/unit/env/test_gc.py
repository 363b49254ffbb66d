from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ketch.env import Environment, Environments, Lock, collect_environments
from ketch.env.environment import MARKER
from ketch.env.locking import held

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "envs")


@pytest.fixture
def old(environments: Environments, running_python: str) -> Environment:
    made = environments.ensure(Lock(running_python), offline=True)
    used = (NOW - timedelta(days=30)).timestamp()
    os.utime(made.path / MARKER, (used, used))
    return made


def collect(environments: Environments, *keep: str, max_age: timedelta = WEEK) -> tuple[str, ...]:
    return collect_environments(environments, keep=set(keep), max_age=max_age, now=NOW).keys


def test_what_was_not_used_lately_goes(environments: Environments, old: Environment) -> None:
    collected = collect_environments(environments, keep=set(), max_age=WEEK, now=NOW)
    assert collected.keys == (old.key,)
    assert collected.size_bytes > 1000
    assert not old.path.exists()
    assert environments.list() == ()


def test_a_dry_run_says_the_same_and_removes_nothing(
    environments: Environments, old: Environment
) -> None:
    said = collect_environments(environments, keep=set(), max_age=WEEK, dry_run=True, now=NOW)
    assert said.keys == (old.key,)
    assert old.path.exists()
    assert collect_environments(environments, keep=set(), max_age=WEEK, now=NOW) == said


def test_a_dry_run_leaves_out_what_was_used_lately(
    environments: Environments, old: Environment
) -> None:
    month = timedelta(days=31)
    said = collect_environments(environments, keep=set(), max_age=month, dry_run=True, now=NOW)
    assert said.keys == ()


def test_what_uv_keeps_in_its_cache_is_not_freed(
    environments: Environments, tiny_lock: Lock
) -> None:
    made = environments.ensure(tiny_lock)
    shared = (made.site_packages / "tiny.py").stat()
    assert shared.st_nlink > 1
    os.utime(made.path / MARKER, (0, 0))
    collected = collect_environments(environments, keep=set(), max_age=WEEK, now=NOW)
    assert 0 < collected.freed_bytes <= collected.size_bytes - shared.st_size


def test_what_was_used_lately_stays(environments: Environments, old: Environment) -> None:
    assert collect(environments, max_age=timedelta(days=31)) == ()
    assert old.path.exists()


def test_what_is_kept_by_name_stays(environments: Environments, old: Environment) -> None:
    assert collect(environments, old.key) == ()


def test_what_is_in_use_stays(environments: Environments, old: Environment) -> None:
    with old.in_use():
        assert collect(environments) == ()
    assert collect(environments) == (old.key,)


def test_what_is_being_built_stays(environments: Environments, old: Environment) -> None:
    with held(environments.lock_path(old.key)):
        assert collect(environments) == ()


def test_what_broken_builds_left_goes_and_what_is_being_built_stays(
    environments: Environments, old: Environment
) -> None:
    building = environments.root / f".building-{'b' * 32}-1"
    broken = environments.root / f".building-{old.key}-2"
    trash = environments.root / ".trash-x"
    for folder in (building, broken, trash):
        (folder / "inside").mkdir(parents=True)
    with held(environments.lock_path("b" * 32)):
        collect(environments, old.key)
    assert (building.exists(), broken.exists(), trash.exists()) == (True, False, False)


def test_an_environment_without_a_marker_goes(environments: Environments, old: Environment) -> None:
    (old.path / MARKER).unlink()
    assert collect(environments) == (old.key,)


def test_nothing_is_made_where_nothing_was(environments: Environments) -> None:
    assert collect(environments) == ()
    assert not environments.root.exists()


def test_other_files_are_left_alone(environments: Environments, old: Environment) -> None:
    (environments.root / "notes").mkdir()
    collect(environments)
    assert (environments.root / "notes").exists()
