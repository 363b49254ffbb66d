"""A package of two steps that tests answer files with, load, and bring down."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import ketch
from ketch.runtime import Home
from ketch.schema import Row

KETCH = Path(sys.executable).with_name("ketch")
NAME = "shop:1.0.0"

PIPELINE = """
import os
import time


def features(_, rows):
    return [{**row, "size": 1 if row["size"] is None else row["size"]} for row in rows]


def price(_, rows):
    for row in rows:
        if row["name"] == "crash":
            raise RuntimeError("no price for a crash")
        if row["name"] == "refuse":
            raise ValueError("that is not for sale")
        if row["name"] == "die":
            os._exit(9)
        if row["name"] == "sleep":
            time.sleep(row["size"])
    return [{"price": row["size"] * 0.5, "label": row["name"].upper()} for row in rows]
"""
INPUTS = """
name = { type = "string", description = "What it says on the box" }
size = { type = "int64", nullable = true, min = 0 }
at = "timestamp[us, UTC]"
"""
OUTPUTS = """
price = "float64"
label = "string"
"""
AT = "2026-01-01T00:00:00Z"
ROWS: list[Row] = [
    {"name": "a", "size": 3, "at": AT},
    {"name": 'Zoë, "b"\n', "size": None, "at": "2026-01-01T00:00:00.25Z"},
]
ANSWERS: list[Row] = [{"price": 1.5, "label": "A"}, {"price": 0.5, "label": 'ZOË, "B"\n'}]


def open_shop(folder: Path, home: Path, author: Callable[..., Path]) -> Home:
    """Pack the shop and return the home it is in."""
    author(
        folder,
        PIPELINE,
        steps=["pipeline:features", "pipeline:price"],
        inputs=INPUTS,
        outputs=OUTPUTS,
        scenarios=[{"inputs": ROWS[0], "expected": ANSWERS[0]}],
    )
    opened = Home(home)
    assert ketch.pack(folder, home=opened).verified
    return opened


def in_home(home: Home, **more: str) -> dict[str, str]:
    """Return the variables of a process that uses a home."""
    return {**os.environ, "KETCH_HOME": str(home.path), **more}


def run_ketch(
    home: Home,
    *arguments: str | Path,
    stdin: bytes = b"",
    stream: BinaryIO | None = None,
    status: int = 0,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command, which must end with this status; it reads ``stream``, or ``stdin``."""
    done = subprocess.run(
        [KETCH, *arguments],
        env=in_home(home),
        input=stdin if stream is None else None,
        stdin=stream,
        capture_output=True,
        check=False,
    )
    assert done.returncode == status, done.stderr.decode()
    return done


def left_over(home: Home) -> list[Path]:
    """Return the rooms of workers that are still there."""
    return list((home.path / "run").iterdir())


def is_running(pid: int) -> bool:
    """Whether a process is there and not dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that are still there."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]
