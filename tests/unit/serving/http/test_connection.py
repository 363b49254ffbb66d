"""One connection: requests in, answers out, whatever the client does."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import time

import pytest
from tests.unit.serving.http.wire import Client, echo, get, limits, post, serving, until

from ketch.errors import Refused
from ketch.serving.http.connection import Connection
from ketch.serving.http.messages import Request, Response
from ketch.serving.http.reading import Reader


def test_a_connection_answers_one_request_after_the_other() -> None:
    with serving(echo) as running:
        client = running.connect()
        assert [client.ask(post(b"%d" % at)).body for at in range(20)] == [
            b"%d" % at for at in range(20)
        ]


def test_what_was_asked_reaches_the_application_as_it_was_sent() -> None:
    seen: list[Request] = []

    def app(request: Request) -> Response:
        seen.append(request)
        return Response(204, media_type=None)

    with serving(app) as running:
        began = time.monotonic()
        sent = post(
            b"[1]", "X-Wish: a b", "Content-Type: Text/JSON; charset=utf-8", path="/a%2Fb?c=%20"
        )
        answer = running.connect().ask(sent)
    (request,) = seen
    assert (answer.status, answer.body, "content-length" in answer.headers) == (204, b"", False)
    assert (request.method, request.path, request.query) == ("POST", "/a/b", "c=%20")
    assert (request.body, request.media_type, request.secure) == (b"[1]", "text/json", False)
    assert request.headers["x-wish"] == "a b"
    assert began <= request.arrived <= time.monotonic()


def test_requests_sent_at_once_are_answered_in_order_also_when_the_first_takes_longest() -> None:
    async def app(request: Request) -> Response:
        await asyncio.sleep(0.2 / (int(request.body) + 1))
        return Response(body=request.body)

    with serving(app) as running:
        client = running.connect()
        client.send(b"".join(post(b"%d" % at) for at in range(10)))
        assert [client.answer().body for _ in range(10)] == [b"%d" % at for at in range(10)]


@pytest.mark.parametrize("is_async", [False, True])
def test_two_thousand_requests_in_one_write_are_answered_without_being_kept_in_memory(
    *, is_async: bool
) -> None:
    most = 0

    def app(request: Request) -> Response:
        nonlocal most
        waiting = [len(one._reader.turns) for one in running.server.connections]
        most = max(most, *waiting)
        return Response(body=request.body)

    async def later(request: Request) -> Response:
        await asyncio.sleep(0)
        return app(request)

    with serving(later if is_async else app) as running:
        client = running.connect()
        client.send(b"".join(post(b"%d" % at) for at in range(2_000)))
        assert [client.answer().body for _ in range(2_000)] == [b"%d" % at for at in range(2_000)]
    assert most < 100


def test_the_answer_to_head_is_that_to_get_without_the_body() -> None:
    with serving(lambda request: Response(body=request.method.encode())) as running:
        client = running.connect()
        whole = client.ask(get())
        bare = client.ask(get(method="HEAD"), bare=True)
        assert (whole.body, bare.body) == (b"GET", b"")
        assert bare.headers == whole.headers
        assert client.ask(get()).body == b"GET"


def test_a_body_in_chunks_arrives_whole_and_its_trailers_do_not() -> None:
    seen: dict[str, str] = {}

    def app(request: Request) -> Response:
        seen.update(request.headers)
        return echo(request)

    chunks = b"3\r\nabc\r\n2;why=not\r\nde\r\n0\r\nKetch-Arm: prod\r\n\r\n"
    with serving(app) as running:
        client = running.connect()
        sent = get("/", "Transfer-Encoding: chunked", method="POST") + chunks
        assert client.ask(sent).body == b"abcde"
        assert client.ask(sent).body == b"abcde"
    assert "ketch-arm" not in seen


def test_a_body_of_one_byte_a_chunk_takes_no_more_memory_than_the_body() -> None:
    count = 200_000
    with serving(echo) as running:
        client = running.connect()
        client.send(get("/", "Transfer-Encoding: chunked", method="POST"))
        client.send(b"1\r\na\r\n" * count + b"0\r\n\r\n")
        assert client.answer().body == b"a" * count


def test_a_client_that_asks_whether_it_may_send_its_body_may() -> None:
    with serving(echo) as running:
        client = running.connect()
        client.send(get("/", "Content-Length: 3", "Expect: 100-continue", method="POST"))
        assert client.answer().status == 100
        assert client.ask(b"abc").body == b"abc"


def test_a_client_may_send_its_body_only_after_the_answers_before_it() -> None:
    async def slow(request: Request) -> Response:
        await asyncio.sleep(0.1)
        return echo(request)

    with serving(slow) as running:
        client = running.connect()
        asks = get("/", "Content-Length: 3", "Expect: 100-continue", method="POST")
        client.send(post(b"first") + asks)
        assert [client.answer().body, client.answer().status] == [b"first", 100]
        assert client.ask(b"abc").body == b"abc"


def test_a_client_that_asks_with_too_long_a_body_is_told_so_instead() -> None:
    with serving(echo, limits=limits(body_bytes=10)) as running:
        client = running.connect()
        client.send(get("/", "Content-Length: 11", "Expect: 100-continue", method="POST"))
        assert client.answer().status == 413
        assert client.is_closed()


@pytest.mark.parametrize("length", ["Content-Length: 30000000", "Transfer-Encoding: chunked"])
def test_too_long_a_body_is_refused_and_the_client_reads_why_while_it_sends(length: str) -> None:
    with serving(echo, limits=limits(body_bytes=1_000_000)) as running:
        client = running.connect()
        client.send(get("/", length, method="POST"))
        piece = b"a" * 100_000
        for _ in range(300):
            try:
                client.send(piece if "Content" in length else b"186a0\r\n" + piece + b"\r\n")
            except OSError:
                break
        answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert b"request/too-large" in answer.body


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    with serving(echo, limits=limits(body_bytes=100_000)) as running:
        body = b"a" * 100_000
        assert running.connect().ask(post(body)).body == body


def test_large_bodies_wait_for_others_and_small_ones_do_not() -> None:
    few = limits(bodies_bytes=300_000, small_bytes=1_000)
    with serving(echo, limits=few) as running:
        first, second, third = running.connect(), running.connect(), running.connect()
        first.send(post(b"a" * 250_000)[:-1])
        until(lambda: running.server.room.taken > 200_000)
        refused = second.ask(post(b"b" * 100_000))
        assert (refused.status, "Retry-After" in refused.headers) == (503, True)
        assert third.ask(post(b"c" * 1_000)).status == 200
        assert first.ask(b"a").status == 200
        assert third.ask(post(b"c" * 100_000)).status == 200


def test_an_answer_that_is_called_off_ends_the_connection_and_gives_its_room_back() -> None:
    """`serving` looks at its end whether any room is still taken."""

    async def called_off(request: Request) -> Response:
        assert request.body
        raise asyncio.CancelledError

    with serving(called_off) as running:
        client = running.connect()
        client.send(post(b"a" * 100_000))
        assert client.socket.recv(1) == b""


def test_a_compressed_body_is_refused_before_it_is_read() -> None:
    with serving(echo) as running:
        client = running.connect()
        sent = get("/", "Content-Encoding: gzip", "Content-Length: 99", method="POST")
        assert client.ask(sent).status == 415


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: v\r\n" % at for at in range(5_000)),
        b"GET / HTTP/1.1\r\nlong: " + b"a" * 40_000,
        b"GET / HTTP/1.1\r\n" + b"n" * 40_000,
    ],
)
def test_a_head_that_does_not_end_is_refused(head: bytes) -> None:
    with serving(echo) as running:
        client = running.connect()
        answer = client.ask(head + b"more" * 20_000)
        assert (answer.status, answer.headers["connection"]) == (431, "close")


def test_a_head_that_comes_too_slowly_is_told_so() -> None:
    with serving(echo, limits=limits(head_s=0.3)) as running:
        client = running.connect()
        began = time.monotonic()
        client.send(b"GET / HTTP/1.1\r\n")
        for at in range(20):
            time.sleep(0.05)
            client.send(b"h%d: v\r\n" % at)
            if time.monotonic() - began > 0.25:
                break
        answer = client.answer()
        assert answer.status == 408
        assert time.monotonic() - began < 5.0
        assert client.is_closed()


def test_a_body_that_stands_still_is_told_so_and_one_that_comes_slowly_is_taken() -> None:
    hasty = limits(head_s=0.1, body_s=0.4, slowest=4_000)
    with serving(echo, limits=hasty) as running:
        still, slow = running.connect(), running.connect()
        still.send(post(b"a" * 2_000)[:-1])
        slow.send(get("/", "Content-Length: 40000", method="POST"))
        for _ in range(20):  # 2 s in all, at five times the slowest
            time.sleep(0.1)
            slow.send(b"b" * 2_000)
        assert slow.answer().body == b"b" * 40_000
        assert still.answer().status == 408


def test_a_connection_without_a_request_is_closed_without_a_word() -> None:
    with serving(echo, limits=limits(idle_s=0.2)) as running:
        fresh, used = running.connect(), running.connect()
        assert used.ask(get()).status == 200
        fresh.send(b"\r\n")
        assert fresh.is_closed()
        assert used.is_closed()


def test_a_request_that_takes_its_time_is_not_closed_for_it() -> None:
    async def slow(request: Request) -> Response:
        await asyncio.sleep(1.3)
        return echo(request)

    with serving(slow, limits=limits(idle_s=0.1, head_s=0.1, body_s=0.1)) as running:
        assert running.connect().ask(post(b"x")).body == b"x"


@pytest.mark.parametrize("ends", ["close", "reset"])
def test_a_client_that_leaves_takes_its_request_with_it(ends: str) -> None:
    heard: list[str] = []

    async def app(_: Request) -> Response:
        heard.append("asked")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise
        return Response()

    with serving(app) as running:
        client = running.connect()
        client.send(post(b"x"))
        until(lambda: heard == ["asked"])
        if ends == "reset":
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.socket.close()
        until(lambda: heard == ["asked", "cancelled"])


def test_a_client_that_does_not_take_its_answer_is_left() -> None:
    large = b"a" * 30_000_000
    hasty = limits(answer_s=0.5, slowest=1 << 40)
    with serving(lambda _: Response(body=large), limits=hasty) as running:
        client = running.connect()
        client.send(get())
        until(lambda: len(running.server.connections) == 1)
        until(lambda: not running.server.connections)


def test_a_client_that_takes_its_answer_slowly_gets_it_whole() -> None:
    large = b"a" * 12_000_000
    hasty = limits(answer_s=0.5, slowest=2_000_000, idle_s=0.5)
    with serving(lambda _: Response(body=large), limits=hasty) as running:
        client = running.connect()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 200_000)
        client.send(get("/", "Connection: close"))
        count = 0
        while data := client.socket.recv(400_000):
            count += len(data)
            time.sleep(0.01)
        assert count > len(large)


def test_small_answers_that_nobody_takes_fill_no_memory() -> None:
    with serving(lambda _: Response(body=b"a" * 50_000), limits=limits(answer_s=0.5)) as running:
        client = running.connect()
        client.socket.settimeout(0.3)
        asked = get() * 1_000_000
        with pytest.raises(TimeoutError):
            client.send(asked)
        until(lambda: not running.server.connections)


def test_one_connection_too_many_ends_the_one_that_asked_nothing_for_longest() -> None:
    async def app(request: Request) -> Response:
        await asyncio.sleep(float(request.body or 0))
        return echo(request)

    with serving(app, limits=limits(connections=3)) as running:
        busy, slow, idle = running.connect(), running.connect(), running.connect()
        busy.send(post(b"1.0"))
        slow.send(b"GET / HT")
        assert idle.ask(get()).status == 200
        until(lambda: len(running.server.quiet) == 2)
        assert running.connect().ask(get()).status == 200
        assert slow.is_closed()
        assert idle.ask(get()).status == 200
        assert busy.answer().body == b"1.0"


def test_a_connection_is_refused_while_all_others_are_at_work() -> None:
    async def app(request: Request) -> Response:
        await asyncio.sleep(0.3)
        return echo(request)

    with serving(app, limits=limits(connections=2)) as running:
        busy = [running.connect() for _ in range(2)]
        for one in busy:
            one.send(post(b"x"))
        until(lambda: not running.server.quiet)
        assert _is_refused(running.connect())
        assert [one.answer().body for one in busy] == [b"x", b"x"]


def _is_refused(client: Client) -> bool:
    try:
        return client.is_closed()
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    ("connection", "answered"), [("keep-alive", "keep-alive"), ("close", "close")]
)
def test_http_1_0_is_spoken(connection: str, answered: str) -> None:
    with serving(echo) as running:
        client = running.connect()
        sent = get("/", f"Connection: {connection}", version="1.0")
        assert client.ask(sent).headers["connection"] == answered
        if connection == "close":
            assert client.is_closed()
        else:
            assert client.ask(sent).status == 200


def test_http_1_0_may_leave_the_host_out() -> None:
    with serving(echo) as running:
        client = running.connect()
        assert client.ask(b"OPTIONS / HTTP/1.0\r\n\r\n").status == 200
        assert client.is_closed()


def test_connection_close_ends_it_and_what_follows_is_not_read() -> None:
    seen: list[str] = []

    def app(request: Request) -> Response:
        seen.append(request.path)
        return echo(request)

    with serving(app) as running:
        client = running.connect()
        answer = client.ask(get("/a", "Connection: close") + get("/b"))
        assert answer.headers["connection"] == "close"
        assert client.is_closed()
    assert seen == ["/a"]


@pytest.mark.parametrize("framing", ["length", "chunks", "none"])
def test_an_offer_of_another_protocol_is_passed_over(framing: str) -> None:
    """Java's client offers HTTP/2 so with the first request of each connection."""
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAA")
    sent = {
        "length": post(b"abc", *offer),
        "chunks": get("/", "Transfer-Encoding: chunked", *offer, method="POST")
        + b"3\r\nabc\r\n0\r\n\r\n",
        "none": get("/", *offer),
    }[framing]
    with serving(echo) as running:
        client = running.connect()
        answers = [client.ask(sent + sent), client.answer(), client.ask(post(b"next"))]
    assert [one.status for one in answers] == [200, 200, 200]
    expected = b"" if framing == "none" else b"abc"
    assert [one.body for one in answers] == [expected, expected, b"next"]


