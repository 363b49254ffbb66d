"""Headers that name a part: what RFC 9110 and the distribution specification say of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.errors import UsageError
from ketch.hub.oci.ranges import Span, asked, chunk, progress

SIZES = st.integers(0, 300)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, Span(0, 9)),
        ("bytes=0-", Span(0, 9)),
        ("bytes=3-5", Span(3, 5)),
        ("bytes=3-99", Span(3, 9)),
        ("bytes=-4", Span(6, 9)),
        ("bytes=-99", Span(0, 9)),
        ("bytes=9-9", Span(9, 9)),
        ("bytes= 1-2 ", Span(1, 2)),
        ("Bytes=1-2", Span(0, 9)),
        ("bytes=1-2,3-4", Span(0, 9)),
        ("bytes=5-1", Span(0, 9)),
    ],
)
def test_asked_of_ten_bytes(header: str | None, span: Span) -> None:
    assert asked(header, 10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_asked_for_what_is_not_there(header: str) -> None:
    with pytest.raises(UsageError, match="10 bytes") as caught:
        asked(header, 10)
    assert caught.value.code == "oci/range"


@given(st.text("bytes=-,0123456789 ", max_size=24), SIZES)
def test_whatever_is_asked_lies_within_the_blob(header: str, size: int) -> None:
    try:
        span = asked(header, size)
    except UsageError:
        return
    assert 0 <= span.first <= span.last + 1 <= size


@given(SIZES, SIZES, SIZES)
def test_a_range_is_the_slice_of_the_same_numbers(first: int, last: int, size: int) -> None:
    content = bytes(at % 251 for at in range(size))
    wanted = content[first : last + 1]
    if last < first:
        assert asked(f"bytes={first}-{last}", size) == Span(0, size - 1)
    elif not wanted:
        with pytest.raises(UsageError):
            asked(f"bytes={first}-{last}", size)
    else:
        span = asked(f"bytes={first}-{last}", size)
        assert content[span.first : span.last + 1] == wanted


@pytest.mark.parametrize(
    "header",
    ["1-5", "6-9", "5-4", "5", "5-", "-5", "bytes 5-9/10", "5-9/10", "5-9 ", "\u0665-\u0669"],
)
def test_a_chunk_that_does_not_go_on(header: str) -> None:
    with pytest.raises(UsageError, match="from byte 5 on") as caught:
        chunk(header, offset=5)
    assert caught.value.code == "oci/chunk"


def test_a_chunk_that_goes_on() -> None:
    assert chunk("5-9", offset=5) == Span(5, 9)
    assert chunk(None, offset=5) is None


@pytest.mark.parametrize(("offset", "said"), [(0, "0-0"), (1, "0-0"), (2, "0-1"), (10, "0-9")])
def test_progress_names_the_last_byte(offset: int, said: str) -> None:
    assert progress(offset) == said
