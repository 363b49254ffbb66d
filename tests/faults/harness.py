"""Put any command to every fault: killed, or refused by the disk, at each change it makes.

A :class:`Work` is a command that changes things under one folder, and a check that says
what is wrong with the folder afterwards. The harness watches one clean run, which lists
every system call that changes the folder; then it runs the command again for each of them,
in a fresh folder, and lets exactly that call be the last (or fail). After each it checks
the folder, runs the command once more, and checks again: a fault may cost the work of one
command, never the state it met, and never the next attempt.

``KETCH_TEST_FAULTS=full`` tries every point; otherwise a sample, spread evenly, and a third as
large in CI.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.supervisor import NOT_SUPERVISED

IS_FULL = os.environ.get("KETCH_TEST_FAULTS") == "full"
IS_BRIEF = "CI" in os.environ and not IS_FULL

SUPERVISOR = Path(__file__).with_name("supervisor.py")
LIMIT_S = 120.0
KILLED = 128 + signal.SIGKILL
"""The status of a command of several processes when one of them was killed."""

SYNCING = ("fsync", "fdatasync", "syncfs")
ALLOCATING = (
    *("open", "openat", "creat", "write", "pwrite64", "writev", "copy_file_range", "fallocate"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"),
    *("mkdir", "mkdirat", *SYNCING),
)
"""Calls that a full disk refuses."""


class NotSupervised(Exception):
    """This kernel, or this container, does not let a process be supervised."""


@dataclass(frozen=True)
class Work:
    """A command under test.

    Attributes:
        argv: Returns the command, for the folder it is to work in.
        check: Returns what is wrong with the folder: nothing, when the command was cut
            short; and nothing when it ran to its end (``finished``).
        prepare: Fills a fresh folder before the command.
        caches: Parts of paths of what the command can do without.
        variables: Returns environment variables for the command, beside our own.
        lasts: Returns whether some changes outlast a power cut: a sync may fail unnoticed
            if what it was for was synced elsewhere.
    """

    argv: Callable[[Path], Sequence[str | Path]]
    check: Callable[[Path, bool], list[str]]
    prepare: Callable[[Path], None] = lambda folder: folder.mkdir(parents=True)
    variables: Callable[[Path], Mapping[str, str]] = lambda _: {}
    caches: Sequence[str] = ("/filecache", "/profiles")
    lasts: Callable[[Sequence[Change]], bool] = lambda _: False


@dataclass(frozen=True)
class Change:
    """One system call that changes the folder: its name, and the paths that it names."""

    call: str
    paths: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join([self.call, *(path.partition("/runs/")[2] or path for path in self.paths)])


@dataclass(frozen=True)
class Run:
    """What became of a command.

    Attributes:
        status: Its exit status, or minus the signal that ended it.
        output: What it said on standard error.
        changes: What it changed, in order.
        hit: The number of the change at which the fault happened; 0 when it did not.
        orphans: What it started and left running.
    """

    status: int
    output: str
    changes: tuple[Change, ...]
    hit: int
    orphans: tuple[str, ...]

    @property
    def refusal(self) -> list[str]:
        """What is wrong with how it told that the disk refused."""
        wrong = [] if self.status == 3 else [f"exit status {self.status}, not 3: {self.output}"]
        if "Traceback" in self.output or "hint:" not in self.output or "/runs/" not in self.output:
            wrong.append(f"not told with a path and what to do: {self.output}")
        return wrong


def watch(
    work: Work, folder: Path, at: int | None = None, fault: str = "", *, patience_s: float = 5.0
) -> Run:
    """Run the command and list its changes; let number ``at`` go wrong, if there is one."""
    log = folder.with_name(f"{folder.name}.json")
    asked = {
        "argv": [str(part) for part in work.argv(folder)],
        "folders": [str(folder)],
        "log": str(log),
        "at": at,
        "fault": fault,
        "patience_s": patience_s,
    }
    command = [sys.executable, "-S", "-I", str(SUPERVISOR), json.dumps(asked)]
    environment = {**os.environ, **work.variables(folder)}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, timeout=LIMIT_S
    )
    if done.returncode == NOT_SUPERVISED:
        raise NotSupervised(done.stderr)
    assert done.returncode == 0, done.stderr
    told = json.loads(log.read_text())
    log.unlink()
    return Run(
        told["status"],
        told["output"],
        tuple(Change(call, tuple(paths)) for call, *paths in told["changes"]),
        (at or 0) if told["hit"] else 0,
        tuple(told["orphans"]),
    )


def trace(work: Work, folder: Path) -> tuple[Change, ...]:
    """Run the command undisturbed in a fresh folder; return what it changed."""
    work.prepare(folder)
    run = watch(work, folder)
    assert run.status == 0, run.output
    assert run.orphans == ()
    assert work.check(folder, True) == []
    return run.changes


def sample(found: Sequence[int], most: int) -> list[int]:
    """Return every point in a full run, else at most ``most`` of them, spread evenly.

    CI has fifteen minutes for everything, and tries a third of them.
    """
    if IS_FULL or len(found) <= most:
        return list(found)
    if IS_BRIEF:
        most = max(2, most // 3)
    return [found[(2 * position + 1) * len(found) // (2 * most)] for position in range(most)]


def kill_everywhere(
    work: Work,
    folder: Path,
    *,
    most: int,
    how: Sequence[str] = ("group",),
    steady: float = 0.8,
) -> list[str]:
    """Kill a command at each change; return everything that was wrong, with its point.

    Args:
        work: The command.
        folder: Where to run it, again and again.
        most: How many points to try when not all are.
        how: What is killed: the process ``group``, or only the ``parent``. A full run
            kills in each way at every point; otherwise the ways take turns.
        steady: The least share of the points that a run must meet again: where threads take
            turns, one run makes more changes than another.
    """

    def killed(run: Run) -> list[str]:
        return [] if run.status == -signal.SIGKILL else [f"not killed: {run.status} {run.output}"]

    return _everywhere(work, folder, most, how, killed, steady=steady)


def kill_one_everywhere(work: Work, folder: Path, *, most: int, steady: float = 0.8) -> list[str]:
    """Kill the process that makes a change, and let the others of the command go on.

    Its status is :data:`KILLED`, or those that are left say what they miss, or they had
    all that they needed. The arguments are as for :func:`kill_everywhere`.
    """

    def told(run: Run) -> list[str]:
        is_said = run.status == 3 and "hint:" in run.output and "Traceback" not in run.output
        if run.status in {0, KILLED, -signal.SIGKILL} or is_said:
            return []
        return [f"exit status {run.status}, or not told what to do: {run.output}"]

    return _everywhere(work, folder, most, ["caller"], told, steady=steady)


def refuse_everywhere(
    work: Work,
    folder: Path,
    *,
    calls: Sequence[str],
    error: str,
    most: int,
    steady: float = 0.8,
) -> list[str]:
    """Let each of some calls fail; return everything that was wrong, with its point.

    A command that does without (a cache, a clean-up) has to end as if nothing happened;
    any other has to say so. No sync can be done without, unless all lasts all the same.

    ``steady`` is as for :func:`kill_everywhere`.
    """

    def told(run: Run) -> list[str]:
        failed = run.changes[run.hit - 1]
        made = (*run.changes[: run.hit - 1], *run.changes[run.hit :])
        is_cache = any(cache in path for cache in work.caches for path in failed.paths)
        is_needless = is_cache or failed.call not in SYNCING or work.lasts(made)
        return [] if run.status == 0 and is_needless else run.refusal

    return _everywhere(work, folder, most, [error], told, calls=calls, steady=steady)


def full_at(work: Work, folder: Path, sizes_kib: Sequence[int]) -> list[str]:
    """Run a command on disks of several sizes; return everything that was wrong.

    After each the disk grows, the command runs again, and must succeed.
    """
    problems: list[str] = []
    for size in sizes_kib:
        disk = folder / f"disk-{size}" / "runs"
        with small_disk(disk, size):
            inside = disk / "work"
            try:
                work.prepare(inside)
            except (OSError, subprocess.CalledProcessError):
                continue  # too small for what was there before
            run = _run(work, inside)
            wrong = [] if run.status == 0 else run.refusal
            wrong += work.check(inside, run.status == 0)
            _mount("-o", "remount,size=64m", disk)
            wrong += [f"again: {each}" for each in _again(work, inside)]
            problems += [f"{size} KiB: {each}" for each in wrong]
    return problems


@contextmanager
def small_disk(folder: Path, size_kib: int) -> Iterator[None]:
    """Provide a disk of a few kilobytes, or skip the test where nobody may mount one."""
    folder.mkdir(parents=True)
    if os.geteuid() != 0 or not _mount("-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", folder):
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def unsynced(changes: Sequence[Change], root: Path) -> list[str]:
    """Return where a run relied on bytes of a store that were not yet on the disk.

    Power may go at any moment: a file is synced after its last write and before it is
    renamed to the name that counts; the folder of blobs is synced after the last rename
    into it and before the index is replaced.
    """
    dirty: set[str] = set()
    problems: list[str] = []
    blobs, cache = f"{root}/blobs/sha256", f"{root}/.ketch/filecache"
    for change in changes:
        first, target = change.paths[0], change.paths[-1]
        match change.call:
            case "write" | "pwrite64" | "copy_file_range" | "ftruncate":
                dirty.add(first)
            case "fsync" | "fdatasync":
                dirty.discard(first)
            case "syncfs":
                dirty.clear()
            case "rename" | "renameat" | "renameat2" if target != cache:
                relied = {first, blobs} if target == f"{root}/index.json" else {first}
                problems += [f"{each} before {target}" for each in sorted(relied & dirty)]
                dirty.discard(first)
                if target.startswith(f"{blobs}/"):
                    dirty.add(blobs)
    return problems


def database_lasts(changes: Sequence[Change]) -> bool:
    """Whether all that was written to the registry's database outlasts a power cut.

    SQLite goes on when a folder or a checkpoint does not sync. That is right as long as its
    log has everything, synced, under a name that lasts, or the database has.
    """
    (database,) = {
        path for change in changes for path in change.paths if path.endswith("/registry.db")
    }
    log, folder = f"{database}-wal", str(Path(database).parent)
    kept, unsynced = log, set[str]()  # a name is written as its path with a slash
    for change in changes:
        path = change.paths[-1]
        match change.call:
            case "pwrite64" | "ftruncate":
                unsynced.add(path)
            case "openat" if path == log:
                kept = log
                unsynced.add(f"{log}/")
            case "openat" if path == f"{database}-journal":  # only of a new database
                unsynced.add(f"{database}/")
            case "fsync" | "fdatasync" if path == folder:
                unsynced -= {f"{log}/", f"{database}/"}
            case "fsync" | "fdatasync":
                unsynced.discard(path)
            case "unlink" if path == log:
                kept = database
    return not {kept, f"{kept}/"} & unsynced


def _everywhere(
    work: Work,
    folder: Path,
    most: int,
    faults: Sequence[str],
    judge: Callable[[Run], list[str]],
    *,
    calls: Sequence[str] | None = None,
    steady: float = 0.8,
) -> list[str]:
    folder = folder / "runs"
    folder.mkdir(parents=True)
    changes = trace(work, folder / "clean")
    found = [at for at, change in enumerate(changes, 1) if not calls or change.call in calls]
    assert found, "the command changes nothing"
    chosen = [(at, fault) for at in found for fault in faults]
    if not IS_FULL:
        chosen = [(at, faults[turn % len(faults)]) for turn, at in enumerate(sample(found, most))]
    began, hits, problems = time.monotonic(), 0, list[str]()
    for at, fault in chosen:
        fresh = folder / f"{at}-{fault}"
        work.prepare(fresh)
        run = watch(work, fresh, at, fault)
        # Threads and processes take turns: now and then there is one change fewer.
        hits += run.hit > 0
        wrong = judge(run) if run.hit else []
        wrong += [f"left running: {orphan}" for orphan in run.orphans]
        wrong += work.check(fresh, run.status == 0)
        wrong += [f"again: {each}" for each in _again(work, fresh)]
        last = run.changes[at - 1] if run.hit else "its end"
        problems += [f"{fault} #{at}, {last}: {each}" for each in wrong]
        if not wrong:
            shutil.rmtree(fresh)
    print(f"{len(chosen)} faults at {len(found)} points, {time.monotonic() - began:.0f} s")
    print(*problems, sep="\n")
    assert hits >= steady * len(chosen)
    return problems


def _again(work: Work, folder: Path) -> list[str]:
    run = _run(work, folder)
    failed = [] if run.status == 0 else [f"status {run.status}: {run.output}"]
    return failed + work.check(folder, run.status == 0)


def _run(work: Work, folder: Path) -> Run:
    done = subprocess.run(
        [str(part) for part in work.argv(folder)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **work.variables(folder)},
        timeout=LIMIT_S,
    )
    return Run(done.returncode, done.stderr, (), 0, ())


def _mount(*arguments: str | Path) -> bool:
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode == 0
