"""Hot decisions as they are written: each look reads only what came since the one before.

What a look has read is read again only if a file is damaged at its end, so whoever follows
must not mind to see a decision twice. What is sealed between two looks is in a segment by
then; who follows must look there, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ketch.monitor.decisions import frames, hot
from ketch.monitor.decisions.ids import is_id, microseconds_of


class Brief(msgspec.Struct, frozen=True, gc=False):
    """A hot decision without its rows, its fields as :class:`~.table.Written` has them."""

    id: str
    n: int
    route: str
    digest: str
    arm: str
    shares: str
    rollout: str
    why: str
    unit: str | None
    status: int
    duration_us: int

    @property
    def at(self) -> int:
        """When it was made, in microseconds since 1970."""
        return microseconds_of(int(self.id[:16], 16))


_read = msgspec.json.Decoder(Brief).decode


@dataclass(slots=True)
class _File:
    """How far a hot file was read, and what is missing of it.

    Attributes:
        place: The byte after the last intact record.
        following: The number that the next decision ought to have.
        missing: How many numbers were passed by.
        damaged: How many bytes are no records.
    """

    place: int
    following: int
    missing: int = 0
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class Pending:
    """Decisions of a writer that were made and cannot be read yet.

    Attributes:
        count: How many decisions it had made.
        since: When that was seen first, by the clock of who follows.
    """

    count: int
    since: float


@dataclass
class Follower:
    """Follows the hot files of one log.

    Args:
        log: The folder of the log.
        clock: Seconds of any clock that never goes back.

    Attributes:
        behind_s: For how long decisions have been waiting to be written, at the last look.
    """

    log: Path
    clock: Callable[[], float] = time.monotonic
    behind_s: float = 0.0
    _files: dict[Path, _File] = field(default_factory=dict)
    _pending: dict[str, Pending] = field(default_factory=dict)

    def new(self) -> Iterator[tuple[Path, list[Brief]]]:
        """Yield the decisions that were written since the last look, by the file they are in."""
        there = sorted((self.log / hot.FOLDER).glob(f"*{hot.LOG}"))
        counts = self._counts()
        for gone in self._files.keys() - set(there):
            del self._files[gone]
        for path in there:
            with suppress(FileNotFoundError):  # sealed in the meantime
                if found := self._more(path):
                    yield path, found
        self._look_behind(counts)

    @property
    def files(self) -> frozenset[Path]:
        """The files there were at the last look."""
        return frozenset(self._files)

    @property
    def missing(self) -> int:
        """How many decisions are missing of the files that are there."""
        return sum(one.missing for one in self._files.values())

    @property
    def damaged(self) -> int:
        """How many bytes of them are no decisions."""
        return sum(one.damaged for one in self._files.values())

    def _more(self, path: Path) -> list[Brief]:
        file = self._files.setdefault(path, _File(0, hot.start_of(path)))
        with path.open("rb") as opened:
            opened.seek(file.place)
            content = opened.read()
        found, place = [], 0
        for body in frames.read(content):
            if isinstance(body, frames.Damage):
                if body.end < len(content):  # else it may be in the middle of being written
                    file.damaged += body.end - body.start
                    place = body.end
                continue
            place += len(body) + frames.AROUND
            with suppress(msgspec.MsgspecError):
                one = _read(body)
                file.missing += max(0, one.n - file.following)
                file.following = max(file.following, one.n + 1)
                if is_id(one.id):
                    found.append(one)
        file.place += place
        return found

    def _counts(self) -> dict[str, int]:
        """Return how many decisions each writer that lives was given."""
        folder = self.log / hot.FOLDER
        counted = {
            path.stem: hot.read_count(path)
            for path in folder.glob(f"*{hot.COUNT}")
            if hot.is_alive(path)
        }
        return {writer: count for writer, count in counted.items() if count}

    def _look_behind(self, counts: dict[str, int]) -> None:
        now = self.clock()
        for writer, count in counts.items():
            files = (one for path, one in self._files.items() if path.name.startswith(writer))
            read = max((one.following for one in files), default=0)
            read = read or hot.read_end(self.log / hot.FOLDER, writer)
            pending = self._pending.get(writer)
            if pending is None or read >= pending.count:
                self._pending.pop(writer, None)
                if read < count:
                    self._pending[writer] = Pending(count, now)
        for writer in self._pending.keys() - counts.keys():
            del self._pending[writer]
        self.behind_s = max((now - one.since for one in self._pending.values()), default=0.0)
