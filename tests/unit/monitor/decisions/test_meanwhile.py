"""Decisions are read while others seal them, and put segments together: none is missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.decisions import Write

from ketch.monitor.decisions import hot
from ketch.monitor.decisions.reading import Decisions
from ketch.monitor.decisions.sealed import Sealed
from ketch.monitor.decisions.sealing import seal
from ketch.monitor.decisions.unsealed import Unsealed


def once_after(
    monkeypatch: pytest.MonkeyPatch, of: type, name: str, happens: Callable[[], object]
) -> None:
    """Have something happen after the first call of a method, before its result is used."""
    method, pending = getattr(of, name), [happens]

    def called(self: object, *given: Any) -> object:
        found = method(self, *given)
        if pending:
            pending.pop()()
        return found

    monkeypatch.setattr(of, name, called)


def sealed(folder: Path) -> None:
    seal(folder, datetime.now(UTC))
    assert not list((folder / hot.FOLDER).glob("*.log"))


def test_one_that_is_sealed_while_it_is_looked_for_is_found(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = write(["ana"])
    once_after(monkeypatch, Sealed, "one", lambda: sealed(folder))
    with Decisions(folder) as known:
        assert known.find(one).id == one


def test_those_of_a_unit_that_are_sealed_meanwhile_are_there_once(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write(["ana", "bo", "ana"])
    once_after(monkeypatch, Unsealed, "of_unit", lambda: sealed(folder))
    with Decisions(folder) as known:
        assert [one.id for one in known.of_unit("ana")] == [made[2], made[0]]


def test_a_file_that_goes_before_it_is_opened_is_no_error(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write(["ana", "bo"])
    now = datetime.now(UTC)
    once_after(monkeypatch, Unsealed, "_files", lambda: sealed(folder))
    with Decisions(folder) as known:
        found = known.between(now - timedelta(hours=1), now + timedelta(hours=1))
        assert [one.id for one in found] == made[::-1]


def test_sql_sees_each_once_though_they_are_sealed_meanwhile(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write(["ana", "bo"])
    once_after(monkeypatch, Sealed, "listed", lambda: sealed(folder))
    with Decisions(folder) as known:
        rows = known.query("SELECT id FROM decisions ORDER BY id")[1]
        assert rows == [(one,) for one in made]


def test_segments_that_become_one_meanwhile_are_not_taken_for_damaged(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [one for unit in "abc" for one in write([unit], sealed=True)]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    now = datetime.now(UTC)
    once_after(monkeypatch, Sealed, "listed", lambda: seal(folder, tomorrow))
    with Decisions(folder) as known:
        found = known.between(now - timedelta(hours=1), now + timedelta(hours=1))
        assert [one.id for one in found] == made[::-1]
    once_after(monkeypatch, Sealed, "listed", lambda: seal(folder, tomorrow))
    with Decisions(folder) as known:
        assert known.find(made[0]).id == made[0]
