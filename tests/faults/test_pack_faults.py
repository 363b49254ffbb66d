"""`ketch pack` under every fault: killed, refused by a full or a failing disk.

Whatever happens, no package in the store is damaged, no tag leads to what is not there,
no environment is taken for whole that is not, no file of the user is half-written, nothing
keeps running, and the same command, run again, gives the same digest.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults import harness
from tests.faults.workplace import Workplace, pack_work, size_kib

pytestmark = pytest.mark.faults

HOW = ("group", "parent")


def test_killed_anywhere_without_verification(workplace: Workplace, tmp_path: Path) -> None:
    work = pack_work(workplace, "--no-verify", prepare=["lock"])
    assert harness.kill_everywhere(work, tmp_path, most=4, how=HOW) == []


def test_killed_anywhere_with_verification(workplace: Workplace, tmp_path: Path) -> None:
    work = pack_work(workplace, prepare=["lock", "environment"])
    assert harness.kill_everywhere(work, tmp_path, most=5, how=HOW) == []


def test_killed_anywhere_with_all_there_is_to_do(workplace: Workplace, tmp_path: Path) -> None:
    """Locking, making the environment, verification, an archive."""
    work = pack_work(workplace, "-o", "{}/out/shop.tar")
    assert harness.kill_everywhere(work, tmp_path, most=8, how=HOW) == []


def test_refused_by_a_full_disk_anywhere(workplace: Workplace, tmp_path: Path) -> None:
    work = pack_work(workplace, "-o", "{}/out/shop.tar")
    problems = harness.refuse_everywhere(
        work, tmp_path, calls=harness.ALLOCATING, error="ENOSPC", most=7
    )
    assert problems == []


def test_failing_sync_anywhere(workplace: Workplace, tmp_path: Path) -> None:
    work = pack_work(workplace, "--no-verify", "-o", "{}/out/shop.tar")
    problems = harness.refuse_everywhere(work, tmp_path, calls=harness.SYNCING, error="EIO", most=3)
    assert problems == []


def test_failing_disk_anywhere(workplace: Workplace, tmp_path: Path) -> None:
    work = pack_work(workplace, "-o", "{}/out/shop.tar")
    calls = (*harness.ALLOCATING, "unlink", "unlinkat", "rmdir", "chmod", "fchmod", "utimensat")
    assert harness.refuse_everywhere(work, tmp_path, calls=calls, error="EIO", most=4) == []


def test_disk_of_any_size(workplace: Workplace, tmp_path: Path) -> None:
    """Home, project and temporary files share a disk that is too small."""
    work = pack_work(workplace, "-o", "{}/out/shop.tar")
    least, most = size_kib(workplace.template), size_kib(workplace.finished) + 2_000
    sizes = range(least, most, 12 if harness.IS_FULL else (most - least) // 4)
    assert harness.full_at(work, tmp_path, sizes) == []
