"""Asking packages the same rows, each in a process of its own, in turns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from ketch.compare.explain.asking import DEADLINE_S
from ketch.compare.explain.behaviour import Failed
from ketch.compare.explain.running import LATE, MACHINE, MOST_STARTS
from ketch.compare.questions import Asked, Question
from ketch.errors import KetchError, PackageCodeError, Unavailable
from ketch.package import Package
from ketch.progress import Progress
from ketch.runtime import Home, Prepared, Worker, prepared
from ketch.schema import Decoder, Row

MOST_AGAIN = 1_000
"""So many rows are asked once more, to see which are answered otherwise each time."""


@dataclass
class Contestant:
    """A package that is asked, in its own environment.

    Attributes:
        name: What it is called here.
        package: The package.
        ready: It, laid out beside its environment.
        answers: Row by row; None where none came.
        failed: Number of the row → why none came.
        unsteady: Rows that were answered otherwise when they were asked once more.
        memory_bytes: The most that its worker has held.
        start_s: How long it took to start and load.
    """

    name: str
    package: Package
    ready: Prepared
    answers: list[Row | None] = field(default_factory=list)
    failed: dict[int, Failed] = field(default_factory=dict)
    unsteady: set[int] = field(default_factory=set)
    memory_bytes: int = 0
    start_s: float | None = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _worker: Worker | None = None
    _starts: int = 0

    def __post_init__(self) -> None:
        schema = self.package.manifest.schema
        self._names = frozenset(one.name for one in schema.inputs)
        self._inputs, self._outputs = Decoder(schema.inputs), Decoder(schema.outputs)

    def ask(self, rows: Sequence[Row]) -> tuple[list[Row], float]:
        """Return the answers to rows, and how many seconds they took.

        Raises:
            PackageCodeError: The package raised, or answered what its schema refuses.
            Unavailable: Its worker died, was too slow, or no more of them may be started.
            UsageError: A variable that it requires is not set.
        """
        worker = self._running()
        taken, _ = self._inputs.decode([self._part(row) for row in rows])
        began = time.perf_counter()
        answer = worker.predict(taken, deadline_s=DEADLINE_S)
        took = time.perf_counter() - began
        self.memory_bytes = max(self.memory_bytes, worker.rss_bytes)
        found, wrong = self._outputs.decode(answer.rows)
        if wrong:
            raise PackageCodeError(
                wrong[0].message, code="package-code/answer", where=wrong[0].where
            )
        return found, took

    def record(self, question: Question) -> None:
        """Ask a question and keep what came of each row; where rows fail, ask each alone."""
        try:
            found, _ = self.ask(question.rows)
        except (PackageCodeError, Unavailable) as problem:
            is_all = len(question.rows) == 1 or problem.code == LATE
            if is_all or not self._can_go_on:
                self._fail(question, problem)
                return
        else:
            self.answers += found
            return
        for index, row in enumerate(question.rows):
            self.record(Question(question.name, (row,), question.first + index))

    def record_again(self, question: Question, first: int) -> None:
        """Ask a question once more, and note the rows that are answered otherwise."""
        rows = range(first, first + len(question.rows))
        if any(row in self.failed for row in rows):
            return
        try:
            found, _ = self.ask(question.rows)
        except (PackageCodeError, Unavailable):
            self.unsteady.update(rows)
            return
        pairs = zip(rows, found, strict=True)
        self.unsteady.update(row for row, one in pairs if one != self.answers[row])

    def close(self) -> None:
        """End the worker."""
        self._worker = None
        self._stack.close()

    @property
    def _can_go_on(self) -> bool:
        """Whether a worker is there, or may take the place of one that died."""
        worker = self._worker
        return worker is not None and (self._starts < MOST_STARTS or worker.is_alive)

    def _part(self, row: Row) -> Row:
        return {name: row[name] for name in row if name in self._names}

    def _fail(self, question: Question, problem: KetchError) -> None:
        why = Failed.of(problem, loads=self._worker is not None)
        for _ in question.rows:
            self.failed[len(self.answers)] = why
            self.answers.append(None)

    def _running(self) -> Worker:
        """Return the worker; one that died is replaced, so many times."""
        if self._worker is not None and self._worker.is_alive:
            return self._worker
        self.close()
        if self._starts == MOST_STARTS:
            message = f"not asked: {MOST_STARTS} workers had died of rows before"
            raise Unavailable(message, code="verify/not-asked")
        self._starts += 1
        began = time.perf_counter()
        try:
            self._worker = self._stack.enter_context(self.ready.start())
        except KetchError as problem:
            self._starts = MOST_STARTS
            is_its_own = isinstance(problem, PackageCodeError | Unavailable)
            if is_its_own and not problem.code.startswith(MACHINE):
                raise
            raise _named(problem, self.name) from problem
        self.start_s = self.start_s or time.perf_counter() - began
        return self._worker


def contestants(
    packages: Sequence[Package],
    names: Sequence[str],
    home: Home,
    stack: ExitStack,
    progress: Progress,
    *,
    offline: bool = False,
) -> list[Contestant]:
    """Return packages ready to be asked, until the stack closes.

    Raises:
        KetchError: An environment cannot be built; it names the package.
    """
    found = []
    for name, package in zip(names, packages, strict=True):
        progress.step(f"preparing {name}")
        try:
            ready = stack.enter_context(prepared(package, home, offline=offline))
        except KetchError as problem:
            raise _named(problem, name) from problem
        contestant = Contestant(name, package, ready)
        stack.callback(contestant.close)
        found.append(contestant)
    return found


def ask_all(contestants: Sequence[Contestant], asked: Asked, progress: Progress) -> None:
    """Ask everybody everything, in turns, and what comes first once more."""
    done = 0
    for turn, question in enumerate(asked.questions):
        progress.step(f"asking row {done + 1:,} of {asked.rows:,}")
        for one in rotated(contestants, turn):
            one.record(question)
        done += len(question.rows)
    first = 0
    for turn, question in enumerate(asked.questions):
        if first + len(question.rows) > MOST_AGAIN:
            break
        progress.step(f"asking row {first + 1:,} again")
        for one in rotated(contestants, turn):
            one.record_again(question, first)
        first += len(question.rows)


def rotated(contestants: Sequence[Contestant], turn: int) -> Sequence[Contestant]:
    """Return them in another order each turn, so that none is always the first."""
    at = turn % len(contestants)
    return (*contestants[at:], *contestants[:at])


def _named(problem: KetchError, name: str) -> KetchError:
    """Return the same error, with the package it is about."""
    if name not in problem.message:
        problem.message = f"`{name}`: {problem.message}"
    return problem
