"""A response becomes bytes that a client reads back."""

from __future__ import annotations

import http.client
import io
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.serving.http.messages import Response
from ketch.serving.http.writing import CLOSE, encoded

DATE = "date: Mon, 23 Nov 2026 18:42:44 GMT\r\n"
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(
    lambda name: f"x-{name}"
)
VALUES = st.text(
    st.characters(codec="latin-1", exclude_characters="\r\n\0\x85\x0b\x0c\x1c\x1d\x1e")
)


class _Socket:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def read(data: bytes, method: str = "POST") -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(_Socket(data), method=method)  # type: ignore[arg-type] # it only reads
    response.begin()
    return response


@given(
    st.sampled_from([one.value for one in HTTPStatus if one >= 200]),
    st.binary(max_size=200) | st.just(b"a" * 70_000),
    st.dictionaries(NAMES, VALUES.map(str.strip), max_size=5),
)
def test_a_response_is_read_back_as_it_was_written(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    given_ = Response(status, body, "text/plain", tuple(headers.items()))
    pieces = encoded(given_, DATE, CLOSE, is_bare=False)
    response = read(b"".join(pieces))
    assert response.status == status
    assert response.read() == (b"" if status in {204, 304} else body)
    assert {name: response.headers[name] for name in headers} == headers
    assert len(pieces) == (2 if len(body) > 65_536 and status not in {204, 304} else 1)


@pytest.mark.parametrize("name", ["a", "a\r\nb", "a\n", "a\rb"])
@pytest.mark.parametrize("value", ["b\r\nc: d", "b\n", "\r", "b\0"])
def test_a_header_with_the_end_of_a_line_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="the end of a line"):
        encoded(Response(headers=((name, value),)), DATE, "", is_bare=False)


def test_a_header_that_http_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="latin-1"):
        encoded(Response(headers=(("a", "€"),)), DATE, "", is_bare=False)
