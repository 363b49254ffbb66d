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

from ketch.compare.explain.behaviour import Behaviour, Failed, Place, Reply
from ketch.compare.explain.questions import Question
from ketch.errors import Finding, KetchError, PackageCodeError, Unavailable
from ketch.files import write_whole
from ketch.package import Digest, Package, StepTrace
from ketch.runtime import Home, Prepared, Worker, prepared
from ketch.schema import Decoder, Row, canonical_json
from ketch.verify.personal import Personal

FOLDER = "explained"
DEADLINE_S = 120.0
MOST_STARTS = 5
"""So many workers may die of the questions; then those that are left count as not answered."""

_MACHINE = ("worker/start", "worker/interpreter", "worker/protocol", "disk/", "store/")
_LATE = "worker/deadline"


@dataclass
class Laboratory:
    """Where mixtures are run.

    Attributes:
        home: Whose environments are used.
        questions: What is asked.
        offline: Whether only what lies on this machine may be used.
    """

    home: Home
    questions: Sequence[Question]
    offline: bool = False
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
            found = self._ask_all(ready)
            if twice:
                found = _with_unsteady(found, self._ask_all(ready))
        if kept is not None and all(one.code != _LATE for one in found.failures):
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

    def _ask_all(self, ready: Prepared) -> Behaviour:
        """Ask every question; a worker that dies of one is replaced for the next."""
        questions = self.questions
        replies: list[Reply] = []
        last = Failed("verify/not-asked", "not asked: too many workers died", loads=False)
        for _ in range(MOST_STARTS):
            try:
                with ready.start(begun=self._workers.add) as worker:
                    _ask(worker, ready.package, questions, replies)
            except (PackageCodeError, Unavailable) as problem:
                if problem.code.startswith(_MACHINE) or self._stopped:
                    raise
                last = Failed.of(problem, loads=False)
                break
            if self._stopped:
                raise Unavailable("the work was stopped", code="worker/closed")
            if len(replies) == len(questions):
                break
        missing = len(questions) - len(replies)
        return Behaviour([*replies, *[Reply([], last)] * missing])

    def _place(self, package: Package, *, twice: bool) -> Path | None:
        """Return where the behaviour of a package is kept; None where it may not be."""
        manifest = package.manifest
        outside = manifest.environment
        personal = any(one.pii for one in (*manifest.schema.inputs, *manifest.schema.outputs))
        if outside.network or outside.required or outside.secrets or personal:
            return None
        asked = [list(question.rows) for question in self.questions]
        said = canonical_json(["explain 1", str(package.digest), twice, asked])
        return self.home.path / FOLDER / f"{Digest.of(said).hex}.json"


def _ask(
    worker: Worker, package: Package, questions: Sequence[Question], replies: list[Reply]
) -> None:
    """Add replies to those that are there already, until the worker dies."""
    schema = package.manifest.schema
    inputs, outputs = Decoder(schema.inputs), Decoder(schema.outputs)
    for question in questions[len(replies) :]:
        rows, refused = inputs.decode(list(question.rows))
        if refused:
            first = refused[0]
            replies.append(Reply([], Failed(first.code, first.message, first.where)))
            continue
        try:
            answer = worker.predict(rows, deadline_s=DEADLINE_S)
        except (PackageCodeError, Unavailable) as problem:
            replies.append(Reply([], Failed.of(problem)))
            if not worker.is_alive:
                return
            continue
        found, wrong = outputs.decode(answer.rows)
        replies.append(Reply(found, _broken(wrong)))


def _broken(wrong: Sequence[Finding]) -> Failed | None:
    """Return what is wrong with an answer that its own schema refuses."""
    if not wrong:
        return None
    return Failed("package-code/answer", wrong[0].message, wrong[0].where)


def _with_unsteady(one: Behaviour, other: Behaviour) -> Behaviour:
    return Behaviour(one.replies, list(_unsteady(one, other)))


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
