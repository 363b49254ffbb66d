"""Sealed decisions in a bucket, too: what lies there is what lies here.

::

    PREFIX/<name of the log>/route=recommendations/day=2026-11-23/segments.json
                                                                  <segments, their footers>
                                                                  <profiles of segments>

Segments never change, so one that is there is never sent again, and what was interrupted
goes on where it stopped. Segments are sent before the list that names them, and removed
after the list that no longer does: whoever reads meanwhile sees a whole log. What was
erased here, or is too old, goes there as well. The key of the hashes never leaves; its
fingerprint does, so that whoever reads several logs knows whether they hash alike.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

from ketch.errors import KetchError, UsageError
from ketch.files import explained, write_whole
from ketch.monitor.decisions import segments
from ketch.monitor.decisions.keyed import FINGERPRINT_FILE, fingerprint_of
from ketch.monitor.decisions.segments import Partition
from ketch.monitor.decisions.shipped import Shipped
from ketch.remote import Address
from ketch.remote.bucket import Bucket, open_bucket
from ketch.remote.connect import ca_file
from ketch.store.locks import locked

LOCK = "shipping.lock"
NAME = "name"
_TRIES = 3


def bucket_of(text: str) -> Bucket:
    """Open the bucket that an address names.

    Raises:
        UsageError: ``decisions/bucket``, ``remote/…``.
    """
    address = Address.parse(text)
    if not address.scheme.is_bucket or address.place != address:
        raise UsageError(
            f"expected a bucket such as `s3://BUCKET/PREFIX`, found `{text[:200]}`",
            code="decisions/bucket",
        )
    return open_bucket(address, ca_file=ca_file())


def ship(log: Path, to: str, *, wait_s: float = 0.0) -> int:
    """Make the bucket hold what is sealed, and nothing else; return how many files were sent.

    Args:
        log: The folder of the log.
        to: The address of the bucket.
        wait_s: How long it waits for another process that does so.

    Raises:
        Unavailable, Refused, NotFound: ``remote/…``: what has arrived stays there.
        Unavailable: ``store/busy``: another process does so; ``disk/…``.
    """
    with explained(log), locked(log / LOCK, exclusive=True, wait_s=wait_s):
        known = Shipped.of(log)
        state = known if known is not None and known.to == to else Shipped(to)
        lists = dict(state.lists)
        try:
            sent = _Shipping(log, bucket_of(to), lists).run()
        except (KetchError, OSError) as problem:
            why = str(problem).partition("\n")[0]
            Shipped(to, state.time, lists, why).write(log)
            raise
        Shipped(to, datetime.now(UTC).timestamp(), lists).write(log)
    return sent


def name_of(log: Path) -> str:
    """Return what a log is called in a bucket; the first time, draw it."""
    path = log / NAME
    if not path.exists():
        write_whole(path, secrets.token_hex(8).encode())
    return path.read_text()


class _Shipping:
    """One round: what is there, what has to be."""

    def __init__(self, log: Path, bucket: Bucket, lists: dict[str, int]) -> None:
        self._log = log
        self._bucket = bucket
        self._lists = lists
        self._root = name_of(log)
        self._there = bucket.sizes(f"{self._root}/")

    def run(self) -> int:
        here = {self._key(one): one for one in segments.partitions(self._log)}
        if here:
            self._send_fingerprint()
        sent = sum(self._send(key, one) for key, one in here.items())
        gone = {key.rpartition("/")[0] for key in self._there} - here.keys()
        gone -= {self._root} if here else set()
        for key in sorted(gone):
            self._remove(key, frozenset())
            self._lists.pop(key, None)
        return sent

    def _key(self, partition: Partition) -> str:
        return f"{self._root}/{partition.folder.parent.name}/{partition.folder.name}"

    def _send_fingerprint(self) -> None:
        content = (fingerprint_of(self._log) or "").encode()
        check, at = crc32(content), f"{self._root}/{FINGERPRINT_FILE}"
        if content and (self._lists.get(at) != check or at not in self._there):
            self._bucket.put(at, content)
            self._lists[at] = check

    def _send(self, key: str, partition: Partition) -> int:
        """Send a partition; where it changes meanwhile, look again."""
        for left in reversed(range(_TRIES)):
            try:
                return self._sent(key, partition)
            except FileNotFoundError:  # two became one, or a unit was erased
                if not left:
                    raise
        return 0

    def _sent(self, key: str, partition: Partition) -> int:
        path = partition.folder / segments.LIST
        content = path.read_bytes()
        listed = segments.listed_in(content)
        if listed is None:
            return 0  # it is made anew when decisions are sealed next
        names = [f"{one.name}{suffix}" for one in listed for suffix in ("", segments.FOOTER)]
        names += segments.profiles_beside(os.listdir(partition.folder), listed)  # noqa: PTH208
        new = [name for name in names if self._is_new(key, partition.folder / name)]
        for name in new:
            self._bucket.put_file(f"{key}/{name}", partition.folder / name)
        check, at = crc32(content), f"{key}/{segments.LIST}"
        if new or self._lists.get(key) != check or at not in self._there:
            self._bucket.put(at, content)
            self._lists[key] = check
        self._remove(key, frozenset([*names, segments.LIST]))
        return len(new)

    def _is_new(self, key: str, path: Path) -> bool:
        return self._there.get(f"{key}/{path.name}") != path.stat().st_size

    def _remove(self, key: str, kept: frozenset[str]) -> None:
        """Remove what a partition no longer has, its list first."""
        for at in sorted(self._below(key), key=lambda one: not one.endswith(segments.LIST)):
            if at.rpartition("/")[2] not in kept:
                self._bucket.delete(at)

    def _below(self, key: str) -> Iterator[str]:
        return (one for one in self._there if one.rpartition("/")[0] == key)
