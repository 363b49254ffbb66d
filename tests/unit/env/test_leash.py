"""A program on the leash ends with the process that started it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ketch.env import uv

LEASH = str(Path(uv.__file__).with_name("leash.py"))
PARENT = """
import os, subprocess, sys
command = [sys.executable, "-I", "-S", sys.argv[1], str(os.getpid()), "/bin/sleep", "600"]
child = subprocess.Popen(command)
print(child.pid, flush=True)
child.wait()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")


def command_of(pid: int) -> str:
    """Return what a process runs; nothing when it is gone, or waits to be buried."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def becomes(pid: int, command: str) -> bool:
    """Whether a process runs a command, or is gone, within a while."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found = command_of(pid)
        if found.startswith(command) if command else not found:
            return True
        time.sleep(0.01)
    return False


def test_a_killed_parent_takes_the_program_along() -> None:
    command = [sys.executable, "-c", PARENT, LEASH]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert becomes(pid, "/bin/sleep")
        parent.kill()
    assert becomes(pid, "")


def test_status_and_words_are_those_of_the_program() -> None:
    command = [
        sys.executable,
        "-I",
        "-S",
        LEASH,
        str(os.getpid()),
        "/bin/sh",
        "-c",
        "echo a; exit 7",
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (7, "a\n")


def test_nothing_is_started_for_a_parent_that_is_gone() -> None:
    command = [sys.executable, "-I", "-S", LEASH, "1", "/bin/echo", "started"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stdout == ""
