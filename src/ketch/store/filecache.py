"""What files hashed before: a hint that saves reading them again.

A file is recognised by device, inode, size and both of its times. As in git, a file that
was modified less than two seconds before it was hashed is not remembered: a second change
within the clock's grain would look the same ("racy git"). The cache is never needed:
losing it, or finding it damaged, costs one hash pass; and what it says is believed only
while the store holds a blob of that digest and size.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

import msgspec

from ketch.package.digest import Digest

RACY_NS = 2_000_000_000
MAX_ENTRIES = 100_000


class _Entry(msgspec.Struct, array_like=True, frozen=True):
    size: int
    mtime_ns: int
    ctime_ns: int
    digest: bytes


_Entries = dict[str, _Entry]
_DECODER = msgspec.msgpack.Decoder(_Entries)


class FileCache:
    """Digests of files by what ``stat`` says about them, kept in one small file.

    Args:
        path: The file; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = _load(path)
        self._new: _Entries = {}
        self._lock = threading.Lock()

    def lookup(self, seen: os.stat_result) -> Digest | None:
        """Return what the file hashed to, if it is unchanged since."""
        entry = self._entries.get(_key(seen))
        if entry is None or len(entry.digest) != 32:
            return None
        same = (entry.size, entry.mtime_ns, entry.ctime_ns) == (
            seen.st_size,
            seen.st_mtime_ns,
            seen.st_ctime_ns,
        )
        return Digest(entry.digest.hex()) if same else None

    def learn(self, seen: os.stat_result, digest: Digest, *, hashed_ns: int) -> None:
        """Remember a digest, unless the file was too young.

        Args:
            seen: The file, after it was hashed.
            digest: What it hashed to.
            hashed_ns: The wall-clock time at which hashing began.
        """
        if seen.st_mtime_ns > hashed_ns - RACY_NS:
            return
        entry = _Entry(seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, bytes.fromhex(digest.hex))
        if self._entries.get(_key(seen)) != entry:
            with self._lock:
                self._new[_key(seen)] = entry

    def save(self, *, temporary: Path) -> None:
        """Write what was learnt, beside what others learnt meanwhile; never fails.

        Not synced: a file lost to a power cut is a cache lost, and that is harmless.

        Args:
            temporary: Where to write first: same filesystem, nobody else's.
        """
        if not self._new:
            return
        merged = _load(self._path)
        for key, entry in self._new.items():
            merged.pop(key, None)  # the newest stand last
            merged[key] = entry
        newest = dict(list(merged.items())[-MAX_ENTRIES:])
        with suppress(OSError):
            temporary.write_bytes(msgspec.msgpack.encode(newest))
            temporary.replace(self._path)


def _key(seen: os.stat_result) -> str:
    return f"{seen.st_dev:x}-{seen.st_ino:x}"


def _load(path: Path) -> _Entries:
    try:
        return _DECODER.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
