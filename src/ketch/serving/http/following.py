"""Files that change while the gateway runs: certificates that are renewed, tokens revoked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from ketch.errors import KetchError

LOG = logging.getLogger("ketch.serving")
_State: TypeAlias = list[tuple[int, int, int] | None]


async def follow(
    files: Sequence[Path], read_again: Callable[[], None], *, every_s: float = 5.0
) -> None:
    """Read files again each time one of them changed, until it is cancelled.

    What is wrong with them is told in the log and changes nothing: somebody may be in the
    middle of writing them.

    Args:
        files: They are looked at.
        read_again: Reads them; it runs on a thread, for disks may be slow.
        every_s: How often they are looked at.
    """
    before = await asyncio.to_thread(_state_of, files)
    while True:
        await asyncio.sleep(every_s)
        try:
            now = await asyncio.to_thread(_state_of, files)
            if now != before:
                before = now
                await asyncio.to_thread(read_again)
        except (KetchError, OSError, RuntimeError) as error:  # or no thread to be had
            LOG.warning("%s", error)


def _state_of(files: Sequence[Path]) -> _State:
    """Return what tells whether files changed; also when their content has the same length."""
    return [_stat(file) for file in files]


def _stat(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
