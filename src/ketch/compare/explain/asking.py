"""Asking a worker: each question alone, or many small ones at once where that changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ketch.compare.explain.behaviour import Failed, Reply
from ketch.compare.questions import BLOCK_ROWS, Question
from ketch.errors import Finding, PackageCodeError, Unavailable
from ketch.package import Package
from ketch.runtime import Worker
from ketch.schema import Decoder

DEADLINE_S = 120.0


class Asking:
    """Questions to a package, and what it replied so far.

    Args:
        package: Which is asked.
        questions: All of them.
        at_once: Whether questions may be asked together, up to so many rows as of a file.
        but_each: Of these, each so many-th is asked alone; none where it is 0.

    Attributes:
        replies: One for each question that was asked.
    """

    def __init__(
        self, package: Package, questions: Sequence[Question], *, at_once: bool, but_each: int = 0
    ) -> None:
        schema = package.manifest.schema
        self._inputs, self._outputs = Decoder(schema.inputs), Decoder(schema.outputs)
        self._questions = questions
        self._at_once = at_once
        self._but_each = but_each
        self.replies: list[Reply] = []

    @property
    def left(self) -> int:
        """How many questions were not asked."""
        return len(self._questions) - len(self.replies)

    def ask(self, worker: Worker) -> None:
        """Ask a worker what was not asked yet, until it dies.

        Where an answer to several questions at once fails, each is asked again alone; where
        they kill the worker, whoever asks the next one does so alone, too.
        """
        while self.left:
            group = list(self._group())
            together = self._together(worker, group) if len(group) > 1 else None
            if together is not None:
                self.replies += together
                continue
            if not worker.is_alive:
                self._at_once = False
                return
            for question in group:
                self.replies.append(self._alone(worker, question))
                if not worker.is_alive:
                    return

    def _group(self) -> Iterator[Question]:
        """Yield the next questions that are asked at once; one at least."""
        rows, first = 0, len(self.replies)
        most = BLOCK_ROWS if self._at_once and not self._is_alone(first) else 1
        for number, question in enumerate(self._questions[first : first + most], first):
            rows += len(question.rows)
            if number > first and (rows > BLOCK_ROWS or self._is_alone(number)):
                return
            yield question

    def _is_alone(self, number: int) -> bool:
        return self._but_each > 0 and number % self._but_each == 0

    def _together(self, worker: Worker, group: Sequence[Question]) -> list[Reply] | None:
        """Return a reply for each of some questions; None where that failed."""
        rows, refused = self._inputs.decode([row for one in group for row in one.rows])
        if refused:
            return None
        try:
            answer = worker.predict(rows, deadline_s=DEADLINE_S)
        except (PackageCodeError, Unavailable):
            return None
        found, wrong = self._outputs.decode(answer.rows)
        if wrong or len(found) != len(rows):
            return None
        each = iter(found)
        return [Reply([next(each) for _ in question.rows]) for question in group]

    def _alone(self, worker: Worker, question: Question) -> Reply:
        rows, refused = self._inputs.decode(list(question.rows))
        if refused:
            first = refused[0]
            return Reply([], Failed(first.code, first.message, first.where))
        try:
            answer = worker.predict(rows, deadline_s=DEADLINE_S)
        except (PackageCodeError, Unavailable) as problem:
            return Reply([], Failed.of(problem))
        found, wrong = self._outputs.decode(answer.rows)
        return Reply(found, _broken(wrong))


def _broken(wrong: Sequence[Finding]) -> Failed | None:
    """Return what is wrong with an answer that its own schema refuses."""
    if not wrong:
        return None
    return Failed("package-code/answer", wrong[0].message, wrong[0].where)
