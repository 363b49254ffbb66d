"""The decision log: every answer written down, off the path of requests.

:meth:`DecisionLog.record` puts a decision into a bounded queue and returns; a thread
writes what has gathered, in one piece, every :data:`GATHER_S` seconds. What can be lost:

* the process is killed: what has gathered since, at most :data:`GATHER_S` and one write;
* the machine loses power: what was written since the last ``fsync``, at most
  :data:`SYNC_S` and one write;
* with ``durable`` (:meth:`DecisionLog.recorded`): nothing that was answered.

Serving never waits for the disk. While it refuses, decisions wait in the queue; when that
is half full they are kept without inputs and outputs, when it is full they are dropped.
Either is counted, and every decision that is missing later is found missing, for they are
numbered without gaps.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ketch.files import explained, failure, sync_folder
from ketch.logs import told
from ketch.monitor.decisions import frames, hot
from ketch.monitor.decisions.beginning import begin
from ketch.monitor.decisions.decision import LARGEST, Decision, body_of
from ketch.monitor.decisions.ids import Ids
from ketch.monitor.decisions.keyed import keyed, remember
from ketch.monitor.decisions.shipped import Shipped

GATHER_S = 0.02
SYNC_S = 1.0
_RETRY_S = 0.5
_TICK_S = 5.0
_EXPIRE_S = 6 * 3600.0
"""What is too old is removed as often as this, also where nothing is decided any more."""
_AGAIN_S = 300.0
"""After so long sealing is tried again that did not do all it should."""
_AT_ONCE = 64
"""Records put together in one breath: other threads wait meanwhile."""
_WRITE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How much a log holds back, and for how long it keeps what it wrote.

    Attributes:
        most_waiting: Most decisions that wait for the disk.
        most_waiting_bytes: Most bytes of their inputs and outputs.
        rotate_bytes, rotate_s: When a hot file is full, and may be sealed.
        keep_days: How long decisions are kept.
        keep_rows_days: How long their inputs and outputs are.
        seals: Whether full files are sealed, by a process of its own.
        bucket: Where what is sealed goes, too, such as ``s3://bucket/prefix``.
    """

    most_waiting: int = 65_536
    most_waiting_bytes: int = 64 * 2**20
    rotate_bytes: int = 64 * 2**20
    rotate_s: float = 3600.0
    keep_days: int = 760
    keep_rows_days: int = 760
    seals: bool = True
    bucket: str | None = None


@dataclass(frozen=True, slots=True)
class LogHealth:
    """How a log stands; all counts since it was opened.

    Attributes:
        recorded: Decisions given to it.
        written: Those in a file.
        stripped: Those kept without inputs and outputs: too large, or too much waited.
        dropped: Those that were not kept: too much waited for the disk.
        waiting: Those in the queue.
        problem: Why the disk refuses; None while it does not.
        shipped: When all that was sealed was in the bucket, in seconds since 1970; 0 if it
            never was, None where it is not sent to one.
    """

    recorded: int
    written: int
    stripped: int
    dropped: int
    waiting: int
    problem: str | None
    shipped: float | None = None


_Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[bool]"]


