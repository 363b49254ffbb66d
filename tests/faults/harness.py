"""Put any command to every fault: killed, or refused by the disk, at each step it takes.

A :class:`Work` is a command that changes things under one folder, and a check that says
what is wrong with the folder afterwards. The harness traces one clean run with strace,
which lists every system call that changes the folder; then it runs the command again for
each of them, in a fresh folder, and lets exactly that call be the last (or fail). After
each it checks the folder, runs the command once more, and checks again: a fault may cost
the work of one command, never the state it met, and never the next attempt.

``KETCH_FAULTS=full`` tries every point; otherwise a sample, spread evenly.
strace counts calls for each thread by itself, so the command should use one.
"""

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

IS_FULL = os.environ.get("KETCH_FAULTS") == "full"

MUTATING = (
    "openat", "creat", "write", "pwrite64", "writev", "copy_file_range", "sendfile", "fsync",
    "fdatasync", "syncfs", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
    "symlinkat", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "ftruncate", "truncate",
    "chmod", "fchmod", "fchmodat", "utimensat",
)  # fmt: skip
"""System calls that change a disk; of ``openat``, those that create or truncate."""

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")


@dataclass(frozen=True)
class Work:
    """A command under test.

    Attributes:
        argv: Returns the command, for the folder it is to work in.
        check: Returns what is wrong with the folder: nothing, when the command was cut
            short; and nothing when it ran to its end (``finished``).
        prepare: Fills a fresh folder before the command.
    """

    argv: Callable[[Path], Sequence[str | Path]]
    check: Callable[[Path, bool], list[str]]
    prepare: Callable[[Path], None] = lambda folder: folder.mkdir(parents=True)


