"""Planted changes: explain names the component, and what in it, in every case."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.changes import FOLDER, Case, cases, told

import ketch
from ketch.runtime import Home

pytestmark = pytest.mark.e2e

CASES = cases()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("changes") / "home")


def test_the_package_that_is_changed_keeps_its_own_promises(shared: Home, tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER / "till", tmp_path / "till")
    assert ketch.pack(folder, home=shared).verified


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(one, id=str(one), marks=() if one.quick else pytest.mark.thorough)
        for one in CASES
    ],
)
def test_what_was_changed_is_named(case: Case, shared: Home, tmp_path: Path) -> None:
    found = told(case, tmp_path, shared)
    assert found.components, found.said
    assert found.causes, found.said
    assert found.step, found.entered


def test_there_are_cases_of_every_kind_and_enough_of_them() -> None:
    assert len(CASES) >= 70
    assert len({str(one) for one in CASES}) == len(CASES)
    assert sum(len(one.causes) > 1 for one in CASES) >= 8
    assert sum(not one.causes for one in CASES) >= 7
