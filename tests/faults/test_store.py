"""The local store under every fault: killed, full, failing, and without power."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faults import harness, store_writer

from ketch.errors import Unavailable
from ketch.store import LocalStore, fsck, gc

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("supervised")]

BLOBS = 8
WRITER = Path(__file__).with_name("store_writer.py")


def sources(folder: Path, *, large: int = 1_200_000) -> Path:
    """Return a folder of files for every way into a store: small, equal, large, to link."""
    made = folder / "sources"
    made.mkdir(parents=True)
    for name, content in (
        ("a-code", b"code" * 100),
        ("b-same", b"code" * 100),
        ("c-params", b"{}"),
        ("d-weights", os.urandom(large)),
        ("e-linked", b"linked" * 1000),
    ):
        (made / name).write_bytes(content)
        os.utime(made / name, (0, 0))
    return made


def check(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 - as the harness calls it
    """Say what is wrong: with the store, its temporary files once collected, or the package."""
    store = LocalStore(folder / "store")
    report = fsck(store)
    wrong = [f"{f.code} at {f.where}: {f.message}" for f in report.findings if f.blocks]
    package = store.resolve(store_writer.NAME)
    if finished and (package is None or len(store.referrers(package.digest)) != 1):
        wrong.append("the package or its referrer is not there")
    if finished and len(list(store.digests())) != BLOBS:
        wrong.append(f"expected {BLOBS} blobs, found {len(list(store.digests()))}")
    gc_leftovers = gc(store, grace_s=-60, dry_run=True).leftovers
    if finished and gc_leftovers and len(gc_leftovers) > 1:
        wrong.append(f"more left over than one killed writer leaves: {gc_leftovers}")
    return wrong


def check_collected(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 - same
    """Say what is wrong after a collection that was to leave an empty store."""
    store = LocalStore(folder / "store")
    wrong = [f"{f.code} at {f.where}: {f.message}" for f in fsck(store).findings if f.blocks]
    if finished and (list(store.digests()) or store.index().entries):
        wrong.append("something was not collected")
    return wrong


@pytest.fixture
def work(tmp_path: Path) -> harness.Work:
    made = sources(tmp_path)
    return harness.Work(
        argv=lambda folder: [sys.executable, WRITER, folder / "store", made, "put"], check=check
    )


def test_killed_anywhere_while_storing(work: harness.Work, tmp_path: Path) -> None:
    assert harness.kill_everywhere(work, tmp_path, most=10) == []


def test_killed_anywhere_while_collecting(tmp_path: Path) -> None:
    made = sources(tmp_path)

    def prepare(folder: Path) -> None:
        folder.mkdir(parents=True)
        store_writer.write(folder / "store", made)

    work = harness.Work(
        argv=lambda folder: [sys.executable, WRITER, folder / "store", made, "gc"],
        check=check_collected,
        prepare=prepare,
    )
    assert harness.kill_everywhere(work, tmp_path, most=6) == []


def test_refused_sync_anywhere(work: harness.Work, tmp_path: Path) -> None:
    problems = harness.refuse_everywhere(work, tmp_path, calls=harness.SYNCING, error="EIO", most=5)
    assert problems == []


def test_refused_write_anywhere(work: harness.Work, tmp_path: Path) -> None:
    problems = harness.refuse_everywhere(
        work, tmp_path, calls=harness.ALLOCATING, error="ENOSPC", most=5
    )
    assert problems == []


def test_nothing_is_relied_on_before_it_is_on_the_disk(work: harness.Work, tmp_path: Path) -> None:
    changes = harness.trace(work, tmp_path / "clean")
    assert harness.unsynced(changes, tmp_path / "clean" / "store") == []
    assert sum(change.call == "rename" for change in changes) > 9


def test_linter_notices_a_missing_sync(work: harness.Work, tmp_path: Path) -> None:
    changes = harness.trace(work, tmp_path / "clean")
    without = [change for change in changes if change.call not in harness.SYNCING]
    assert len(harness.unsynced(without, tmp_path / "clean" / "store")) > 9


def test_disk_of_any_size_while_storing(tmp_path: Path) -> None:
    """Every size from nothing to plenty, in pages: in this process, for there are many."""
    made, wrong = sources(tmp_path, large=1_100_000), list[str]()
    full = 0
    step = 4 if harness.IS_FULL else 12
    for size in range(20, 1_400, step):
        disk = tmp_path / f"disk-{size}"
        with harness.small_disk(disk, size):
            try:
                store_writer.write(disk / "store", made)
            except Unavailable as error:
                full += 1
                if error.code != "disk/full":
                    wrong.append(f"{size} KiB: {error.code}: {error}")
            wrong += [f"{size} KiB: {each}" for each in check(disk, False)]
            subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
            store_writer.write(disk / "store", made)
            wrong += [f"{size} KiB, again: {each}" for each in check(disk, True)]
            left = gc(LocalStore(disk / "store"), grace_s=-60)
            if left.leftovers:
                wrong.append(f"{size} KiB: left over: {left.leftovers}")
    assert wrong == []
    assert full > 10


def test_limited_file_size_while_storing(tmp_path: Path, work: harness.Work) -> None:
    """What a disk quota does, for those who may not mount."""
    for limit in (0, 1, 100, 4096, 100_000, 1_048_576, 1_199_999):
        folder = tmp_path / f"limit-{limit}"
        folder.mkdir()
        run = subprocess.run(
            [str(part) for part in work.argv(folder)],
            check=False,
            capture_output=True,
            text=True,
            preexec_fn=lambda limit=limit: resource.setrlimit(  # type: ignore[misc]
                resource.RLIMIT_FSIZE, (limit, limit)
            ),
        )
        assert run.returncode == 3, run.stderr
        assert "disk/full" in run.stderr
        assert check(folder, False) == []
        assert subprocess.run(work.argv(folder), check=False).returncode == 0
        assert check(folder, True) == []
        shutil.rmtree(folder)


def test_harness_runs_a_command_on_a_small_disk(tmp_path: Path, work: harness.Work) -> None:
    assert harness.full_at(work, tmp_path / "disks", [100, 700]) == []
