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


def test_what_broken_builds_left_goes_after_an_hour(
    environments: Environments, old: Environment
) -> None:
    fresh = environments.root / f".building-{old.key}-fresh"
    stale = environments.root / f".building-{old.key}-stale"
    trash = environments.root / ".trash-x"
    for folder in (fresh, stale, trash):
        (folder / "inside").mkdir(parents=True)
    hour = timedelta(hours=1)
    os.utime(stale, ((NOW - 2 * hour).timestamp(),) * 2)
    os.utime(fresh, (NOW.timestamp(),) * 2)
    collect(environments, old.key)
    assert (fresh.exists(), stale.exists(), trash.exists()) == (True, False, False)


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
