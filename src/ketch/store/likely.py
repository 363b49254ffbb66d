"""Whether a large file is probably stored already, found out by reading very little.

A file that is there should be hashed but not copied; a new one should be copied while it
is hashed. Which it is, is not known before it was read. So a few samples are compared
with those of stored blobs of the same size: a wrong guess costs time, never correctness.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

_SAMPLES = 16
_SAMPLE_BYTES = 4096
_MAX_CANDIDATES = 1000


class Likely:
    """Compares samples of files with samples of blobs.

    Args:
        by_size: Returns the blobs by size; called once, when first needed.
    """

    def __init__(self, by_size: Callable[[], dict[int, list[Path]]]) -> None:
        self._by_size = by_size
        self._paths: dict[int, list[Path]] | None = None
        self._known: dict[int, frozenset[bytes]] = {}
        self._lock = threading.Lock()

    def is_stored(self, fd: int, size: int) -> bool:
        """Guess whether an open file of ``size`` bytes is among the blobs."""
        with self._lock:
            if self._paths is None:
                self._paths = self._by_size()
            if size not in self._known:
                paths = self._paths.get(size, [])[:_MAX_CANDIDATES]
                self._known[size] = frozenset(_sampled_path(path, size) for path in paths)
            known = self._known[size]
        return bool(known) and _sampled(fd, size) in known


def _sampled(fd: int, size: int) -> bytes:
    sha = hashlib.sha256()
    for sample in range(_SAMPLES):
        offset = max(0, size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1)
        sha.update(os.pread(fd, _SAMPLE_BYTES, offset))
    return sha.digest()


def _sampled_path(path: Path, size: int) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return b""  # gone or unreadable: whoever wants the blob itself will hear of it
    try:
        return _sampled(fd, size)
    except OSError:
        return b""
    finally:
        os.close(fd)
