"""Every store against one suite."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ketch.store import LocalStore, MemoryStore, Store
from ketch.testing.stores import STORE_CHECKS, Check, check_store

STORES: dict[str, Callable[[Path], Store]] = {
    "local": lambda folder: LocalStore(folder / "store"),
    "local with one worker": lambda folder: LocalStore(folder / "store", workers=1),
    "memory": lambda _: MemoryStore(),
}


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", STORES)
def test_store_keeps_its_promises(kind: str, check: Check, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    check(STORES[kind](tmp_path), files)


def test_suite_runs_in_one_call() -> None:
    check_store(MemoryStore)


def test_suite_notices_a_store_that_forgets() -> None:
    class Forgetful(MemoryStore):
        def untag(self, name: str) -> None:
            del name

    with pytest.raises(AssertionError, match="untagged"):
        check_store(Forgetful)
