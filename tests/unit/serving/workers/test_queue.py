"""What the next call takes: everybody in turn, nobody twice, nobody forgotten."""

from __future__ import annotations

import asyncio
import time

from hypothesis import given
from hypothesis import strategies as st
from tests.pools import run

from ketch.runtime import StepTime
from ketch.serving.workers.again import after_death, halves
from ketch.serving.workers.frames import encoded
from ketch.serving.workers.queue import Piece, PoolAnswer, Question, Queue
from ketch.serving.workers.settings import MAX_CALL_BYTES


def asked(count: int, *, within_s: float = 60.0, start: int = 0, text: str = "") -> Question:
    rows: list[dict[str, object]] = [{"x": start + at, "t": text} for at in range(count)]
    future: asyncio.Future[PoolAnswer] = asyncio.get_running_loop().create_future()
    return Question(rows, None, time.monotonic() + within_s, future)


def answer(piece: Piece) -> None:
    """Answer a piece as an echo does."""
    rows = [dict(row) for row in piece.question.rows[piece.at : piece.at + piece.count]]
    assert piece.body == encoded(rows)
    piece.question.answered(piece.at, PoolAnswer(rows, (StepTime("run", 1.0),), piece.count, 1))


def counts(pieces: list[Piece]) -> list[int]:
    return [piece.count for piece in pieces]


@given(sizes=st.lists(st.integers(1, 300), max_size=30), most=st.integers(2, 100))
def test_every_row_is_asked_once_and_answered_in_its_place(sizes: list[int], most: int) -> None:
    async def scene() -> None:
        queue = Queue(most)
        questions = [asked(size, start=1_000 * at) for at, size in enumerate(sizes)]
        for question in questions:
            queue.add(question)
        assert queue.rows == sum(sizes)
        calls = 0
        while pieces := queue.take():
            calls += 1
            assert sum(counts(pieces)) <= most
            assert len({id(piece.question) for piece in pieces}) == len(pieces)
            for piece in reversed(pieces):
                answer(piece)
        assert (len(queue), queue.rows) == (0, 0)
        for question in questions:
            assert question.future.result().rows == question.rows
        assert calls <= sum(-(-size // max(1, most // 4)) for size in sizes)

    run(scene())


def test_a_large_request_is_asked_piece_by_piece_between_the_others() -> None:
    async def scene() -> None:
        queue = Queue(100)
        queue.add(asked(250))
        assert counts(queue.take()) == [100]
        queue.add(asked(1))
        queue.add(asked(2))
        assert counts(queue.take()) == [25, 1, 2]
        assert counts(queue.take()) == [25]
        assert counts(queue.take()) == [100]
        assert queue.take() == []

    run(scene())


def test_a_request_that_fits_a_call_is_never_cut() -> None:
    async def scene() -> None:
        queue = Queue(10)
        for size in (6, 5, 10, 4, 6):
            queue.add(asked(size))
        taken = [counts(queue.take()) for _ in range(4)]
        assert taken == [[6], [5], [10], [4, 6]]

    run(scene())


def test_a_call_has_so_many_bytes_and_not_many_more() -> None:
    async def scene() -> None:
        queue = Queue(100)
        for _ in range(10):
            queue.add(asked(1, text="x" * (MAX_CALL_BYTES // 4)))
        assert counts(queue.take()) == [1, 1, 1, 1]

    run(scene())


def test_who_has_left_or_is_late_is_passed_over() -> None:
    async def scene() -> None:
        queue = Queue(10)
        left, late, there = asked(1), asked(1, within_s=-1), asked(1)
        for question in (left, late, there):
            queue.add(question)
        left.future.cancel()
        assert [piece.question for piece in queue.take()] == [there]
        assert str(getattr(late.future.exception(), "code", "")) == "serve/deadline"
        assert queue.rows == 0

    run(scene())


def test_what_is_asked_again_comes_first_and_stays_in_its_company() -> None:
    async def scene() -> None:
        queue = Queue(10)
        for size in (1, 2, 3, 4):
            queue.add(asked(size))
        pieces = queue.take()
        queue.add(asked(5))
        queue.again(halves(pieces))
        assert len(queue) == 3
        assert [counts(queue.take()) for _ in range(3)] == [[1, 2], [3, 4], [5]]

    run(scene())


def test_deaths_end_with_the_one_that_is_to_blame() -> None:
    """Whoever is in the first call and not to blame is answered; three workers die at most."""

    async def scene() -> None:
        for size in (1, 2, 3, 5, 64, 256):
            queue = Queue(1_000)
            questions = [asked(1) for _ in range(size)]
            for question in questions:
                queue.add(question)
            bad, deaths, calls = questions[size // 2], 0, 0
            while pieces := queue.take():
                calls += 1
                if any(piece.question is bad for piece in pieces):
                    deaths += 1
                    queue.again(after_death(pieces))
                else:
                    for piece in pieces:
                        answer(piece)
            assert deaths == (2 if size <= 4 else 3)
            assert calls <= 3 + 2 * int(size**0.5) + 2
            assert [one for one in questions if not one.future.done()] == [bad]

    run(scene())


def test_a_bad_request_is_found_by_halving() -> None:
    async def scene() -> None:
        queue = Queue(1_000)
        questions = [asked(1) for _ in range(256)]
        for question in questions:
            queue.add(question)
        bad, calls = questions[77], 0
        while pieces := queue.take():
            calls += 1
            if all(piece.question is not bad for piece in pieces):
                for piece in pieces:
                    answer(piece)
            elif len(pieces) > 1:
                queue.again(halves(pieces))
        assert calls == 17
        assert [one for one in questions if not one.future.done()] == [bad]

    run(scene())
