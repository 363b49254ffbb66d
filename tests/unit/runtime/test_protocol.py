"""Nothing a worker sends is believed before it has been read strictly."""

import socket
import struct
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.errors import Unavailable
from ketch.runtime.protocol import (
    Answer,
    Channel,
    Closed,
    DeadlineExceeded,
    Done,
    Failure,
    StepTime,
    decode_reply,
    encode_frame,
)

FAILED = (
    b'{"ok":false,"error":{"type":"ValueError","message":"no","traceback":"",'
    b'"step":"pipeline:run","refusal":true}}'
)


def test_a_frame_is_its_length_and_json() -> None:
    frame = encode_frame({"op": "predict", "rows": [{"x": 1.0}]})
    assert frame == struct.pack(">I", len(frame) - 4) + b'{"op":"predict","rows":[{"x":1.0}]}'


def test_an_answer_is_read_with_its_types() -> None:
    body = b'{"ok":true,"rss_bytes":5,"rows":[{"x":1}],"steps":[{"step":"a","ms":1}],"trace":[]}'
    assert decode_reply(body, Answer) == Answer([{"x": 1}], (StepTime("a", 1.0),), (), 5)


def test_a_failure_is_never_taken_for_success() -> None:
    for reply in (decode_reply(FAILED, Answer), decode_reply(FAILED, Done)):
        assert isinstance(reply, Failure)
        assert (reply.type, reply.step) == ("ValueError", "pipeline:run")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_reply_or_unavailable(body: bytes) -> None:
    with suppress(Unavailable):  # any other exception is a failure of this test
        assert isinstance(decode_reply(body, Answer), Answer | Failure)


def exchange(channel: Channel, frame: bytes, *, deadline_s: float) -> bytearray:
    until = time.monotonic() + deadline_s
    channel.send(frame, until=until)
    return channel.receive(until=until)


def test_a_reply_may_arrive_in_pieces() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, None)

    def answer() -> None:
        with theirs:
            theirs.recv(100)
            for byte in struct.pack(">I", 4) + b"null":
                theirs.send(bytes([byte]))

    thread = threading.Thread(target=answer)
    thread.start()
    assert exchange(channel, encode_frame({}), deadline_s=5) == b"null"
    thread.join()
    channel.close()


def test_silence_ends_at_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, None)
    with theirs, pytest.raises(DeadlineExceeded):
        exchange(channel, encode_frame({}), deadline_s=0.05)
    channel.close()


def test_a_reader_that_does_not_read_ends_at_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, None)
    with theirs, pytest.raises(DeadlineExceeded):
        exchange(channel, bytes(8 * 2**20), deadline_s=0.05)
    channel.close()


def test_a_closed_end_is_told_apart_from_silence() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, None)
    theirs.close()
    with pytest.raises(Closed):
        exchange(channel, encode_frame({}), deadline_s=5)
    channel.close()


def test_an_announced_size_beyond_the_limit_is_refused_before_it_is_read() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, None)
    with theirs:
        theirs.send(struct.pack(">I", 2**28 + 1))
        with pytest.raises(Unavailable) as caught:
            exchange(channel, encode_frame({}), deadline_s=5)
    assert caught.value.code == "worker/protocol"
    channel.close()
