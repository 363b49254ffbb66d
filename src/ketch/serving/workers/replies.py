"""What a reply means for those who asked: everybody gets the rows that answer theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ketch.errors import Finding, PackageCodeError
from ketch.runtime import Answer
from ketch.runtime.protocol import Failure, decode_reply, garbled
from ketch.schema import Decoder, Row
from ketch.serving.workers.lane import Lane
from ketch.serving.workers.machine import held_bytes
from ketch.serving.workers.queue import Piece, PoolAnswer, Question


def read(body: bytes | bytearray, pieces: Sequence[Piece], steps: list[str]) -> Answer | Failure:
    """Read the reply to a call; a worker's words are hostile until they have been read here.

    Args:
        body: What the worker sent.
        pieces: What it was asked.
        steps: The steps of the package.

    Raises:
        Unavailable: It is no reply to that (``worker/protocol``).
    """
    reply = decode_reply(body, Answer)
    if isinstance(reply, Answer):
        count = sum([piece.count for piece in pieces])
        if len(reply.rows) != count:
            raise garbled(f"{len(reply.rows)} rows for {count}")
        if [one.step for one in reply.steps] != steps:
            raise garbled("the times of other steps")
    return reply


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
