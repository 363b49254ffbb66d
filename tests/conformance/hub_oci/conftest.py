"""One hub for the tests of a file that do not mind what others left there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.hub_oci.harness import Served, serving

from ketch.store import fsck


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hub; whatever was tried with it, its store is whole at the end."""
    with serving(tmp_path_factory.mktemp("hub")) as hub:
        yield hub
        assert fsck(hub.store).is_clean


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """An empty hub of the test's own; whatever was tried with it, its store is whole."""
    with serving(tmp_path / "hub") as served:
        yield served
        assert fsck(served.store).is_clean
