"""What the tests of faults share: a look at whether this kernel lets them, and a workplace."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults import harness
from tests.faults.workplace import Workplace


@pytest.fixture(scope="session")
def supervised(missing: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where the kernel does not ask a supervisor about system calls."""
    work = harness.Work(argv=lambda _: [sys.executable, "-c", ""], check=lambda *_: [])
    try:
        harness.watch(work, tmp_path_factory.mktemp("supervised"))
    except harness.NotSupervised as error:
        missing(f"needs seccomp notifications (Linux 5.5): {error}")


@pytest.fixture(scope="session")
def workplace(supervised: None, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A ketch home with one package, and the folder of the next."""
    return Workplace(Path(tmp_path_factory.mktemp("workplace")))