def test_a_fault_is_told_in_the_log_and_not_to_the_client(caplog: pytest.LogCaptureFixture) -> None:
    async def app(request: Request) -> Response:
        await asyncio.sleep(0)
        raise RuntimeError(f"secret of {request.path}")

    with serving(app) as running, caplog.at_level(logging.ERROR, "ketch.serving"):
        client = running.connect()
        answer = client.ask(get("/a"))
        assert client.ask(get("/b")).status == 500
    assert answer.status == 500
    assert b"serve/fault" in answer.body
    assert b"secret" not in answer.body
    assert "secret of /a" in caplog.text


def test_an_error_that_is_raised_on_purpose_is_answered_as_it_says() -> None:
    def app(_: Request) -> Response:
        raise Refused("expected another page", code="request/origin")

    with serving(app) as running:
        client = running.connect()
        assert client.ask(get()).status == 403
        assert client.ask(get()).status == 403


def test_a_header_cannot_become_two(caplog: pytest.LogCaptureFixture) -> None:
    with serving(lambda r: Response(headers=(("X-Said", r.path),))) as running:
        answer = running.connect().ask(get("/a%0d%0aSet-Cookie:%20b"))
    assert answer.status == 500
    assert "Set-Cookie" not in answer.headers
    assert "the end of a line" in caplog.text


