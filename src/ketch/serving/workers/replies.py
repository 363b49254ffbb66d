"""What a reply means for those who asked: everybody gets the rows that answer theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_type_hints

import msgspec

from ketch.errors import Finding, PackageCodeError
from ketch.runtime import Answer
from ketch.runtime.machine import held_bytes
from ketch.runtime.protocol import Failure, decode_reply, garbled
from ketch.schema import Decoder, Field, Row
from ketch.schema.quick import is_plain, struct_of, whole
from ketch.serving.contract import Contract
from ketch.serving.workers.lane import Lane
from ketch.serving.workers.queue import Piece, PoolAnswer, Question


class Replies:
    """Reads what the workers of a package reply: it is hostile until it has been read here.

    Args:
        contract: What the package promises.
    """

    def __init__(self, contract: Contract) -> None:
        self._steps = list(dict.fromkeys(contract.package.manifest.pipeline.steps))
        outputs = contract.schema.outputs
        self._width = len(outputs)
        self._read_plain = _plain_reader(outputs) if is_plain(outputs) else None

    def read(
        self, body: bytes | bytearray, pieces: Sequence[Piece]
    ) -> tuple[Answer | Failure, list[Row] | None]:
        """Return the reply to a call, and its rows if the schema has passed them already.

        Args:
            body: What the worker sent.
            pieces: What it was asked.

        Raises:
            Unavailable: It is no reply to that (``worker/protocol``).
        """
        plain = self._plain(body)
        reply = plain or decode_reply(body, Answer)
        if isinstance(reply, Answer):
            count = sum([piece.count for piece in pieces])
            if len(reply.rows) != count:
                raise garbled(f"{len(reply.rows)} rows for {count}")
            if [one.step for one in reply.steps] != self._steps:
                raise garbled("the times of other steps")
        return reply, None if plain is None else plain.rows

    def _plain(self, body: bytes | bytearray) -> Answer | None:
        """Return an answer whose values are plainly as declared; None of anything else."""
        if self._read_plain is None:
            return None
        try:
            found = self._read_plain(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return None
        rows = whole(found.rows, self._width)
        if rows is None:
            return None
        return Answer(rows, found.steps, found.trace, found.rss_bytes)


def _plain_reader(outputs: Sequence[Field]) -> Callable[[bytes | bytearray], Any]:
    """Return what reads an :class:`Answer` to rows of a type of their own."""
    hints = get_type_hints(Answer)
    row: Any = struct_of(outputs)
    kind = msgspec.defstruct("Plain", [*({**hints, "rows": list[row]}).items()])
    return msgspec.json.Decoder(kind).decode


def hand_out(pieces: Sequence[Piece], rows: list[Row], reply: Answer, pid: int) -> None:
    """Give everybody their rows, which the schema has passed."""
    at, count, steps = 0, len(rows), reply.steps
    for piece in pieces:
        part = rows[at : at + piece.count]
        at += piece.count
        piece.question.answered(piece.at, PoolAnswer(part, steps, count, pid))


def hand_out_singly(
    pieces: Sequence[Piece], outputs: Decoder, reply: Answer, pid: int
) -> Iterator[Question]:
    """Give those their rows whose rows fit the schema; yield the others, who are told."""
    at = 0
    for piece in pieces:
        part = reply.rows[at : at + piece.count]
        at += piece.count
        rows, wrong = outputs.decode(part)
        if wrong:
            piece.question.fail(_unfit(wrong[0]))
            yield piece.question
        else:
            answer = PoolAnswer(rows, reply.steps, len(reply.rows), pid)
            piece.question.answered(piece.at, answer)


def is_leak(lane: Lane, reply: Answer | Failure) -> bool:
    """Whether a worker is out of memory because of the calls before, so that a new one is not."""
    if isinstance(reply, Answer) or reply.type != "MemoryError" or lane.calls < 2:
        return False
    return held_bytes(lane.pid) > 0.75 * lane.hired.limit_bytes


def _unfit(finding: Finding) -> PackageCodeError:
    return PackageCodeError(
        f"the answer breaks the package's own schema: {finding.message}",
        code="package-code/answer",
        where=finding.where,
    )
