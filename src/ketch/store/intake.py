"""Files of a user on their way into a local store, as many at once as there are processors.

In this order, for each file: recognised by its times without reading; read and found to
be there; linked; cloned; copied and hashed in one pass.
"""

import errno
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from ketch.files import explained, sync_file
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.store.base import Progress
from ketch.store.batches import SMALL_BYTES, batches
from ketch.store.blobs import BlobFolder
from ketch.store.copying import (
    Cancelled,
    Meter,
    copy_hashed,
    hash_file,
)
from ketch.store.filecache import FileCache
from ketch.store.layout import Layout
from ketch.store.likely import Likely
from ketch.store.sources import Source, file_changed, opened_source, same_file
from ketch.store.staging import Staging
from ketch.store.writing import Disk, buffer_of

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
    with Staging(layout) as staging:
        intake = _Intake(layout, staging, Meter(progress), link=link)
        tasks = [partial(intake.take_all, batch) for batch in batches(sizes)]
        _run(tasks, workers, intake.meter)
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
        self._disk = Disk()
        self._own = threading.local()
        self._blobs = BlobFolder(layout)
        self._likely = Likely(lambda: self._blobs.by_size(SMALL_BYTES + 1))

    def take_all(self, paths: Sequence[Path]) -> None:
        for path in paths:
            with explained(path):
                self.taken[path] = self._take(path)

    def _take(self, path: Path) -> Stored:
        began_ns = time.time_ns()
        with opened_source(path) as source:
            known = self.cache.lookup(source.seen)
            stored = Stored(known, source.size) if known else None
            if stored is None or not self._blobs.claim(stored):
                stored = self._take_unknown(source)
            else:
                self.meter.done(stored.size)
            # Linking and relying on a blob touch the change time: remember the newest.
            after = os.fstat(source.fd)
            if same_file(source.seen, after):
                self.cache.learn(after, stored.digest, hashed_ns=began_ns)
        return stored

    def _take_unknown(self, source: Source) -> Stored:
        # A small file is held in memory: read once, hashed, looked for, written.
        if source.size <= SMALL_BYTES and not self._link:
            return self._take_small(source)
        meter = self.meter
        if self._link or self._likely.is_stored(source.fd, source.size):
            stored = Stored(hash_file(source.fd, source.size, meter), source.size)
            if self._blobs.claim(stored) or (self._link and self._linked(source, stored)):
                return stored
            meter = meter.silent()  # these bytes were reported once
        with self._staging.new_file() as (copy, target):
            digest = copy_hashed(source, target, self._disk, meter)
            if os.fstat(target).st_size != source.size:
                raise file_changed(source.path)
            stored = Stored(digest, source.size)
            self._staging.seal(copy, target, stored)
        return stored

    def _take_small(self, source: Source) -> Stored:
        content = self._content(source)
        if len(content) != source.size:
            raise file_changed(source.path)
        stored = Stored(Digest.of(content), source.size)
        if not self._blobs.claim_content(stored, content):
            self._staging.put(content, stored)
        self.meter.done(source.size)
        return stored

    def _content(self, source: Source) -> memoryview:
        """Return a small file's content, up to one byte more than it should have.

        It stays until this thread asks for another: memory that is taken and given back
        for each of thousands of files costs the kernel more than to copy them.
        """
        buffer: memoryview | None = getattr(self._own, "buffer", None)
        if buffer is None:
            buffer = self._own.buffer = buffer_of(SMALL_BYTES + 1)
        filled, most = 0, source.size + 1
        while filled < most and (count := source.read_into(buffer[filled:most], filled)):
            filled += count
        return buffer[:filled]

    def _linked(self, source: Source, stored: Stored) -> bool:
        """Link the file into the staging; return whether that was possible."""
        target = self._staging.new_path()
        try:
            os.link(source.path, target, follow_symlinks=False)
        except OSError as error:
            if error.errno in _NO_LINK:
                return False
            raise
        if not same_file(source.seen, target.lstat()):
            raise file_changed(source.path)
        sync_file(source.fd)
        self._staging.adopt(target, stored)
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
