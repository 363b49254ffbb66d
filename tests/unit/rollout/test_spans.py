"""How long something lasts, as text."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.errors import UsageError
from ketch.rollout.spans import LONGEST, read_span, write_span


@given(st.integers(1, LONGEST // timedelta(milliseconds=1)))
def test_a_span_is_read_as_it_was_written(length: int) -> None:
    span = timedelta(milliseconds=length)
    assert read_span(write_span(span)) == span


@pytest.mark.parametrize(
    "text",
    ["", "7", "d", "0s", "-1d", "1.5h", " 7d", "7 d", "7D", "1w", "3661d", "٣d", "9" * 12 + "ms"],
)
def test_what_is_no_span_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="expected a span such as `30s`") as problem:
        read_span(text)
    assert problem.value.code == "usage/span"
