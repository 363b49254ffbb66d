"""Several commands in one ketch home at the same time: none is in another's way."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.faults import harness
from tests.faults.workplace import KETCH, NEW, Workplace, write_project

from ketch.errors import NotFound
from ketch.runtime import Home, clean_up
from ketch.store import gc

pytestmark = pytest.mark.faults

ROUNDS = 20 if harness.IS_FULL else 2


def started(workplace: Workplace, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a command in a workplace."""
    return subprocess.Popen(
        [KETCH, *arguments],
        cwd=folder,
        env={**os.environ, **workplace.variables(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(*processes: subprocess.Popen[str]) -> list[tuple[int, str]]:
    """Wait for commands; return what is wrong with how they ended."""
    told = [process.communicate(timeout=harness.LIMIT_S)[1] for process in processes]
    endings = zip(processes, told, strict=True)
    return [(process.returncode, text) for process, text in endings if process.returncode != 0]


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """Do something again and again beside a block."""
    done = threading.Event()

    def again() -> None:
        while not done.is_set():
            act()
            time.sleep(0.01)

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.fixture
def folders(workplace: Workplace, tmp_path: Path) -> Iterator[Path]:
    """A fresh workplace for each round."""

    def fresh() -> Iterator[Path]:
        for number in range(ROUNDS):
            folder = tmp_path / f"round-{number}"
            workplace.copy(folder)
            yield folder
            assert list(workplace.wrong(folder)) == []
            assert list(workplace.wrong_after(folder)) == []
            shutil.rmtree(folder)

    return fresh()


@pytest.mark.parametrize("options", [["--no-verify"], []], ids=["stored", "verified"])
def test_two_packs_of_one_folder(
    workplace: Workplace, folders: Iterator[Path], options: Sequence[str]
) -> None:
    """Both lock, both store the same, one makes the environment while the other waits."""
    for folder in folders:
        both = [started(workplace, folder, "pack", "project", *options) for _ in range(2)]
        assert ended(*both) == []


def test_two_packs_that_share_most_of_their_bytes(
    workplace: Workplace, folders: Iterator[Path]
) -> None:
    for folder in folders:
        write_project(folder / "other", "1.0.1", "tiny==2.0")
        both = [started(workplace, folder, "pack", name) for name in ("project", "other")]
        assert ended(*both) == []
        assert Home(folder / "home").store.resolve("shop:1.0.1") is not None
        Home(folder / "home").store.untag("shop:1.0.1")  # the rest is as after one pack


def test_collection_beside_a_pack(workplace: Workplace, folders: Iterator[Path]) -> None:
    """`ketch gc` again and again, with the grace that it has."""
    for folder in folders:
        home = Home(folder / "home")
        with meanwhile(lambda: clean_up(Home(folder / "home"))):  # noqa: B023 - joined in the loop
            assert ended(started(workplace, folder, "pack", "project")) == []
        assert home.store.resolve(NEW) is not None


def test_hasty_collection_beside_a_pack_costs_an_attempt_at_most(
    workplace: Workplace, folders: Iterator[Path]
) -> None:
    """Without any grace, blobs go before their tag comes: the pack says so, and works again."""
    for folder in folders:

        def collect(folder: Path = folder) -> None:
            with suppress(NotFound):  # a blob went between being listed and being read
                gc(Home(folder / "home").store, grace_s=-60)

        with meanwhile(collect):
            refused = ended(started(workplace, folder, "pack", "project", "--no-verify"))
        for status, told in refused:
            assert status in {2, 3}, told
            assert "Traceback" not in told
        assert list(workplace.wrong(folder)) == []
        assert ended(started(workplace, folder, "pack", "project")) == []
