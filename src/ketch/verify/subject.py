"""What is being verified: a package, and the worker that answers for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Self, TypeVar

from ketch.errors import KetchError, ManifestError, PackageCodeError, Unavailable
from ketch.package import Package, ScenarioTrace, StepTrace
from ketch.runtime import Answer, Discreet, Layer, Worker
from ketch.runtime.licence import NOT_ASKED
from ketch.schema import Difference, Row, Schema, compare
from ketch.verify.personal import Personal

DEADLINE_S = 60.0
EVALUATE_DEADLINE_S = 600.0
MOST_DEATHS = 5

Start = Callable[[int], AbstractContextManager[Worker]]
Predict = Callable[[Sequence[Row]], Sequence[Row]]
Told = TypeVar("Told")

FAILED = (PackageCodeError, Unavailable)
"""What a question can raise: the package's own code failed, or its worker is gone."""

_MACHINE = frozenset({"worker/start", "worker/interpreter"})
"""What keeps a worker from starting and says nothing about the package."""


class Subject:
    """A package under verification; use it as a context manager.

    It answers for as long as it can: a worker that died is replaced for the next
    question, until :data:`MOST_DEATHS` have. Then, and when the package cannot be loaded,
    each further question raises ``verify/not-asked`` at once, so that every check says
    for itself what it could not find out.

    Args:
        package: The package, in a store.
        start: Starts a worker that has loaded it; the argument is the hash seed.
        references: Earlier traces to compare with, the best one first.
        deadline_s: How long one answer may take, in seconds.

    Attributes:
        problem: What put an end to the questions, if anything did.
        layers: The layers of the sandbox.
        python: The version of Python that runs the package.
        start_s: From starting the first process to a loaded model, in seconds.
        rss_bytes: The most memory that any worker has held.
        discreet: Keeps paths of this machine, and secrets, out of what is kept.
    """

    def __init__(
        self,
        package: Package,
        start: Start,
        *,
        references: Sequence[Sequence[ScenarioTrace]] = (),
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.package = package
        self.references = references
        self.deadline_s = deadline_s
        self.problem: KetchError | None = None
        self.layers: tuple[Layer, ...] = ()
        self.python = package.manifest.environment.python
        self.start_s = 0.0
        self.rss_bytes = 0
        self.discreet = Discreet()
        self._personal = Personal(package.manifest.schema)
        self._start = start
        self._running = ExitStack()
        self._worker: Worker | None = None
        self._deaths = 0
        self._printed = ""
        self._position = 0

    def __enter__(self) -> Self:
        began = time.monotonic()
        worker = self._begin()
        self.start_s = time.monotonic() - began
        if worker is not None:
            self.layers, self.python = worker.layers, worker.python
            self.discreet = worker.failures.discreet
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def schema(self) -> Schema:
        """The types of the prediction API."""
        return self.package.manifest.schema

    def predict(self, rows: Sequence[Row], *, trace: bool = False) -> Answer:
        """Answer rows that the schema has passed.

        Raises:
            PackageCodeError: The package's own code raised.
            Unavailable: The worker died or took too long, or is not asked any more.
        """
        return self._ask(
            lambda worker: worker.predict(rows, deadline_s=self.deadline_s, trace=trace)
        )

    def evaluate(self, function: str, data: Mapping[str, Path]) -> Mapping[str, float]:
        """Run the package's own evaluation; it raises as :meth:`predict` does."""
        return self._ask(
            lambda worker: worker.evaluate(function, data, deadline_s=EVALUATE_DEADLINE_S)
        )

    def differences(self, expected: Sequence[Row], found: Sequence[Row]) -> tuple[Difference, ...]:
        """Compare answers as their fields declare; personal data differs without being shown.

        Functions of the package are run in its worker, and raise as :meth:`predict` does.
        """
        functions = {
            name: partial(self._compare, name) for name in self.package.manifest.comparisons
        }
        differences = compare(self.schema.outputs, expected, found, functions)
        return tuple(map(self._personal.difference, differences))

    @contextmanager
    def elsewhere(self) -> Iterator[Predict]:
        """Yield a way to ask a second process, with another hash seed."""
        with self._start(1) as second:
            yield lambda rows: second.predict(rows, deadline_s=self.deadline_s).rows

    def steps(self, told: Sequence[Mapping[str, object]]) -> tuple[StepTrace, ...]:
        """Read the traces that a worker told; personal data is left out.

        Raises:
            Unavailable: They are no traces; package code has tampered with its process.
        """
        try:
            return tuple(map(self._personal.step, self.discreet.steps(told)))
        except ManifestError as problem:
            raise Unavailable(problem.message, code="worker/protocol") from problem

    def earlier(self, trace: ScenarioTrace) -> ScenarioTrace | None:
        """Return the best earlier trace of the same question, if there is one."""
        traces = (trace for reference in self.references for trace in reference)
        question = (trace.scenario, trace.inputs)
        return next((one for one in traces if (one.scenario, one.inputs) == question), None)

    @property
    def is_personal(self) -> bool:
        """Whether some field holds personal data, which may stand in what is printed."""
        return bool(self._personal)

    def printed(self) -> str:
        """Return what was printed since this was last asked."""
        self._listen()
        said, self._printed = self._printed, ""
        return said

    def step_of(self, problem: KetchError) -> str | None:
        """Return the step that a problem is about: the last one owes the outputs."""
        steps = self.package.manifest.pipeline.steps
        return steps[-1] if problem.where == "outputs" else problem.where

    def told(self, problem: KetchError) -> str:
        """Return what went wrong, and in which function."""
        where = self.step_of(problem)
        if where is None or f"`{where}`" in problem.message:
            return problem.message
        kind = "step " if where in self.package.manifest.pipeline.steps else ""
        return f"{problem.message} (at {kind}`{where}`)"

    def _compare(self, function: str, expected: object, found: object) -> bool | str:
        return self._ask(lambda worker: worker.compare(function, expected, found))

    def _ask(self, question: Callable[[Worker], Told]) -> Told:
        worker = self._worker or self._begin()
        if worker is None:
            raise Unavailable(NOT_ASKED, code="verify/not-asked")
        try:
            return question(worker)
        except Unavailable:
            if not worker.is_alive:
                self._bury()
            raise
        finally:
            self.rss_bytes = max(self.rss_bytes, worker.rss_bytes)

    def _begin(self) -> Worker | None:
        """Start a worker, unless there was a problem before."""
        if self.problem is not None:
            return None
        try:
            self._worker = self._running.enter_context(self._start(0))
        except FAILED as problem:
            if problem.code in _MACHINE:
                raise
            self.problem = problem
            self._printed += problem.printed if isinstance(problem, PackageCodeError) else ""
        return self._worker

    def _listen(self) -> None:
        if self._worker is not None:
            until = self._worker.output_position
            self._printed += self._worker.output_since(self._position)
            self._position = until

    def _bury(self) -> None:
        self._running.close()
        self._listen()
        self._position = 0
        self._worker = None
        self._deaths += 1
        if self._deaths == MOST_DEATHS:
            message = f"the worker died {MOST_DEATHS} times; nothing more was asked"
            self.problem = Unavailable(message, code="verify/gave-up")


def last_words(problem: KetchError, *, frames: int) -> str:
    """Return the innermost lines of code that raised, or what a worker printed as it died."""
    if not isinstance(problem, PackageCodeError):
        return problem.hint or ""
    found: list[list[str]] = []
    for line in problem.traceback.splitlines():
        if line.startswith("  File "):
            found.append([line])
        elif found and line.startswith("    ") and line.strip("^~ "):  # no marks below a line
            found[-1].append(line)
    own = [frame for frame in found if "importlib" not in frame[0]]
    return dedent("\n".join(line for frame in own[-frames:] for line in frame))
