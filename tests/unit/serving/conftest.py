import sys
from pathlib import Path

import pytest
from tests.verification import Bench

from ketch.testing.workers import Rig, make_environment


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    python = Path(sys.executable).resolve()
    return make_environment(python, tmp_path_factory.mktemp("env") / "env")


@pytest.fixture
def bench(environment: Path, tmp_path: Path) -> Bench:
    return Bench(Rig(environment, tmp_path / "package"))
