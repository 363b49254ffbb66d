"""Bytes of a stranger: one way to read them, or an error."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.serving.http.wire import get, post

from ketch.errors import Refused
from ketch.serving.http.limits import Limits
from ketch.serving.http.messages import Request
from ketch.serving.http.reading import Reader
from ketch.serving.http.turn import Reading, Room

LIMITS = Limits(head_bytes=600, body_bytes=400, bodies_bytes=500, small_bytes=100)

FRAGMENTS = st.sampled_from(
    [
        *(b"GET ", b"POST ", b"HEAD ", b"CONNECT ", b"PRI ", b"OPTIONS ", b"get "),
        *(b"/", b"/a%2f%00", b"/%ff", b"*", b"http://h/p?q", b"//", b"/a#b", b"\xc3\xa9", b"?q=1"),
        *(b" HTTP/1.1", b" HTTP/1.0", b" HTTP/2.0", b" HTTP/0.9", b"\r\n", b"\n", b"\r", b"\0"),
        *(b"Host: localhost\r\n", b"Host: b\r\n", b"Connection: close\r\n", b" folded\r\n"),
        *(b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Content-Length: 999\r\n"),
        *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n"),
        *(b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Expect: 100-continue\r\n"),
        *(b"3\r\nabc\r\n", b"0\r\n\r\n", b"5;e=1\r\n", b"fffffffffffffffff\r\n", b"abc", b": "),
        *(b"x: " + b"a" * 300 + b"\r\n", b"b" * 450, b"Content-Encoding: br\r\n"),
        *(
            get(),
            post(b"abc"),
            post(b"abc" * 50),
            get("/", "Connection: keep-alive", version="1.0"),
        ),
        get("/a?b", "Transfer-Encoding: chunked", method="PUT") + b"3\r\nabc\r\n0\r\nt: v\r\n\r\n",
        post(b"abc", "Connection: Upgrade", "Upgrade: h2c"),
    ]
)
STREAMS = st.lists(FRAGMENTS | st.binary(max_size=8), max_size=14).map(b"".join)


def admit(request: Request) -> None:
    if request.path == "/denied":
        raise Refused("no", code="request/denied")


def read(*pieces: bytes, limits: Limits = LIMITS) -> tuple[Reader, list[tuple[object, ...]]]:
    room = Room(limits.bodies_bytes)
    reader = Reader(limits, admit, room)
    for piece in pieces:
        reader.feed(piece)
    told: list[tuple[object, ...]] = []
    for turn in reader.turns:
        one = turn.request
        error = turn.error.code if turn.error else None
        told.append(
            (
                *(one.method, one.path, one.query, dict(one.headers), one.body, error),
                *(turn.is_last, turn.is_bare, turn.is_old),
            )
        )
    waiting = sum(len(turn.request.body) for turn in reader.turns)
    assert room.taken == waiting + reader.received
    return reader, told


@settings(max_examples=1_500, deadline=None)
@given(st.data())
def test_any_bytes_in_any_pieces_are_read_as_in_one(data: st.DataObject) -> None:
    stream = data.draw(STREAMS)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    bounds = zip([0, *cuts], [*cuts, len(stream)], strict=True)
    whole, told = read(stream)
    cut, told_cut = read(*(stream[start:end] for start, end in bounds))
    bytewise, told_bytewise = read(*(bytes([one]) for one in stream))
    assert told == told_cut == told_bytewise
    assert whole.state is cut.state is bytewise.state
    assert whole.received == cut.received == bytewise.received


@given(STREAMS)
def test_after_an_error_or_a_last_request_nothing_is_read(stream: bytes) -> None:
    reader, told = read(stream)
    ends = [at for at, one in enumerate(told) if one[5] is not None or one[6]]
    assert ends in ([], [len(told) - 1])
    assert (reader.state is Reading.OVER) == (ends != [])


@given(bodies=st.lists(st.binary(max_size=60), max_size=6), chunked=st.booleans())
def test_requests_are_read_back_as_they_were_written(bodies: list[bytes], *, chunked: bool) -> None:
    def chunks(body: bytes) -> bytes:
        whole = b"".join(b"1;x\r\n%c\r\n" % one for one in body)
        return get("/shop", "Transfer-Encoding: chunked", method="POST") + whole + b"0\r\n\r\n"

    room = Limits(bodies_bytes=10_000)
    _, told = read(b"".join(chunks(one) if chunked else post(one) for one in bodies), limits=room)
    assert [one[4] for one in told] == bodies
    assert {one[5] for one in told} <= {None}


def lines(*more: str, first: str = "POST /shop HTTP/1.1", end: str = "\r\n") -> bytes:
    return end.join([first, "Host: localhost", *more, "", ""]).encode("latin-1")


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
CORPUS = {
    "both lengths": lines("Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "both lengths, the other way": lines("Transfer-Encoding: chunked", "Content-Length: 3"),
    "two lengths": lines("Content-Length: 0", f"Content-Length: {len(SMUGGLED)}"),
    "the same length twice": lines("Content-Length: 0", "Content-Length: 0"),
    "a list of lengths": lines("Content-Length: 0, 5"),
    "a signed length": lines("Content-Length: +0"),
    "a negative length": lines("Content-Length: -1"),
    "a length in hexadecimal": lines("Content-Length: 0x3"),
    "a length with an underscore": lines("Content-Length: 1_0"),
    "a length with a space inside": lines("Content-Length: 1 0"),
    "a length beyond 64 bits": lines("Content-Length: 18446744073709551617"),
    "an empty length": lines("Content-Length:"),
    "chunked twice": lines("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")
    + b"0\r\n\r\n",
    "chunked, chunked": lines("Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "gzip, chunked": lines("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "chunked, gzip": lines("Transfer-Encoding: chunked, gzip") + b"0\r\n\r\n",
    "identity": lines("Transfer-Encoding: identity"),
    "identity, chunked": lines("Transfer-Encoding: identity, chunked") + b"0\r\n\r\n",
    "xchunked": lines("Transfer-Encoding: xchunked"),
    "chunked with a parameter": lines("Transfer-Encoding: chunked;a=b") + b"0\r\n\r\n",
    "chunked in quotes": lines('Transfer-Encoding: "chunked"'),
    "chunked after a vertical tab": lines("Transfer-Encoding: \x0bchunked"),
    "a name with a space behind": lines("Transfer-Encoding : chunked") + b"0\r\n\r\n",
    "a name with a space before": lines("X: y", " Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "a folded header": lines("X: y", "\tz"),
    "a folded length": lines("Content-Length:", " 3"),
    "a name that is none": lines("Trans\x00fer-Encoding: chunked"),
    "no name": lines(": v"),
    "no colon": lines("Transfer-Encoding"),
    "a bare carriage return": lines("X: y\rTransfer-Encoding: chunked"),
    "bare line feeds": lines("Content-Length: 0", end="\n"),
    "a null in a value": lines("X: a\0b"),
    "chunked in HTTP/1.0": lines("Transfer-Encoding: chunked", first="POST / HTTP/1.0")
    + b"0\r\n\r\n",
    "two hosts": lines("Host: evil.example"),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two types": lines("Content-Type: text/csv", "Content-Type: application/json"),
    "two authorizations": lines("Authorization: Bearer a", "Authorization: Bearer b"),
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": lines(first="GET / HTTP/1.2"),
    "HTTP/2 spelled as 1": lines(first="GET / HTTP/2.0"),
    "http in lower case": lines(first="GET / http/1.1"),
    "a method that is none": lines(first="GE T / HTTP/1.1"),
    "a method nobody knows": lines(first="SMUGGLE / HTTP/1.1"),
    "a space in the path": lines(first="GET /a b HTTP/1.1"),
    "a tunnel": lines(first="CONNECT localhost:80 HTTP/1.1"),
    "no path": lines(first="OPTIONS * HTTP/1.1"),
    "an address of another kind": lines(first="GET ftp://h/p HTTP/1.1"),
    "an address with a user": lines(first="GET http://a@localhost/p HTTP/1.1"),
    "a path that is no text": lines(first="GET /%ff HTTP/1.1"),
    "a path with a null": lines(first="GET /a%00b HTTP/1.1"),
    "a path with a fragment": lines(first="GET /a#b HTTP/1.1"),
    "bytes of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "a chunk of negative size": lines("Transfer-Encoding: chunked") + b"-1\r\n\r\n",
    "a chunk of no size": lines("Transfer-Encoding: chunked") + b"\r\n\r\n",
    "a chunk beyond 64 bits": lines("Transfer-Encoding: chunked") + b"11111111111111111\r\n",
    "a chunk in hexadecimal": lines("Transfer-Encoding: chunked") + b"0x3\r\nabc\r\n0\r\n\r\n",
    "a chunk that is longer": lines("Transfer-Encoding: chunked") + b"3\r\nabcd\r\n0\r\n\r\n",
    "a chunk with a bare line feed": lines("Transfer-Encoding: chunked") + b"3\nabc\r\n0\r\n\r\n",
    "a chunk with a space": lines("Transfer-Encoding: chunked") + b"3 \r\nabc\r\n0\r\n\r\n",
    "an extension with a line feed": lines("Transfer-Encoding: chunked")
    + b"3;\n0\r\nabc\r\n0\r\n\r\n",
    "chunks that end in line feeds": lines("Transfer-Encoding: chunked") + b"3\r\nabc\n0\r\n\r\n",
    "a trailer that folds": lines("Transfer-Encoding: chunked") + b"0\r\nX: y\r\n z\r\n\r\n",
    "a tunnel with a body": lines("Content-Length: 3", first="CONNECT a:1 HTTP/1.1") + b"abc",
}


@pytest.mark.parametrize("name", CORPUS)
def test_what_could_be_read_in_two_ways_is_refused_and_ends_the_connection(name: str) -> None:
    _, told = read(CORPUS[name] + SMUGGLED)
    assert [one[5] for one in told] == ["request/framing"]
    assert "/smuggled" not in {one[1] for one in told}


def test_a_length_with_white_space_around_it_is_one_length() -> None:
    _, told = read(lines("Content-Length: \t3 ") + b"abc" + SMUGGLED)
    assert [(one[1], one[4]) for one in told] == [("/shop", b"abc"), ("/smuggled", b"")]


def test_an_offer_of_another_protocol_hides_no_second_request() -> None:
    offer = ("Connection: upgrade", "Upgrade: websocket")
    _, told = read(lines(f"Content-Length: {len(SMUGGLED)}", *offer) + SMUGGLED)
    assert [(one[1], one[4]) for one in told] == [("/shop", SMUGGLED)]
    _, told = read(lines("Content-Length: 3", "Transfer-Encoding: chunked", *offer) + SMUGGLED)
    assert [one[5] for one in told] == ["request/framing"]


def test_an_address_with_a_host_sets_the_host() -> None:
    _, told = read(lines(first="GET http://other.example:8/a%20b?c=d HTTP/1.1"))
    (one,) = told
    assert one[:3] == ("GET", "/a b", "c=d")
    assert one[3] == {"host": "other.example:8"}


def test_who_is_not_let_in_is_told_before_the_body_comes() -> None:
    _, told = read(lines("Content-Length: 300", first="POST /denied HTTP/1.1"))
    assert [(one[1], one[5], one[6]) for one in told] == [("/denied", "request/denied", True)]


def test_a_fault_in_what_looks_at_a_head_is_not_taken_for_bad_bytes() -> None:
    def broken(_: Request) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Reader(LIMITS, broken, Room(1)).feed(get())
