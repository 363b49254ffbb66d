"""Frames: what is asked is one document, and what is answered is one frame."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.errors import Unavailable
from ketch.serving.workers.frames import Frames, encoded, question

ROWS = st.lists(st.dictionaries(st.text(), st.text() | st.integers(-5, 5) | st.none()), min_size=1)


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_lists_are_joined_row_by_row(lists: list[list[dict[str, object]]]) -> None:
    frame = b"".join(question([encoded(rows) for rows in lists]))
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    expected = [row for rows in lists for row in rows]
    assert json.loads(frame[4:]) == {"op": "predict", "rows": expected, "trace": False}


@given(
    bodies=st.lists(st.binary(max_size=60), min_size=1),
    cuts=st.lists(st.integers(0, 60), max_size=20),
)
def test_frames_arrive_whole_in_whatever_pieces(bodies: list[bytes], cuts: list[int]) -> None:
    frames = Frames()
    for body in bodies:
        sent = len(body).to_bytes(4, "big") + body
        edges = sorted({0, *(min(cut, len(sent)) for cut in cuts), len(sent)})
        parts = [sent[a:b] for a, b in pairwise(edges)]
        found = [frames.add(part) for part in parts]
        assert found[-1] == body
        assert set(found[:-1]) <= {None}


def test_more_than_one_answer_is_refused() -> None:
    with pytest.raises(Unavailable, match="more than one frame"):
        Frames().add(b"\0\0\0\1a\0")


def test_an_announced_size_costs_no_memory_and_has_a_limit() -> None:
    frames = Frames()
    assert frames.add(b"\x0f\xff\xff\xff") is None
    with pytest.raises(Unavailable):
        Frames().add(b"\xff\xff\xff\xff")
