"""What a comparison says, as a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ketch.compare.trial.differing import Differences
from ketch.compare.trial.measures import Wanted
from ketch.compare.trial.picking import Choice
from ketch.compare.trial.slicing import Sliced
from ketch.compare.trial.timing import Latency
from ketch.monitor.metrics.measures import Estimate


@dataclass(frozen=True, slots=True)
class Failure:
    """Why rows were not answered.

    Attributes:
        code, message, where: Of the error of the first.
        rows: How many rows failed so.
        at: The first of them, as a person finds it.
    """

    code: str
    message: str
    where: str | None
    rows: int
    at: str

    def to_json(self) -> dict[str, object]:
        """Return it in JSON form."""
        return {
            "code": self.code,
            "message": self.message,
            "where": self.where,
            "rows": self.rows,
            "row": self.at,
        }


@dataclass(frozen=True)
class Ran:
    """How a package did by itself.

    Attributes:
        name: What it is called here.
        reference, digest: Which it is.
        answered: How many rows it answered.
        failures: Why it did not answer others, the most rows first.
        unsteady: Rows that it answered otherwise when they were asked once more.
        row, batch: How long it takes; None where no row was answered by all.
        batch_rows: How many rows a batch has.
        memory_bytes: The most that its worker has held.
        start_s: How long it took to start; None where it did not.
    """

    name: str
    reference: str
    digest: str
    answered: int
    failures: tuple[Failure, ...] = ()
    unsteady: int = 0
    row: Latency | None = None
    batch: Latency | None = None
    batch_rows: int = 0
    memory_bytes: int = 0
    start_s: float | None = None

    @property
    def failed(self) -> int:
        """How many rows it did not answer."""
        return sum(one.rows for one in self.failures)

    def to_json(self) -> dict[str, object]:
        """Return it in JSON form."""
        return {
            "name": self.name,
            "package": self.reference,
            "digest": self.digest,
            "answered": self.answered,
            "failed": self.failed,
            "failures": [one.to_json() for one in self.failures],
            "unsteady": self.unsteady,
            "latency": {
                "row": None if self.row is None else self.row.to_json(),
                "batch": None if self.batch is None else self.batch.to_json(),
                "batch_rows": self.batch_rows,
            },
            "memory_mb": round(self.memory_bytes / 1e6, 2),
            "start_s": None if self.start_s is None else round(self.start_s, 3),
        }


@dataclass(frozen=True)
class Measured:
    """A metric of every package, on the same rows.

    Attributes:
        wanted: Which.
        known: Of how many rows it is known what was right.
        values: Of each package.
        differences: How much more each has than the first; that of the first is not told.
        says: Of each: ``better``, ``worse`` or ``unclear``.
        unread: For each package why a row could not be measured → how many.
    """

    wanted: Wanted
    known: int
    values: tuple[Estimate, ...]
    differences: tuple[Estimate, ...]
    says: tuple[str, ...]
    unread: tuple[Mapping[str, int], ...]

    def to_json(self, names: Sequence[str]) -> dict[str, object]:
        """Return it in JSON form."""
        each = zip(names, self.values, self.differences, self.says, self.unread, strict=True)
        return {
            **self.wanted.to_json(),
            "rows": self.values[0].n,
            "known": self.known,
            "packages": [
                {
                    "name": name,
                    **_ends(value),
                    "difference": None if at == 0 else {**_ends(difference), "says": says},
                    "unread": dict(unread),
                }
                for at, (name, value, difference, says, unread) in enumerate(each)
            ],
        }


@dataclass(frozen=True)
class Beside:
    """A package beside the first.

    Attributes:
        at: Which it is, from 1.
        differences: Where its answers part from those of the first.
        most: The slices where they part most.
        slices: The slices that were asked for.
        lost: Rows that the first answers and it does not.
        speaks_against: Why it should not take the place of the first; empty for no reason.
    """

    at: int
    differences: Differences
    most: tuple[Sliced, ...] = ()
    slices: tuple[Sliced, ...] = ()
    lost: int = 0
    speaks_against: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.speaks_against

    def to_json(self, name: str) -> dict[str, object]:
        """Return it in JSON form."""
        of = len(self.differences.compared)
        return {
            "name": name,
            "rows": of,
            "differing": len(self.differences.moved),
            "share": self.differences.share,
            "moved": self.differences.mean_moved,
            "lost": self.lost,
            "fields": [one.to_json(of) for one in self.differences.fields],
            "not_compared": list(self.differences.only),
            "where_most": [one.to_json() for one in self.most],
            "slices": [one.to_json() for one in self.slices],
            "passed": self.passed,
            "speaks_against": list(self.speaks_against),
        }


@dataclass(frozen=True)
class Trial:
    """Packages, asked the same rows.

    Attributes:
        ran: The packages, in the order they were named; the others stand beside the first.
        rows: How many rows were asked.
        left_out: Rows that the schema of a package refuses.
        notes: Where the rows come from, and what is not among them.
        metrics: What was measured.
        beside: Each other package beside the first.
        tolerance: So much worse, as a part of the value of the first, does not count.
        choice: Which is picked, where that was asked.
        refused: What is wrong with the first row that is left out; empty where nobody says.
        duration_s: How long it took.
    """

    ran: tuple[Ran, ...]
    rows: int
    left_out: int = 0
    notes: tuple[str, ...] = ()
    metrics: tuple[Measured, ...] = ()
    beside: tuple[Beside, ...] = ()
    tolerance: float = 0.0
    choice: Choice | None = None
    refused: str = ""
    duration_s: float = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        """What the packages are called here."""
        return tuple(one.name for one in self.ran)

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch compare --json``."""
        from ketch.compare.trial.sentence import sentence  # which reads this value

        return {
            "sentence": sentence(self),
            "rows": self.rows,
            "left_out": self.left_out,
            "refused": self.refused or None,
            "notes": list(self.notes),
            "packages": [one.to_json() for one in self.ran],
            "metrics": [one.to_json(self.names) for one in self.metrics],
            "tolerance": self.tolerance,
            "beside": [one.to_json(self.ran[one.at].name) for one in self.beside],
            **self._choice(),
            "duration_s": round(self.duration_s, 3),
        }

    def _choice(self) -> dict[str, object]:
        one = self.choice
        if one is None:
            return {"picked": None, "choice": None}
        return {
            "picked": self.names[one.picked],
            "choice": {
                "metric": one.metric,
                "best": self.names[one.best],
                "alike": [self.names[at] for at in one.alike],
                "out": [self.names[at] for at in one.out],
                "reason": one.reason,
            },
        }


def _ends(one: Estimate) -> dict[str, object]:
    return {"value": one.value, "low": one.low, "high": one.high}
