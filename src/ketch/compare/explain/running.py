"""Running a mixture: every question to a process of its own, each answer kept.

What a package answers follows from its digest and the questions, so it is kept under both in
``KETCH_HOME/explained/``: an explanation that was stopped goes on where it was. Nothing is
kept of packages that ask a network, need variables of this machine, or are asked about people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ketch.compare.explain.asking import DEADLINE_S, Asking
from ketch.compare.explain.behaviour import Behaviour, Failed, Place, Reply
from ketch.compare.questions import Question
from ketch.errors import KetchError, PackageCodeError, Unavailable
from ketch.files import write_whole
from ketch.package import Digest, Package, StepTrace
from ketch.runtime import Home, Prepared, Worker, prepared
from ketch.schema import Decoder, Row, canonical_json
from ketch.verify.personal import Personal

FOLDER = "explained"
MANY = 50
"""From so many questions on, it is worth to find out whether they can be asked together."""

EACH = 20
"""Of questions asked together, each so many-th is asked alone, to see whether that matters."""

MOST_STARTS = 5
"""So many workers may die of the questions; then those that are left count as not answered."""

MACHINE = ("worker/start", "worker/interpreter", "worker/protocol", "disk/", "store/")
"""How errors begin that are of this machine, and not of the package."""

LATE = "worker/deadline"


@dataclass
class Laboratory:
    """Where mixtures are run.

    Attributes:
        home: Whose environments are used.
        questions: What is asked.
        offline: Whether only what lies on this machine may be used.
        at_once: Whether many questions may be asked together.
    """

    home: Home
    questions: Sequence[Question]
    offline: bool = False
    at_once: bool = False
    _workers: set[Worker] = field(default_factory=set)
    _stopped: bool = False

    def behaviour(self, package: Package, *, twice: bool = False) -> Behaviour:
        """Return what a package answers to every question.

        Args:
            package: The package.
            twice: Whether to ask again, and note which rows are answered otherwise.

        Raises:
            Unavailable: Its environment cannot be built now, or no worker started.
            Refused: Its environment cannot be built on this machine.
            UsageError: A variable that it requires is not set.
        """
        kept = self._place(package, twice=twice)
        if kept is not None and (known := _read(kept)) is not None:
            return known
        with prepared(package, self.home, offline=self.offline) as ready:
            found = self._twice(ready) if twice else self._ask_all(ready, at_once=self.at_once)
        if kept is not None and all(one.code != LATE for one in found.failures):
            kept.parent.mkdir(mode=0o700, exist_ok=True)
            write_whole(kept, msgspec.json.encode(found))
        return found

    def steps(self, package: Package, rows: Sequence[Row]) -> tuple[StepTrace, ...]:
        """Return what each step of a package returned, up to one that raised.

        Raises:
            Unavailable: Its environment cannot be built now, or its worker is gone.
            PackageCodeError: It could not be loaded.
        """
        schema = package.manifest.schema
        decoded, _ = Decoder(schema.inputs).decode(list(rows))
        with (
            prepared(package, self.home, offline=self.offline) as ready,
            ready.start(begun=self._workers.add) as worker,
        ):
            try:
                told: Sequence[dict[str, object]] = worker.predict(
                    decoded, deadline_s=DEADLINE_S, trace=True
                ).trace
            except PackageCodeError as problem:
                told = [dict(one) for one in problem.trace]
            steps = worker.failures.discreet.steps(told)
        return tuple(map(Personal(schema).step, steps))

    def stop(self) -> None:
        """End every worker; whoever waits for one in another thread gets an error at once."""
        self._stopped = True
        for worker in list(self._workers):
            worker.close(grace_s=0)

    def _ask_all(self, ready: Prepared, *, at_once: bool = False, but_each: int = 0) -> Behaviour:
        """Ask every question; a worker that dies of one is replaced for the next."""
        asking = Asking(ready.package, self.questions, at_once=at_once, but_each=but_each)
        last = Failed("verify/not-asked", "not asked: too many workers died", loads=False)
        for _ in range(MOST_STARTS):
            try:
                with ready.start(begun=self._workers.add) as worker:
                    asking.ask(worker)
            except (PackageCodeError, Unavailable) as problem:
                if problem.code.startswith(MACHINE) or self._stopped:
                    raise
                last = Failed.of(problem, loads=False)
                break
            if self._stopped:
                raise Unavailable("the work was stopped", code="worker/closed")
            if not asking.left:
                break
        return Behaviour([*asking.replies, *[Reply([], last)] * asking.left])

    def _twice(self, ready: Prepared) -> Behaviour:
        """Ask every question twice, and note which rows are answered otherwise.

        Many questions are asked many at once; then some of them alone and all others beside
        other rows. Where that changes no answer, mixtures are asked so, too.
        """
        if len(self.questions) > MANY:
            found = self._ask_all(ready, at_once=True)
            if found.replies == self._ask_all(ready, at_once=True, but_each=EACH).replies:
                return Behaviour(found.replies, at_once=True)
        found = self._ask_all(ready)
        return Behaviour(found.replies, _unsteady(found, self._ask_all(ready)))

    def _place(self, package: Package, *, twice: bool) -> Path | None:
        """Return where the behaviour of a package is kept; None where it may not be."""
        manifest = package.manifest
        outside = manifest.environment
        personal = any(one.pii for one in (*manifest.schema.inputs, *manifest.schema.outputs))
        if outside.network or outside.required or outside.secrets or personal:
            return None
        asked = [list(question.rows) for question in self.questions]
        said = canonical_json(["explain 2", str(package.digest), twice, self.at_once, asked])
        return self.home.path / FOLDER / f"{Digest.of(said).hex}.json"


def _unsteady(one: Behaviour, other: Behaviour) -> list[Place]:
    places = []
    for at, (left, right) in enumerate(zip(one.replies, other.replies, strict=True)):
        pairs = zip(left.rows, right.rows, strict=False)
        places += [(at, row) for row, (a, b) in enumerate(pairs) if a != b]
    return places


def _read(path: Path) -> Behaviour | None:
    """Return what is kept; None when nothing is, or it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Behaviour)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def reason(problem: KetchError) -> str:
    """Return in a line why a mixture could not be made or run."""
    return problem.message.splitlines()[0]
