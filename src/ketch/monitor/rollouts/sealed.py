"""The sealed decisions of one log, read for one pair: every segment once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ketch.errors import Unavailable
from ketch.files import temporary_folder
from ketch.monitor.decisions import segments
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.decisions.sealed import DAMAGED, LAST, Listed, Sealed
from ketch.monitor.rollouts.happenings import NOBODY, Happenings
from ketch.monitor.rollouts.pair import LATE, Pair
from ketch.monitor.rollouts.roster import CODE_BITS, NEVER, Hashes, Roster
from ketch.monitor.rollouts.wrong import Wrong

TRIES = 5
"""How often a log is read again that changes while it is read."""

_AT = "((moment >> 16)::BIGINT * 1000 + (moment & 4095)::BIGINT * 1000 // 4096)"

Stamps: TypeAlias = dict[Path, tuple[int, int]]


@dataclass
class SealedUnits:
    """Reads segments into a roster.

    Args:
        log: The folder of the log.
        pair: Whose decisions are read.
        wrong: In which ways an answer may be wrong.

    Attributes:
        harmed: Segments that are damaged.
    """

    log: Path
    pair: Pair
    wrong: Sequence[Wrong]
    harmed: frozenset[Path] = frozenset()
    _read: set[Path] = field(default_factory=set)

    def stamps(self) -> Stamps:
        """Return what tells whether the lists of segments are still the same."""
        stamps: Stamps = {}
        began = self.pair.began
        since = "" if began is None else (began - LATE).date().isoformat()
        for partition in segments.partitions(self.log, self.pair.route, since=since):
            try:
                found = (partition.folder / segments.LIST).stat()
            except FileNotFoundError:
                continue
            stamps[partition.folder] = (found.st_mtime_ns, found.st_ino)
        return stamps

    def read(self, roster: Roster) -> None:
        """Enter the segments that were not read yet.

        Raises:
            Unavailable: ``decisions/busy``.
        """
        with self._sealed() as sealed:
            first, last = self._moments
            for _ in range(TRIES):
                listed = sealed.listed(self.pair.route, first, last)
                new = [one for one in listed if one[0].path(one[1]) not in self._read]
                sealed.examine(new)
                try:
                    self._enter(sealed, new, roster)
                    break
                except DAMAGED:  # it became another segment just now
                    sealed.mend(self.pair.route, first, last)
            else:
                raise busy(self.log)
            self._read = {partition.path(segment) for partition, segment in listed}
            self.harmed = (self.harmed | sealed.harmed) & self._read

    def tell(self, happenings: Happenings, wanted: Sequence[tuple[int, int]]) -> None:
        """Tell whose some decisions were; they are named in the order of time."""
        place = (self.pair.route, wanted[0][0], wanted[-1][0])
        with self._sealed() as sealed:
            listed = sealed.listed(*place)
            for _ in range(TRIES):
                try:
                    for source in sealed.sources(listed):
                        happenings.resolve(*_whose(sealed, source, wanted))
                except DAMAGED:
                    listed = sealed.mend(*place)
                else:
                    return

    def _enter(self, sealed: Sealed, listed: Listed, roster: Roster) -> None:
        sources = sealed.sources(listed)
        if not sources:
            return
        columns = "unit, moment, arm, digest, shares, rollout, why, status, duration_us"
        union = " UNION ALL ".join(
            f"SELECT {columns} FROM {one} WHERE {self.pair.where(_AT)}"  # noqa: S608
            for one in sources
        )
        con = sealed.con
        rows = con.execute(f"SELECT DISTINCT arm, shares FROM ({union})").fetchall()  # noqa: S608
        plans = [(arm, shares, self.pair.odds(arm, shares)) for arm, shares in rows]
        known = [(arm, shares, odds) for arm, shares, odds in plans if odds is not None]
        codes = roster.codes_of([odds for _, _, odds in known])
        if not known:
            return
        con.execute("CREATE OR REPLACE TEMP TABLE plans (arm VARCHAR, shares VARCHAR, code BIGINT)")
        con.executemany(
            "INSERT INTO plans VALUES (?, ?, ?)",
            [(arm, shares, int(code)) for (arm, shares, _), code in zip(known, codes, strict=True)],
        )
        wrong = "".join(
            f", coalesce(min(made) FILTER ({kind.sql}), {NEVER}::BIGINT) AS wrong{index}"
            for index, kind in enumerate(self.wrong)
        )
        found = con.execute(
            f"SELECT unit, min((made << {CODE_BITS}) | code) AS earliest{wrong} FROM"  # noqa: S608
            f" (SELECT *, {_AT} AS made FROM ({union})) JOIN plans USING (arm, shares)"
            " GROUP BY unit ORDER BY unit"
        ).fetchnumpy()
        roster.see(
            _plain(found["unit"], np.uint64),
            _plain(found["earliest"], np.int64),
            np.array(
                [_plain(found[f"wrong{index}"], np.int64) for index in range(len(self.wrong))]
            ).reshape(len(self.wrong), len(found["unit"])),
        )

    @property
    def _moments(self) -> tuple[int, int]:
        began = self.pair.began
        first = 0 if began is None else moment_of(began - LATE)
        ended = None if self.pair.rollout else self.pair.ended
        return first, LAST if ended is None else moment_of(ended)

    @contextmanager
    def _sealed(self) -> Iterator[Sealed]:
        with temporary_folder("ketch-rollouts-") as scratch:
            sealed = Sealed(self.log, scratch, threads=2)
            try:
                yield sealed
            finally:
                sealed.close()


def busy(log: Path) -> Unavailable:
    """Return the error of a log that changes faster than it can be read."""
    return Unavailable(
        "expected a log that stands still for a moment, found one that is sealed all the time",
        code="decisions/busy",
        where=str(log),
        hint="try again",
    )


def _whose(
    sealed: Sealed, source: str, wanted: Sequence[tuple[int, int]]
) -> tuple[Hashes, Hashes, Hashes]:
    con = sealed.con
    con.register("wanted", _table(wanted))
    found = con.execute(
        f"SELECT moment, tail, coalesce(unit, {NOBODY}::UBIGINT) AS unit FROM {source}"  # noqa: S608
        " JOIN wanted USING (moment, tail)"
    ).fetchnumpy()
    moments, tails, units = (_plain(found[one], np.uint64) for one in ("moment", "tail", "unit"))
    return moments, tails, units


def _table(wanted: Sequence[tuple[int, int]]) -> dict[str, Hashes]:
    moments, tails = np.array(wanted, np.uint64).reshape(-1, 2).T
    return {"moment": np.ascontiguousarray(moments), "tail": np.ascontiguousarray(tails)}


def _plain(column: Any, kind: type[np.generic]) -> Any:
    """Return a column of a query, which has no empty places, as it is."""
    return np.asarray(np.ma.getdata(column), kind)
