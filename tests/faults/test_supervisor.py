"""The supervisor sees every change, in whichever process or thread, and strikes where told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.faults import harness

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("supervised")]

PROGRAM = """
import os, subprocess, sys, threading
os.chdir(sys.argv[1])
open("/dev/null", "w").write("elsewhere")
open("read", "r").close() if os.path.exists("read") else None
with open("a", "w") as file:
    file.write("1")
thread = threading.Thread(target=os.rename, args=("a", "b"))
thread.start()
thread.join()
folder = os.open(".", os.O_RDONLY)
os.link("b", "c", src_dir_fd=folder)
os.fsync(folder)
subprocess.run([sys.executable, "-c", "import os; os.unlink('b')"], check=True)
os.utime("c")
os.truncate("c", 0)
"""
CHANGES = """
openat a, write a, rename a b, linkat b c, fsync ., unlink b, utimensat c, truncate c
"""


@pytest.fixture
def work() -> harness.Work:
    return harness.Work(
        argv=lambda folder: [sys.executable, "-c", PROGRAM, folder], check=lambda *_: []
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "runs" / "one"
    made.mkdir(parents=True)
    return made


def test_changes_of_all_processes_are_listed_in_order(work: harness.Work, folder: Path) -> None:
    run = harness.watch(work, folder)
    assert (run.status, run.hit, run.orphans, run.output) == (0, 0, (), "")
    listed = [
        " ".join([change.call, *(str(Path(path).relative_to(folder)) for path in change.paths)])
        for change in run.changes
    ]
    assert ", ".join(listed) == CHANGES.strip()


def test_a_command_killed_at_a_change_has_made_those_before_it(
    work: harness.Work, folder: Path
) -> None:
    run = harness.watch(work, folder, 3, "group")
    assert (run.status, run.hit) == (-9, 3)
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert (folder / "a").read_text() == "1"


def test_a_call_that_is_refused_is_not_made(work: harness.Work, folder: Path) -> None:
    run = harness.watch(work, folder, 1, "ENOSPC")
    assert (run.status, run.hit) == (1, 1)
    assert "No space left on device" in run.output
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("fault", "orphans"), [("parent", 1), ("group", 0)])
def test_what_is_left_running_is_told_and_ended(
    folder: Path, fault: str, orphans: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
os.mkdir(sys.argv[1] + "/made")
"""
    work = harness.Work(
        argv=lambda folder: [sys.executable, "-c", program, folder], check=lambda *_: []
    )
    run = harness.watch(work, folder, 1, fault, patience_s=0.5)
    assert len(run.orphans) == orphans
    assert all("time.sleep(600)" in orphan for orphan in run.orphans)


def test_every_point_is_tried_or_a_spread_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "IS_FULL", False)
    monkeypatch.setattr(harness, "IS_BRIEF", False)
    assert harness.sample(range(1, 101), 4) == [13, 38, 63, 88]
    assert harness.sample([3, 5], 4) == [3, 5]
    monkeypatch.setattr(harness, "IS_BRIEF", True)
    assert harness.sample(range(1, 101), 6) == [26, 76]
    monkeypatch.setattr(harness, "IS_FULL", True)
    assert harness.sample(range(1, 101), 4) == list(range(1, 101))


def test_faults_of_a_careless_command_are_found(tmp_path: Path) -> None:
    """One that writes in place: killed in between, it leaves half a file."""
    program = """
import sys
with open(sys.argv[1] + "/file", "w", buffering=1) as file:
    file.write("first\\n")
    file.write("second\\n")
"""

    def check(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 - as the harness calls it
        file = folder / "file"
        is_half = file.exists() and file.read_text() != "first\nsecond\n"
        return ["half"] if is_half else []

    work = harness.Work(
        argv=lambda folder: [sys.executable, "-c", program, folder],
        check=check,
    )
    found = harness.kill_everywhere(work, tmp_path / "kill", most=10)
    assert [one.partition(",")[0] for one in found] == ["group #2", "group #3"]
    refused = harness.refuse_everywhere(
        work, tmp_path / "refuse", calls=harness.ALLOCATING, error="ENOSPC", most=10
    )
    assert any("exit status 1, not 3" in one for one in refused)