@dataclass(frozen=True, order=True)
class Point:
    """One step of a command: the ``number``-th time that it makes a system call."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call}#{self.number}"


def trace(work: Work, folder: Path, log: Path) -> list[str]:
    """Run the command undisturbed in a fresh folder; return the lines of strace."""
    work.prepare(folder)
    argv = ["strace", "-f", "-qq", "-y", "-s", "0", "-o", str(log), "-e", f"trace={_traced()}"]
    argv += [str(part) for part in work.argv(folder)]
    run = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert work.check(folder, True) == []
    return log.read_text().splitlines()


def points(lines: Sequence[str], folder: Path) -> list[Point]:
    """Return the steps of a traced run that change the folder."""
    counts: Counter[str] = Counter()
    found: list[Point] = []
    for line in lines:
        match = _CALL.match(line)
        if match is None:
            continue
        call, arguments = match.groups()
        counts[call] += 1
        is_reading = call == "openat" and not re.search("O_CREAT|O_TRUNC|O_WRONLY", arguments)
        if str(folder) in arguments and not is_reading:
            found.append(Point(call, counts[call]))
    return found


def sample(found: Sequence[Point], most: int) -> list[Point]:
    """Return every point in a full run, else at most ``most`` of them, spread evenly."""
    if IS_FULL or len(found) <= most:
        return list(found)
    return [found[position * len(found) // most] for position in range(most)]


def killed_at(work: Work, folder: Path, point: Point) -> int:
    """Run the command and kill it (``kill -9``) as it enters a step; return its status."""
    return _injected(work, folder, f"{point.call}:signal=SIGKILL:when={point.number}")


def refused_at(work: Work, folder: Path, point: Point, error: str) -> int:
    """Run the command and let one step fail with ``error``; return its status."""
    return _injected(work, folder, f"{point.call}:error={error}:when={point.number}")


def kill_everywhere(work: Work, folder: Path, *, most: int) -> list[str]:
    """Kill a command at each step; return everything that was wrong, with its point."""

    def kill(fresh: Path, point: Point) -> list[str]:
        status = killed_at(work, fresh, point)
        return [] if status in {128 + 9, -signal.SIGKILL} else [f"{point}: not killed: {status}"]

    return _everywhere(work, folder, most, MUTATING, kill)


def refuse_everywhere(
    work: Work, folder: Path, *, calls: Sequence[str], error: str, most: int
) -> list[str]:
    """Let each of some calls fail; return everything that was wrong, with its point."""

    def refuse(fresh: Path, point: Point) -> list[str]:
        refused_at(work, fresh, point, error)
        return []

    return _everywhere(work, folder, most, calls, refuse)


def full_at(work: Work, folder: Path, sizes_kib: Sequence[int]) -> list[str]:
    """Run a command on disks of several sizes; return everything that was wrong.

    After each the disk grows, the command runs again, and must succeed.
    """
    problems: list[str] = []
    for size in sizes_kib:
        disk = folder / f"disk-{size}"
        with small_disk(disk, size):
            inside = disk / "work"
            work.prepare(inside)
            status = _run(work, inside)
            problems += [f"{size} KiB: {each}" for each in work.check(inside, status == 0)]
            _mount("-o", "remount,size=64m", disk)
            problems += [f"{size} KiB, again: {each}" for each in _again(work, inside)]
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


def unsynced(lines: Sequence[str], root: Path) -> list[str]:
    """Return where a traced run relied on bytes that were not yet on the disk.

    Power may go at any moment: a file is synced after its last write and before it is
    renamed to a blob or to the index; the folder of blobs is synced after the last rename
    into it and before the index is replaced.
    """
    dirty: set[str] = set()
    problems: list[str] = []
    blobs = f"{root}/blobs/sha256"
    for line in lines:
        match = _CALL.match(line)
        if match is None or str(root) not in line:
            continue
        call, arguments = match.groups()
        paths = re.findall(r'<(/[^>]*)>|"(/[^"]*)"', arguments)
        first, *rest = [one or other for one, other in paths] or [""]
        if call in {"write", "pwrite64", "copy_file_range", "ftruncate"}:
            dirty.add(rest[0] if call == "copy_file_range" else first)
        elif call in {"fsync", "fdatasync"}:
            dirty.discard(first)
        elif call == "syncfs":
            dirty.clear()
        elif call in {"rename", "renameat", "renameat2"} and rest:
            target = rest[-1]
            relied = {first} if target.startswith(f"{root}/blobs") else {first, blobs}
            if target.startswith(blobs) or target == f"{root}/index.json":
                problems += [f"{each} before {target}" for each in sorted(relied & dirty)]
            dirty.discard(first)
            if target.startswith(f"{blobs}/"):
                dirty.add(blobs)
    return problems


def _everywhere(
    work: Work,
    folder: Path,
    most: int,
    calls: Sequence[str],
    fault: Callable[[Path, Point], list[str]],
) -> list[str]:
    trace(work, folder / "warm", folder / "warm.log")  # so that no bytecode is written later
    lines = trace(work, folder / "clean", folder / "clean.log")
    found = [point for point in points(lines, folder / "clean") if point.call in calls]
    assert found, "the command changes nothing"
    problems: list[str] = []
    for point in sample(found, most):
        fresh = folder / f"{point.call}-{point.number}"
        work.prepare(fresh)
        problems += fault(fresh, point)
        problems += [f"{point}: {each}" for each in work.check(fresh, False)]
        problems += [f"{point}, again: {each}" for each in _again(work, fresh)]
        shutil.rmtree(fresh)
    return problems


def _again(work: Work, folder: Path) -> list[str]:
    status = _run(work, folder)
    failed = [] if status == 0 else [f"the second attempt failed with status {status}"]
    return failed + work.check(folder, status == 0)


def _run(work: Work, folder: Path) -> int:
    argv = [str(part) for part in work.argv(folder)]
    return subprocess.run(argv, check=False, capture_output=True).returncode


def _injected(work: Work, folder: Path, what: str) -> int:
    argv = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={what.partition(':')[0]}"]
    argv += ["-e", f"inject={what}", *[str(part) for part in work.argv(folder)]]
    return subprocess.run(argv, check=False, capture_output=True).returncode


def _traced() -> str:
    return ",".join(f"?{call}" for call in MUTATING)  # `?`: not every processor has them all


def _mount(*arguments: str | Path) -> bool:
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode == 0