def test_half_a_connection_is_taken_as_one_that_left() -> None:
    with serving(echo) as running:
        client = running.connect()
        client.send(get())
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().status == 200
        assert client.is_closed()


def test_a_connection_that_ended_leaves_nothing_to_the_garbage_collector() -> None:
    def left() -> int:
        kinds = (Connection, Reader, Request)
        return sum(type(one) in kinds for one in gc.get_objects())

    async def later(request: Request) -> Response:
        await asyncio.sleep(0)
        return echo(request)

    with serving(later) as running:
        assert running.connect().ask(get()).status == 200
        gc.collect()
        gc.disable()
        try:
            before = left()
            for _ in range(20):
                client = running.connect()
                assert client.ask(post(b"x")).status == 200
                assert client.ask(b"bad\r\n\r\n").status == 400
                client.socket.close()
            until(lambda: len(running.server.connections) == 1)
            until(lambda: left() <= before)
        finally:
            gc.enable()


def test_a_body_is_not_kept_once_it_is_answered() -> None:
    with serving(lambda _: Response()) as running:
        client = running.connect()
        for _ in range(2):
            assert client.ask(post(b"x" * 100_000)).status == 200
        (one,) = running.server.connections
        assert one._turn is None
        assert one._reader._request is None


def test_a_request_that_waited_for_others_is_not_late_for_it() -> None:
    async def slow(request: Request) -> Response:
        await asyncio.sleep(0.7 if request.body == b"first" else 0)
        return echo(request)

    with serving(slow, limits=limits(head_s=0.2, body_s=0.2)) as running:
        client = running.connect()
        client.send(post(b"first") + post(b"a" * 3_000_000))
        assert client.answer().body == b"first"
        assert len(client.answer().body) == 3_000_000


def test_an_application_that_answers_with_nonsense_is_at_fault() -> None:
    async def nothing(_: Request) -> None: ...

    for app in (lambda _: None, nothing, lambda _: Response(status=99)):
        with serving(app) as running:  # type: ignore[arg-type] # that is the point
            assert running.connect().ask(get()).status == 500


def test_thousands_of_offers_of_another_protocol_in_one_write_are_passed_over() -> None:
    offer = b"GET / HTTP/1.1\r\nHost:localhost\r\nConnection:upgrade\r\nUpgrade:h\r\n\r\n"
    with serving(echo) as running:
        client = running.connect()
        client.send(offer * 3_000)
        assert {client.answer().status for _ in range(3_000)} == {200}
