"""Every request gets its own answer, or an error that says why, in time."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from tests.pools import gone, run, staffed
from tests.verification import ECHO, Bench, asks

from ketch.errors import PackageCodeError, UsageError
from ketch.package import Package
from ketch.schema import Row
from ketch.serving.workers import Later, PoolAnswer, encoded

SLEEP = """
import time
def run(model, rows):
    time.sleep(max(row["x"] for row in rows) / 1000)
    return rows
"""
COUNT = "def run(model, rows):\n    return [{'x': row['x'], 'n': len(rows)} for row in rows]\n"
POISON = """
def run(model, rows):
    if any(row["x"] == 13 for row in rows):
        raise KeyError("thirteen")
    return [{"x": row["x"] + 1} for row in rows]
"""


def counting(bench: Bench) -> Package:
    """A package that says how many rows were in the call."""
    promised = asks("alone", {"x": 1}, {"x": 1, "n": 1})
    return bench.package(COUNT, promised, outputs={"x": "int64", "n": "int64"})


def rows_of(answer: PoolAnswer | BaseException) -> list[dict[str, object]]:
    assert isinstance(answer, PoolAnswer), answer
    return answer.rows


def code_of(error: PoolAnswer | BaseException) -> str:
    return str(getattr(error, "code", error))


def test_rows_are_answered(bench: Bench) -> None:
    async def scene() -> None:
        async with staffed(bench) as staff:
            answer = await staff.ask({"x": 1}, {"x": 2})
            assert answer.rows == [{"x": 1}, {"x": 2}]
            assert answer.batch_rows == 2
            assert [step.step for step in answer.steps] == ["pipeline:run"]
            assert answer.pid == staff.pool.workers[0].pid
            assert staff.pool.workers[0].calls == 1
            assert staff.kinds() == ["started"]

    run(scene())


def test_no_rows_are_answered_with_none_and_disturb_nobody(bench: Bench) -> None:
    async def scene() -> None:
        async with staffed(bench) as staff:
            answers = await staff.all([[{"x": 1}], [], [{"x": 2}]])
            assert [rows_of(one) for one in answers] == [[{"x": 1}], [], [{"x": 2}]]

    run(scene())


def test_requests_that_come_at_the_same_time_are_one_call(bench: Bench) -> None:
    async def scene() -> None:
        async with staffed(bench, counting(bench)) as staff:
            answers = await staff.all([[{"x": x}] for x in range(50)])
            assert [rows_of(one) for one in answers] == [[{"x": x, "n": 50}] for x in range(50)]

    run(scene())


def test_a_package_that_was_not_licensed_is_asked_one_request_at_a_time(bench: Bench) -> None:
    async def scene() -> None:
        async with staffed(bench, counting(bench), together=False) as staff:
            answers = await staff.all([[{"x": x}, {"x": x}, {"x": x}] for x in range(20)])
            assert [rows_of(one) for one in answers] == [[{"x": x, "n": 3}] * 3 for x in range(20)]
            many = await staff.ask(*({"x": x} for x in range(2_000)))
            assert many.rows == [{"x": x, "n": 2_000} for x in range(2_000)]

    run(scene())


def test_a_thousand_mixed_requests_get_the_answers_to_their_own_questions(bench: Bench) -> None:
    draw = random.Random(7)
    questions = [
        [{"x": at * 1_000 + row} for row in range(draw.choice((1, 1, 1, 2, 5, 40, 700)))]
        for at in range(1_000)
    ]

    async def scene() -> None:
        async with staffed(bench, workers=2, patience_s=60.0) as staff:
            await staff.until(lambda: len(staff.pool.workers) == 2)
            answers = await staff.all(questions, within_s=60)
            assert [rows_of(one) for one in answers] == questions
            assert all(one.calls > 10 for one in staff.pool.workers)

    run(scene())


def test_a_request_larger_than_a_call_is_cut_and_its_answer_put_together(bench: Bench) -> None:
    async def scene() -> None:
        async with staffed(bench, counting(bench), max_rows=100) as staff:
            answer = await staff.ask(*({"x": x} for x in range(1_030)))
            assert [row["x"] for row in answer.rows] == list(range(1_030))
            assert {row["n"] for row in answer.rows} == {100, 30}
            assert answer.batch_rows == 100

    run(scene())


def test_text_that_looks_like_the_end_of_a_row_is_text(bench: Bench) -> None:
    """Bytes that would shift every answer by one, were they joined as they came."""
    hostile = ['"},{"x":"', "]}", '\\"', '],"trace":true}', "\u2028\x00{", "},{", ""]
    text_in, text_out = {"x": "string"}, {"x": "string"}
    package = bench.package(
        ECHO, asks("a", {"x": "a"}, {"x": "a"}), inputs=text_in, outputs=text_out
    )

    async def scene() -> None:
        async with staffed(bench, package) as staff:
            questions: list[list[Row]] = [
                [{"x": text}, {"x": f"{text}{at}"}] for at, text in enumerate(hostile)
            ]
            asked = (staff.ask(*rows, encoded=encoded(rows)) for rows in questions)
            answers = await asyncio.gather(*asked)
            assert [one.rows for one in answers] == questions
            assert answers[0].batch_rows == 2 * len(hostile)

    run(scene())


@pytest.mark.parametrize("together", [True, False])
def test_a_poison_row_hurts_its_owner_only(bench: Bench, together: bool) -> None:  # noqa: FBT001
    async def scene() -> None:
        package = bench.package(POISON, asks("one", {"x": 1}, {"x": 2}))
        async with staffed(bench, package, together=together) as staff:
            answers = await staff.all([[{"x": x}] for x in range(40)])
            bad = answers.pop(13)
            assert isinstance(bad, PackageCodeError)
            assert "thirteen" in bad.message
            found = [rows_of(one)[0]["x"] for one in answers]
            assert found == [x + 1 for x in range(40) if x != 13]
            assert staff.kinds() == ["started"]
            assert staff.pool.workers[0].calls <= (14 if together else 40)

    run(scene())


def test_a_poison_row_in_a_large_request_refuses_that_request_once(bench: Bench) -> None:
    async def scene() -> None:
        package = bench.package(POISON, asks("one", {"x": 1}, {"x": 2}))
        async with staffed(bench, package, max_rows=50) as staff:
            large = [{"x": x} for x in range(1_000)]
            bad, good = await staff.all([large, [{"x": 5}]])
            assert code_of(bad) == "package-code/raised"
            assert rows_of(good) == [{"x": 6}]
            assert staff.pool.depth == 0
            assert rows_of((await staff.all([[{"x": 7}]]))[0]) == [{"x": 8}]

    run(scene())


def test_an_answer_that_breaks_the_schema_hurts_its_owner_only(bench: Bench) -> None:
    source = "def run(model, rows):\n    return [{'x': row['x'] * 300} for row in rows]\n"
    package = bench.package(
        source, asks("zero", {"x": 0}, {"x": 0}), outputs={"x": {"type": "int64", "max": 1_000}}
    )

    async def scene() -> None:
        async with staffed(bench, package) as staff:
            answers = await staff.all([[{"x": x}] for x in range(6)])
            assert [rows_of(one)[0]["x"] for one in answers[:4]] == [0, 300, 600, 900]
            assert [code_of(one) for one in answers[4:]] == ["package-code/answer"] * 2

    run(scene())


def test_a_request_whose_caller_left_is_not_asked(bench: Bench) -> None:
    async def scene() -> None:
        package = bench.package(SLEEP, asks("soon", {"x": 1}, {"x": 1}))
        async with staffed(bench, package, together=False) as staff:
            first = asyncio.ensure_future(staff.ask({"x": 300}))
            await asyncio.sleep(0.05)
            left = [asyncio.ensure_future(staff.ask({"x": 300})) for _ in range(5)]
            last = asyncio.ensure_future(staff.ask({"x": 1}))
            await asyncio.sleep(0.05)
            assert staff.pool.depth == 6
            for one in left:
                one.cancel()
            await asyncio.wait(left)
            assert staff.pool.depth == 1
            assert (await last).rows == [{"x": 1}]
            await first
            assert staff.pool.workers[0].calls == 2

    run(scene())


def test_a_request_whose_time_is_up_is_told_so_and_not_asked(bench: Bench) -> None:
    async def scene() -> None:
        package = bench.package(SLEEP, asks("soon", {"x": 1}, {"x": 1}))
        async with staffed(bench, package, together=False) as staff:
            first = asyncio.ensure_future(staff.ask({"x": 700}))
            await asyncio.sleep(0.01)
            began = time.monotonic()
            (late,) = await staff.all([[{"x": 1}]], within_s=0.2)
            assert code_of(late) == "serve/deadline"
            assert 0.19 < time.monotonic() - began < 0.5
            await first
            assert staff.pool.workers[0].calls == 1

    run(scene())


def test_what_would_wait_too_long_is_refused_at_once_and_told_when_to_come_back(
    bench: Bench,
) -> None:
    async def scene() -> None:
        package = bench.package(SLEEP, asks("usual", {"x": 100}, {"x": 100}))
        async with staffed(bench, package, together=False, patience_s=0.5) as staff:
            began = time.monotonic()
            waiting = [asyncio.ensure_future(staff.ask({"x": 100})) for _ in range(50)]
            await asyncio.sleep(0.04)
            refused = [one for one in waiting if one.done()]
            assert 40 < len(refused) < 48
            assert time.monotonic() - began < 0.2
            assert {str(getattr(one.exception(), "code", "")) for one in refused} == {"serve/busy"}
            error = refused[0].exception()
            assert isinstance(error, Later)
            assert error.retry_after_s == 1
            await asyncio.wait(waiting)
            answered = [one for one in waiting if one.exception() is None]
            assert len(answered) == 50 - len(refused)
            assert time.monotonic() - began < 1.2

    run(scene())


def test_the_queue_is_bounded(bench: Bench) -> None:
    async def scene() -> None:
        async with staffed(bench, max_queue=30, patience_s=60.0) as staff:
            answers = await staff.all([[{"x": x}] for x in range(100)])
            refused = [one for one in answers if not isinstance(one, PoolAnswer)]
            assert len(refused) == 70
            assert {code_of(one) for one in refused} == {"serve/busy"}
            assert staff.pool.counts.refused == 70

    run(scene())


def test_small_requests_do_not_wait_for_a_large_one(bench: Bench) -> None:
    """A call takes a tenth of a millisecond a row; the large request takes 0.4 s of them."""
    source = """
