"""Sealing begins in a process of its own: it needs memory and processor that serving wants."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def begin(
    folder: Path, keep_days: int, keep_rows_days: int, bucket: str | None = None
) -> subprocess.Popen[bytes]:
    """Start to seal what is full, and to send what is sealed; the caller need not wait.

    Raises:
        OSError: There can be no more processes.
    """
    days = [str(keep_days), str(keep_rows_days)]
    to = [] if bucket is None else [bucket]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "ketch.monitor.decisions.sealing", str(folder), *days, *to],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