class DecisionLog:
    """Writes decisions; to be closed.

    Args:
        folder: Of the log; it is made when it is not there.
        settings: What is held back and kept.

    Raises:
        Unavailable: ``decisions/key``; ``disk/…``: the folder cannot be used.
    """

    def __init__(self, folder: Path, settings: LogSettings | None = None) -> None:
        self._settings = settings or LogSettings()
        self._folder = folder
        files = folder / hot.FOLDER
        with explained(files):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.mkdir(mode=0o700, exist_ok=True)
            self._keyed = keyed(folder)
            remember(folder, self._keyed)
            for above in (folder, folder.parent):
                sync_folder(above)
            self._writer = Ids().tail
            self._counter = hot.Counter(files / f"{self._writer}{hot.COUNT}")
        self._files = hot.HotFiles(files, self._writer)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._is_idle = True
        self._is_closing = self._is_closed = False
        self._queue: list[Decision] = []
        self._waiters: list[_Waiter] = []
        self._waiting = self._waiting_bytes = 0
        self._recorded = self._written = self._stripped = self._dropped = 0
        self._problem: str | None = None
        self._left: list[Decision] = []  # what the disk refused
        self._synced = time.monotonic()
        self._began_sealing = time.monotonic()
        self._sealer: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="ketch-decisions", daemon=True)
        self._thread.start()

    def record(self, decision: Decision) -> bool:
        """Take a decision; return whether it will be written. Never waits, never raises."""
        return self._take(decision, None)

    async def recorded(self, decision: Decision) -> bool:
        """Take a decision; return whether it is on the disk, once that is known."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        return self._take(decision, (loop, future)) and await future

    @property
    def health(self) -> LogHealth:
        """How the log stands."""
        shipped = self._shipped
        with self._lock:
            return LogHealth(
                self._recorded,
                self._written,
                self._stripped,
                self._dropped,
                self._waiting,
                self._problem if self._thread.is_alive() else self._problem or "it was closed",
                shipped,
            )

    @property
    def _shipped(self) -> float | None:
        if self._settings.bucket is None:
            return None
        known = Shipped.of(self._folder)
        return known.time if known is not None and known.to == self._settings.bucket else 0.0

    def flush(self, wait_s: float = 10.0) -> bool:
        """Return whether all that was recorded until now is in a file, within this time."""
        until = time.monotonic() + wait_s
        while self._waiting and time.monotonic() < until:
            time.sleep(0.005)
        return not self._waiting

    def close(self, wait_s: float = 10.0) -> None:
        """Write what waits, within this time; then let go of the files."""
        self._is_closing = True
        self._wake.set()
        self._thread.join(wait_s)
        with self._lock:
            if not self._thread.is_alive() and not self._is_closed:
                self._is_closed = True
                self._counter.close()

    # ------------------------------------------------------------ the caller's side

    def _take(self, decision: Decision, waiter: _Waiter | None) -> bool:
        settings = self._settings
        size = len(decision.inputs) + len(decision.outputs)
        with self._lock:
            decision.number = self._recorded
            self._recorded += 1
            if not self._is_closed:
                self._counter.set(self._recorded)
            if self._is_closing or self._waiting >= settings.most_waiting:
                self._dropped += 1
                return False
            if size > LARGEST or (self._waiting_bytes + size) * 2 > settings.most_waiting_bytes:
                decision.inputs = decision.outputs = b""
                self._stripped += 1
                size = 0
            self._waiting += 1
            self._waiting_bytes += size
            self._queue.append(decision)
            if waiter is not None:
                self._waiters.append(waiter)
            is_awaited = self._is_idle or waiter is not None
            self._is_idle = False
        if is_awaited:
            self._wake.set()
        return True

    # ------------------------------------------------------------ the writer's side

    def _run(self) -> None:
        """Write what gathers until the log is closed."""
        with contextlib.suppress(OSError):  # there is time until the next file
            here_before = any((self._folder / hot.FOLDER).glob(f"*{hot.LOG}"))
            if here_before or self._settings.bucket is not None:
                self._seal()
        while not self._is_closing or self._queue:
            self._wake.wait(_TICK_S if self._is_idle else GATHER_S)
            self._wake.clear()
            if not self._round() and self._is_closing:
                break  # the disk refuses, and nobody waits any longer
            self._look_after()
        with contextlib.suppress(OSError):
            self._files.sync()
        self._files.rotate()

    def _round(self) -> bool:
        """Write what has gathered; return whether the disk took it."""
        with self._lock:
            batch, self._queue = self._queue, []
            waiters, self._waiters = self._waiters, []
            self._is_idle = not batch and not self._left and not self._files.is_dirty
        self._left += batch
        try:
            self._write()
            if waiters:
                self._sync()
        except OSError as error:
            self._refused(error)
            _settle(waiters, is_kept=False)
            time.sleep(0 if self._is_closing else _RETRY_S)
            return False
        _settle(waiters, is_kept=True)
        if self._problem is not None:
            told("decisions are written again", dropped=self._dropped, stripped=self._stripped)
            self._problem = None
        return True

    def _write(self) -> None:
        """Append what is left to write, in pieces of about a megabyte."""
        while self._left:
            records: list[bytes] = []
            size = taken = 0
            while taken < len(self._left) and size < _WRITE_BYTES:
                some = [self._framed(one) for one in self._left[taken : taken + _AT_ONCE]]
                records += filter(None, some)
                size += sum(map(len, some))
                taken += len(some)
                time.sleep(0)  # lets go of the interpreter
            self._files.append(b"".join(records), self._left[taken - 1].number + 1)
            self._settled(self._left[:taken], len(records))
            del self._left[:taken]

    def _framed(self, decision: Decision) -> bytes:
        """Return the record of a decision; none of one that is no decision."""
        try:
            origin, inputs, outputs = decision.origin, decision.inputs, decision.outputs
            if origin.personal_inputs:
                inputs = self._keyed.without(origin.personal_inputs, inputs)
            if origin.personal_outputs:
                outputs = self._keyed.without(origin.personal_outputs, outputs)
            unit = self._keyed.unit(decision.unit) if decision.unit else None
            return frames.frame(body_of(decision, unit, inputs, outputs))
        except (TypeError, ValueError, AttributeError) as wrong:
            told("a decision cannot be written", level=logging.ERROR, why=type(wrong).__name__)
            return b""

    def _settled(self, decisions: Sequence[Decision], written: int) -> None:
        with self._lock:
            self._written += written
            self._dropped += len(decisions) - written
            self._waiting -= len(decisions)
            self._waiting_bytes -= sum(len(d.inputs) + len(d.outputs) for d in decisions)

    def _sync(self) -> None:
        self._synced = time.monotonic()
        try:
            self._files.sync()
        except OSError:
            self._files.rotate()  # a failed sync is final: never write behind it
            raise

    def _refused(self, error: OSError) -> None:
        if self._problem is None:
            problem = failure(error, self._folder)
            told("decisions are not written", why=problem.message, code=problem.code)
        self._problem = error.strerror or str(error)

    def _look_after(self) -> None:
        """Sync, begin a new file and have the full ones sealed, each when it is time."""
        files, settings, now = self._files, self._settings, time.monotonic()
        if now - self._began_sealing >= (_AGAIN_S if self._has_failed else _EXPIRE_S):
            self._seal()
        is_full = files.size >= settings.rotate_bytes
        is_old = files.size > 0 and now - files.opened >= settings.rotate_s
        if not files.is_dirty and not is_old:
            return
        if now - self._synced < SYNC_S and not is_full and not is_old:
            return
        try:
            self._sync()
        except OSError as error:
            self._refused(error)
            return
        if is_full or is_old:
            files.rotate()
            self._seal()

    @property
    def _has_failed(self) -> bool:
        """Whether sealing ended without having done all it should."""
        return self._sealer is not None and self._sealer.poll() not in (None, 0)

    def _seal(self) -> None:
        """Begin to seal the full files and remove what is too old, unless that is under way."""
        self._began_sealing = time.monotonic()
        if not self._settings.seals:
            return
        if self._sealer is None or self._sealer.poll() is not None:
            settings = self._settings
            try:
                self._sealer = begin(
                    self._folder, settings.keep_days, settings.keep_rows_days, settings.bucket
                )
            except OSError as error:  # no more processes; there is time until the next file
                told("decisions are not sealed", why=error.strerror or str(error))


def _settle(waiters: Sequence[_Waiter], *, is_kept: bool) -> None:
    """Tell those who wait, each on its own event loop."""
    for loop in {loop for loop, _ in waiters}:
        futures = [future for one, future in waiters if one is loop]
        with contextlib.suppress(RuntimeError):  # its loop has ended, and nobody waits
            loop.call_soon_threadsafe(_set, futures, is_kept)


def _set(futures: Sequence[asyncio.Future[bool]], is_kept: bool) -> None:  # noqa: FBT001
    for future in futures:
        if not future.done():
            future.set_result(is_kept)
