"""Decisions of a log, as questions to packages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.decisions import HERE, ORIGIN

from ketch.authoring import Options as Building
from ketch.authoring.build import build
from ketch.compare.questions import ask_scenarios
from ketch.compare.replay import replayed
from ketch.errors import UsageError
from ketch.monitor.decisions import Decision, DecisionLog
from ketch.monitor.decisions.ids import moment_of, time_of
from ketch.monitor.decisions.sealing import seal
from ketch.package import Package
from ketch.progress import Silent
from ketch.runtime import Home

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROUTE = "recommendations"
PIPELINE = "def run(_, rows):\n    return [{'n': row['n']} for row in rows]\n"
INPUTS = """
n = {{ type = "int64", max = {most} }}
who = {{ type = "string", nullable = true }}
"""


@pytest.fixture(scope="module")
def packages(
    tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]
) -> list[Package]:
    """Three packages, which accept `n` up to 10,000, 300 and 200."""

    def made(most: int) -> Package:
        own = [n for n in (1, 250) if n <= most]
        folder = author(
            tmp_path_factory.mktemp("replay") / "shop",
            PIPELINE,
            inputs=INPUTS.format(most=most),
            outputs='n = "int64"',
            scenarios=[{"inputs": {"n": n, "who": None}, "expected": {"n": n}} for n in own],
        )
        home = Home(folder.parent / "home")
        return build(folder, home, Building(), Silent(), install=False).package

    return [made(most) for most in (10_000, 300, 200)]


@contextmanager
def log_at(folder: Path) -> Iterator[DecisionLog]:
    log = DecisionLog(folder, HERE)
    yield log
    log.close()


def told(n: int, at: datetime, *, count: int = 0, **more: object) -> Decision:
    """A decision of one row, or of a list of so many."""
    rows = [{"n": n, "who": None}] * (count or 1)
    return Decision(
        f"{moment_of(at):016x}8{n % 2**16:015x}",
        ORIGIN,
        json.dumps(rows if count else rows[0]).encode(),
        b'{"n":1}',
        **{"rows": count or 1, **more},  # type: ignore[arg-type]  # of one decision
    )


def test_every_decision_is_a_question_of_its_own_also_one_of_several_rows(
    tmp_path: Path, packages: list[Package]
) -> None:
    with log_at(tmp_path) as log:
        first, second = told(1, NOON), told(2, NOON + HOUR / 2, count=3)
        assert log.record(second)
        assert log.record(first)
    found = replayed([tmp_path], ROUTE, NOON, NOON + HOUR, packages)
    assert [(one.name, len(one.rows)) for one in found.questions] == [
        (f"decision {first.id}", 1),
        (f"decision {second.id}", 3),
    ]
    assert found.questions[0].row(0) == f"decision {first.id}"
    assert found.questions[1].row(2) == f"decision {second.id}, row 2"
    (note,) = found.notes
    assert note == (
        "4 of 4 rows that `recommendations` answered, with"
        " `--since 2026-03-03T12:00:00.000 --until 2026-03-03T13:00:00.000`"
    )


def test_of_many_the_sample_is_even_over_time_and_the_same_each_time(
    tmp_path: Path, packages: list[Package]
) -> None:
    """Three times as many in the second half hour: so in the sample; hot and sealed are one."""
    moments = [NOON + HOUR / 2 * at / 100 for at in range(100)]
    moments += [NOON + HOUR / 2 + HOUR / 2 * at / 300 for at in range(300)]
    logs = [tmp_path / "one", tmp_path / "two"]
    for folder, part in zip(logs, (moments[::2], moments[1::2]), strict=True):
        with log_at(folder) as log:
            assert all(log.record(told(at % 200, when)) for at, when in enumerate(part))
    asked = {"since": NOON, "until": NOON + HOUR, "packages": packages, "most_rows": 40}
    found = replayed(logs, ROUTE, **asked)  # type: ignore[arg-type]  # of several types
    halves = Counter(_time(one.name) < NOON + HOUR / 2 for one in found.questions)
    assert (halves[True], halves[False]) == (10, 30)
    assert found.notes[0].startswith("40 of 400 rows")
    assert seal(logs[0], datetime.now(UTC)) == 200
    again = replayed(logs, ROUTE, **asked)  # type: ignore[arg-type]
    assert again == found


def _time(name: str) -> datetime:
    return time_of(name.removeprefix("decision "))


def test_large_decisions_stay_within_the_rows_that_are_wanted(
    tmp_path: Path, packages: list[Package]
) -> None:
    with log_at(tmp_path) as log:
        for at in range(50):
            count = 100 if at % 10 == 5 else 1
            assert log.record(told(at, NOON + timedelta(seconds=at), count=count))
    for most in (7, 60, 200, 10_000):
        found = replayed([tmp_path], ROUTE, NOON, NOON + HOUR, packages, most_rows=most)
        assert 0 < found.rows <= most


def test_of_large_inputs_fewer_are_taken_into_memory(
    tmp_path: Path, packages: list[Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    with log_at(tmp_path) as log:
        made = [told(at, NOON + timedelta(seconds=at)) for at in range(90)]
        assert all(map(log.record, made))
    size = sum(len(one.inputs) for one in made)
    monkeypatch.setattr("ketch.monitor.decisions.sample.MOST_BYTES", size // 3 + 1)
    assert replayed([tmp_path], ROUTE, NOON, NOON + HOUR, packages).rows == 30


def test_what_cannot_be_asked_again_is_left_out_and_told(
    tmp_path: Path, packages: list[Package]
) -> None:
    hashed = replace(ORIGIN, personal_inputs=frozenset({"who"}))
    with log_at(tmp_path) as log:
        one = told(7, NOON)
        lost = [told(8, NOON), told(9, NOON + HOUR / 2)]
        for at in lost:
            at.inputs = b"null"
        personal = told(10, NOON)
        personal.origin, personal.inputs = hashed, b'{"n":10,"who":"ana"}'
        refused = told(250, NOON)
        others = [
            told(11, NOON, error="package-code/raised", status=500),
            told(12, NOON, shadow_of=one.id),
            told(13, NOON - HOUR),
            told(14, NOON + HOUR),
        ]
        elsewhere = told(15, NOON)
        elsewhere.origin = replace(ORIGIN, route="other")
        assert all(map(log.record, (one, *lost, personal, refused, *others, elsewhere)))
    found = replayed([tmp_path], ROUTE, NOON, NOON + HOUR, packages)
    assert [question.name for question in found.questions] == [f"decision {one.id}"]
    assert found.left_out == 1
    assert found.notes[1:] == (
        "2 decisions left out, whose inputs were not kept, or are kept no longer",
        "1 decision left out: of `who` hashes alone are recorded",
    )
    assert replayed([tmp_path], ROUTE, NOON, NOON + HOUR, packages[:2]).rows == 2


def test_where_there_is_nothing_to_ask_it_says_why(tmp_path: Path, packages: list[Package]) -> None:
    def refusal() -> UsageError:
        with pytest.raises(UsageError) as caught:
            replayed([tmp_path], ROUTE, NOON, NOON + HOUR, packages)
        return caught.value

    assert refusal().code == "compare/no-decisions"
    with log_at(tmp_path) as log:
        lost = told(8, NOON)
        lost.inputs = b"null"
        assert log.record(lost)
    assert "1 decision left out, whose inputs were not kept" in refusal().message
    with log_at(tmp_path) as log:
        assert log.record(told(250, NOON))
    assert refusal().code == "compare/no-inputs"
    assert "`shop:1.0.0` all accept, found none among 1" in refusal().message


def test_scenarios_of_any_number_of_packages_are_asked_once(packages: list[Package]) -> None:
    """The second scenario, which the third package lacks, is too large for it."""
    found = ask_scenarios(*packages)
    assert [one.name for one in found.questions] == ["scenario `s0`"]
    assert found.left_out == 1
    assert ask_scenarios(*packages[:2]).rows == 2
