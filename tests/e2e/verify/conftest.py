"""Environments that uv built, in one ketch home for all tests."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from tests.e2e.verify.desk import Desk

from ketch.runtime import Home


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A ketch home whose environment, one for all tests, holds nothing but Python."""
    return Home(tmp_path_factory.mktemp("verify-home"))


@pytest.fixture
def desk(
    shared_home: Home, tmp_path: Path, author: Callable[..., Path], request: pytest.FixtureRequest
) -> Desk:
    """A folder for one package, with a name that no other test has."""
    name = f"shop-{sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    return Desk(shared_home, tmp_path / "shop", name, author)
