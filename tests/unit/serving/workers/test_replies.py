"""What a worker says is believed once it has been read, the quick way or the slow."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from tests.contracts import contract

from ketch.errors import Unavailable
from ketch.runtime import Answer
from ketch.runtime.protocol import Failure
from ketch.serving.workers.queue import Piece, Question
from ketch.serving.workers.replies import Replies

OUTPUTS = {
    "price": {"type": "float64", "min": 0.0},
    "label": {"type": "string", "values": ["a", "b"]},
    "note": {"type": "string", "optional": True},
}
OF = contract({"x": "int64"}, OUTPUTS)
STEPS = [{"step": step, "ms": 1.5} for step in OF.package.manifest.pipeline.steps]
ROW = {"price": 1, "label": "a", "note": None}


def reply(*rows: object, **changes: object) -> bytes:
    body = {"ok": True, "rows": rows, "steps": STEPS, "trace": [], "rss_bytes": 9}
    return json.dumps({**body, **changes}).encode()


def read(body: bytes, count: int = 1) -> tuple[Answer | Failure, Any]:
    nobody = cast("Question", None)
    return Replies(OF).read(body, [Piece(nobody, 0, 1, b"") for _ in range(count)])


def test_rows_that_are_plainly_as_declared_have_passed_the_schema_once_they_are_read() -> None:
    found, rows = read(reply(ROW, {**ROW, "price": 2.5}), 2)

    assert isinstance(found, Answer)
    assert found.rows == rows == [{**ROW, "price": 1.0}, {**ROW, "price": 2.5}]
    assert type(rows[0]["price"]) is float
    assert (found.steps[0].ms, found.rss_bytes) == (1.5, 9)


@pytest.mark.parametrize(
    "row",
    [
        {**ROW, "price": "1"},
        {**ROW, "price": -1},
        {**ROW, "label": "c"},
        {**ROW, "label": None},
        {**ROW, "more": 1},
        {"price": 1, "label": "a"},  # what may be absent is null in an answer
        {},
    ],
)
def test_of_other_rows_the_schema_has_to_tell(row: object) -> None:
    found, rows = read(reply(row))

    assert isinstance(found, Answer)
    assert (found.rows, rows) == ([row], None)


@pytest.mark.parametrize(
    "body",
    [
        reply(),
        reply(ROW, ROW),
        reply(ROW, steps=STEPS[1:]),
        reply(ROW, steps=[{**STEPS[0], "step": "other:step"}, *STEPS[1:]]),
        reply(ROW, rss_bytes="9"),
        reply([ROW]),
        reply(ROW)[:-1],
        reply(ROW) + b"{}",
        b"",
        b"[" * 100_000,
    ],
)
def test_what_is_no_reply_to_the_call_is_not_believed(body: bytes) -> None:
    with pytest.raises(Unavailable) as caught:
        read(body)

    assert caught.value.code == "worker/protocol"


def test_a_failure_is_data() -> None:
    error = {"type": "E", "message": "m", "traceback": "", "step": None, "refusal": True}

    found, rows = read(json.dumps({"ok": False, "error": error, "trace": []}).encode())

    assert isinstance(found, Failure)
    assert (found.message, found.refusal, rows) == ("m", True, None)
