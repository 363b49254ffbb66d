"""One gateway for all that is asked of it here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.serving.ground import Ground, grounds
from tests.verification import Bench

from ketch.testing.workers import Rig, make_environment


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("ground")
    environment = make_environment(Path(sys.executable).resolve(), folder / "env")

    def bench(name: str) -> Bench:
        return Bench(Rig(environment, folder / name))

    with grounds(bench, folder) as found:
        yield found