import time
def run(model, rows):
    time.sleep(len(rows) / 10_000)
    return rows
"""

    async def scene() -> None:
        async with staffed(bench, source, patience_s=60.0) as staff:
            times: list[float] = []
            large = asyncio.ensure_future(staff.ask(*({"x": x} for x in range(4_000))))
            await asyncio.sleep(0.01)
            while not large.done():
                began = time.monotonic()
                await staff.ask({"x": 1})
                times.append(time.monotonic() - began)
            assert len((await large).rows) == 4_000
            assert len(times) > 20
            assert sorted(times)[len(times) // 2] < 0.03

    run(scene())


def test_a_large_reply_is_read_while_others_are_served(bench: Bench) -> None:
    source = "def run(model, rows):\n    return [{'x': 'y' * row['x']} for row in rows]\n"
    package = bench.package(source, asks("one", {"x": 1}, {"x": "y"}), outputs={"x": "string"})

    async def scene() -> None:
        async with staffed(bench, package, together=False) as staff:
            large = [{"x": 1_000}] * 5_000
            longest = 0.0
            asked = asyncio.ensure_future(staff.ask(*large))
            while not asked.done():
                began = time.monotonic()
                await asyncio.sleep(0.001)
                longest = max(longest, time.monotonic() - began)
            assert [len(str(row["x"])) for row in (await asked).rows] == [1_000] * 5_000
            assert longest < 0.2
            assert (await staff.ask({"x": 2})).rows == [{"x": "yy"}]

    run(scene())


def test_closing_answers_what_is_under_way_and_refuses_the_rest(bench: Bench) -> None:
    async def scene() -> None:
        package = bench.package(SLEEP, asks("soon", {"x": 1}, {"x": 1}))
        async with staffed(bench, package, together=False) as staff:
            asked = [asyncio.ensure_future(staff.ask({"x": 200})) for _ in range(3)]
            await asyncio.sleep(0.05)
            closing = asyncio.ensure_future(staff.pool.close(5.0))
            await asyncio.sleep(0)
            (refused,) = await staff.all([[{"x": 1}]])
            assert code_of(refused) == "serve/closing"
            assert [one.rows for one in await asyncio.gather(*asked)] == [[{"x": 200}]] * 3
            await closing
            assert not staff.pool.ready
            assert gone(staff.source.started)

    run(scene())


def test_closing_waits_for_so_long_only(bench: Bench) -> None:
    async def scene() -> None:
        package = bench.package(SLEEP, asks("soon", {"x": 1}, {"x": 1}))
        async with staffed(bench, package, together=False) as staff:
            asked = [asyncio.ensure_future(staff.ask({"x": 60_000})) for _ in range(2)]
            await asyncio.sleep(0.05)
            began = time.monotonic()
            await staff.pool.close(0.2)
            assert time.monotonic() - began < 3
            found = await asyncio.gather(*asked, return_exceptions=True)
            assert [code_of(one) for one in found] == ["serve/closing"] * 2
            assert gone(staff.source.started)

    run(scene())


def test_the_number_of_workers_can_be_changed(bench: Bench) -> None:
    async def scene() -> None:
        async with staffed(bench) as staff:
            staff.pool.resize(3)
            await staff.until(lambda: len(staff.pool.workers) == 3)
            staff.pool.resize(1)
            await staff.until(lambda: "left" in staff.kinds())
            assert len(staff.pool.workers) == 1
            assert (await staff.ask({"x": 1})).rows == [{"x": 1}]

    run(scene())


def test_a_package_that_cannot_be_loaded_is_not_served(bench: Bench) -> None:
    async def scene() -> None:
        with pytest.raises(PackageCodeError, match="nothing_of_this_name"):
            async with staffed(bench, "import nothing_of_this_name"):
                pass

    run(scene())


def test_a_package_whose_scenarios_fail_is_not_served(bench: Bench) -> None:
    package = bench.package("def run(model, rows):\n    return [{'x': 7} for _ in rows]\n")

    async def scene() -> None:
        with pytest.raises(Exception, match="every scenario to be answered as promised") as caught:
            async with staffed(bench, package):
                pass
        assert code_of(caught.value) == "serve/unproved"
        assert not isinstance(caught.value, UsageError)

    run(scene())


def test_the_scenarios_tell_how_long_a_call_takes_before_the_first_one(bench: Bench) -> None:
    async def scene() -> None:
        package = bench.package(SLEEP, asks("slow", {"x": 200}, {"x": 200}))
        async with staffed(bench, package, together=False, patience_s=0.5) as staff:
            answers = await staff.all([[{"x": 200}]] * 20)
            answered = [one for one in answers if isinstance(one, PoolAnswer)]
            assert 2 <= len(answered) <= 4

    run(scene())
