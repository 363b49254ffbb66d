"""Errors as they leave the gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.errors import (
    DigestMismatch,
    Finding,
    KetchError,
    NotFound,
    PackageCodeError,
    Refused,
    Unavailable,
    UsageError,
)
from ketch.remote.problem import from_problem
from ketch.serving.doors.problems import in_words, one_line, problem


def told(error: KetchError) -> dict[str, Any]:
    reply = problem(error)
    body: dict[str, Any] = json.loads(reply.body)
    assert body["status"] == reply.status
    assert reply.media_type == "application/problem+json"
    return body


def findings(count: int) -> list[Finding]:
    message = "expected `int64`, found `1.5`"
    return [Finding("schema/wrong-type", message, f"rows[{row}].size") for row in range(count)]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("request/token", 401),
        ("request/origin", 403),
        ("request/route", 404),
        ("request/method", 405),
        ("request/slow", 408),
        ("request/too-large", 413),
        ("json/too-large", 413),
        ("request/too-many-rows", 413),
        ("request/media-type", 415),
        ("request/host", 421),
        ("request/headers-too-large", 431),
        ("schema/wrong-type", 400),
        ("request/framing", 400),
    ],
)
def test_each_error_of_a_caller_has_its_status(code: str, status: int) -> None:
    kind = NotFound if code == "request/route" else UsageError

    assert problem(kind("no", code=code)).status == status


def test_a_gateway_that_is_busy_says_when_to_come_back() -> None:
    error = Unavailable("at work on 1,024 requests", code="serve/busy")
    error.retry_after_s = 2.2  # type: ignore[attr-defined] # as the queue sets it

    assert problem(error).headers == (("Retry-After", "3"),)
    assert problem(error).status == 503


def test_another_method_is_refused_by_the_name_of_the_right_one() -> None:
    error = UsageError("expected `POST`, found `GET`", code="request/method", where="POST")

    assert problem(error).headers == (("Allow", "POST"),)


@pytest.mark.parametrize("code", ["serve/worker-died", "serve/deadline", "serve/not-recorded"])
def test_what_may_have_been_done_is_not_asked_for_again(code: str) -> None:
    assert problem(Unavailable("gone", code=code)).headers == ()


def test_an_answer_that_did_not_come_in_time_is_a_timeout() -> None:
    assert problem(Unavailable("late", code="serve/deadline")).status == 504


def test_what_went_wrong_inside_is_told_in_one_sentence() -> None:
    inside = "no space left at /srv/ketch/blobs"
    errors = [
        Unavailable(inside, code="disk/full", where="/srv/ketch", hint=inside),
        DigestMismatch(inside, where="/srv/ketch/blobs/sha256"),
        KetchError(inside),
        PackageCodeError(inside, traceback=f"Traceback\n{inside}", where="pipeline:predict"),
    ]

    for error in errors:
        reply = problem(error)
        assert b"/srv" not in reply.body
        assert b"space" not in reply.body
        assert reply.status >= 500


def test_what_a_package_says_of_an_input_is_told_in_one_line() -> None:
    message = "`ValueError`: no price for `x`, see /srv/ketch/env/lib/a.py\nand more of it"
    error = PackageCodeError(message, traceback="Traceback", refusal=True, where="pipeline:f")

    body = told(error)

    assert body["status"] == 422
    assert body["detail"] == "the package refuses this input: `ValueError`: no price for `x`, see …"
    assert "Traceback" not in json.dumps(body)


def test_a_few_findings_are_told_whole() -> None:
    body = told(UsageError("wrong", code="schema/wrong-type", findings=findings(3)))

    assert [one["where"] for one in body["findings"]] == [f"rows[{n}].size" for n in range(3)]
    assert "more" not in body


def test_many_findings_are_told_as_far_as_they_fit_and_counted() -> None:
    body = told(UsageError("wrong", code="schema/wrong-type", findings=findings(101)))

    assert 3 < len(body["findings"]) < 20
    assert len(body["findings"]) + body["more"] == 101


def test_a_client_can_raise_an_error_as_it_was() -> None:
    error = Refused("no", code="request/origin", where="here", hint="ask", findings=findings(2))

    again = from_problem(told(error), problem(error).status)

    assert type(again) is Refused
    assert again.to_json() == error.to_json()


LONG = st.text(st.characters(codec="utf-8"), max_size=3_000)


@given(LONG, LONG, LONG, st.lists(st.tuples(LONG, LONG, LONG), max_size=12))
def test_no_error_is_longer_than_a_kilobyte(
    message: str, where: str, hint: str, listed: list[tuple[str, str, str]]
) -> None:
    found = [Finding("schema/wrong-type", *parts) for parts in listed]
    error = UsageError(message, where=where, hint=hint, findings=found)

    assert len(problem(error).body) <= 1_000
    assert len(json.dumps(in_words(error), ensure_ascii=False).encode()) <= 1_000


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("no such file: '/home/ann/a b.csv'", "no such file: '… b.csv'"),
        ("1/2 of a/b", "1/2 of a/b"),
        ("first\nsecond", "first"),
        ("(/usr/lib/python3.11/json.py:4)", "(…:4)"),
    ],
)
def test_a_line_shows_no_path_of_the_machine(text: str, line: str) -> None:
    assert one_line(text) == line


def test_an_error_in_words_names_places_and_counts_the_rest() -> None:
    error = UsageError("wrong", findings=findings(40))

    words = in_words(error)

    assert words.startswith("rows[0].size: expected `int64`, found `1.5`; rows[1].size: ")
    assert words.endswith(" more")
    assert len(words) < 820
