"""Files of a user on their way into a local store, as many at once as there are processors.

In this order, for each file: recognised by its times without reading; read and found to
be there; linked; cloned; copied and hashed in one pass.
"""

import errno
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.store import durable
from ketch.store.base import Progress
from ketch.store.blobs import BlobFolder
from ketch.store.copying import (
    Cancelled,
    Meter,
    copy_hashed,
    file_changed,
    hash_file,
    opened_source,
    same_file,
)
from ketch.store.failures import explained
from ketch.store.filecache import FileCache
from ketch.store.layout import Layout
from ketch.store.likely import Likely
from ketch.store.staging import Staging

SMALL_BYTES = 1024 * 1024
"""Up to this size a file is held in memory: read once, hashed, looked for, written."""

SYNC_EACH_LIMIT = 64
"""With more small files than this, one sync of the filesystem beats a sync of each."""

_BATCH = 32
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})


def take_files(
    layout: Layout,
    paths: Sequence[Path],
    *,
    link: bool,
    workers: int,
    progress: Progress | None = None,
) -> Mapping[Path, Stored]:
    """Store files, all or none; see :meth:`~ketch.store.base.Store.put_files`."""
    sizes = {path: _size(path) for path in paths}
    large = [path for path in sizes if sizes[path] > SMALL_BYTES]
    small = [path for path in sizes if sizes[path] <= SMALL_BYTES]
    large.sort(key=lambda path: -sizes[path])  # the longest first, or one worker ends alone
    with Staging(layout, sync_each=len(small) <= SYNC_EACH_LIMIT) as staging:
        intake = _Intake(layout, staging, Meter(progress), link=link)
        batches = [[path] for path in large]
        batches += [small[start : start + _BATCH] for start in range(0, len(small), _BATCH)]
        _run([partial(intake.take_all, batch) for batch in batches], workers, intake.meter)
        staging.commit()
        intake.cache.save(temporary=staging.scratch)
    return {path: intake.taken[path] for path in sizes}


class _Intake:
    """What the workers of one call share."""

    def __init__(self, layout: Layout, staging: Staging, meter: Meter, *, link: bool) -> None:
        self.meter = meter
        self.cache = FileCache(layout.file_cache)
        self.taken: dict[Path, Stored] = {}
        self._staging = staging
        self._link = link
        self._blobs = BlobFolder(layout)
        self._likely = Likely(lambda: self._blobs.by_size(SMALL_BYTES + 1))

    def take_all(self, paths: Sequence[Path]) -> None:
        for path in paths:
            with explained(path):
                self.taken[path] = self._take(path)

    def _take(self, path: Path) -> Stored:
        began_ns = time.time_ns()
        with opened_source(path) as (fd, before):
            known = self.cache.lookup(before)
            stored = Stored(known, before.st_size) if known else None
            if stored is None or not self._blobs.claim(stored):
                stored = self._take_unknown(path, fd, before)
            else:
                self.meter.done(stored.size)
            # Linking and relying on a blob touch the change time: remember the newest.
            after = os.fstat(fd)
            if same_file(before, after):
                self.cache.learn(after, stored.digest, hashed_ns=began_ns)
        return stored

    def _take_unknown(self, path: Path, fd: int, before: os.stat_result) -> Stored:
        if before.st_size <= SMALL_BYTES and not self._link:
            return self._take_small(path, fd, before.st_size)
        meter = self.meter
        if self._link or self._likely.is_stored(fd, before.st_size):
            stored = Stored(hash_file(fd, before.st_size, meter), before.st_size)
            if self._blobs.claim(stored) or (self._link and self._linked(path, fd, before, stored)):
                return stored
            meter = meter.silent()  # these bytes were reported once
        with self._staging.new_file() as (copy, target):
            digest = copy_hashed(fd, target, before.st_size, meter)
            if os.fstat(target).st_size != before.st_size:
                raise file_changed(path)
            stored = Stored(digest, before.st_size)
            self._staging.seal(copy, target, stored)
        return stored

    def _take_small(self, path: Path, fd: int, size: int) -> Stored:
        content = _read(fd, size)
        if len(content) != size:
            raise file_changed(path)
        stored = Stored(Digest.of(content), size)
        if not self._blobs.claim(stored, holds=lambda blob: blob.read_bytes() == content):
            self._staging.put(content, stored)
        self.meter.done(size)
        return stored

    def _linked(self, path: Path, fd: int, before: os.stat_result, stored: Stored) -> bool:
        """Link the file into the staging; return whether that was possible."""
        target = self._staging.new_path()
        try:
            os.link(path, target, follow_symlinks=False)
        except OSError as error:
            if error.errno in _NO_LINK:
                return False
            raise
        if not same_file(before, target.lstat()):
            raise file_changed(path)
        durable.sync_file(fd)
        self._staging.adopt(target, stored, is_synced=True)
        return True


def _run(tasks: Sequence[Callable[[], None]], workers: int, meter: Meter) -> None:
    """Run all tasks, or stop them all at the first that fails and raise its error."""
    if workers == 1 or len(tasks) <= 1:
        for task in tasks:
            task()
        return
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="ketch-store") as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            meter.stop()
            for future in futures:
                future.cancel()
    errors = [future.exception() for future in futures if not future.cancelled()]
    for error in errors:
        if error is not None and not isinstance(error, Cancelled):
            raise error


def _size(path: Path) -> int:
    """Return the size of a file, to sort by; what is wrong with it is found out later."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _read(fd: int, size: int) -> bytes:
    """Read a small file to its end, or to one byte more than it should have."""
    parts: list[bytes] = []
    rest = size + 1
    while rest and (part := os.read(fd, rest)):
        parts.append(part)
        rest -= len(part)
    return b"".join(parts)
