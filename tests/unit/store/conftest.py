"""A fresh store for each test."""

from pathlib import Path

import pytest

from ketch.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")
