"""Bytes of a stranger become requests, or one error and the end.

A :class:`Reader` knows nothing of sockets: it is fed, and puts what was asked into a queue,
in order. It lets nothing pass that two programs might read in two
ways, because the next one may be a proxy in front of us: one length of a body, one ``Host``,
``chunked`` and nothing else, HTTP/1.0 or 1.1 (RFC 9112 §6.3, §11.2). Nothing is read after an
error.
"""

from __future__ import annotations

from collections import deque
from time import monotonic

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from ketch.errors import KetchError, UsageError
from ketch.serving.http.limits import Limits
from ketch.serving.http.messages import Request
from ketch.serving.http.refusals import crowded, framing, long_head, too_large
from ketch.serving.http.target import split_target
from ketch.serving.http.turn import Admit, Reading, Room, Turn

_ONCE = frozenset(
    {"host", "authorization", "content-length", "content-type", "transfer-encoding", "origin"}
)
_USUAL = (
    *("Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control"),
    *("Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Expect"),
    *("Forwarded", "Host", "Ketch-Arm", "Ketch-Unit", "Origin", "Pragma", "Referer"),
    *("Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Traceparent", "Tracestate"),
    *("Transfer-Encoding", "Upgrade", "User-Agent", "X-Forwarded-For", "X-Forwarded-Proto"),
    *("X-Real-Ip", "X-Request-Id"),
)
_NAMES = {form.encode(): name.lower() for name in _USUAL for form in (name, name.lower())}
_MOST_DIGITS = 20
_SPENT = HttpRequestParser(object())
"""Takes the place of a parser that is done: the parser and its reader hold each other."""


class Reader:
    """Reads the requests of one connection.

    Args:
        limits: How much it takes.
        admit: Looks at each head before the body is read.
        room: What all bodies share; whoever takes a turn gives back the length of its body.

    Attributes:
        turns: What was asked and waits for its answer; who answers takes from the left.
        state: How far the next request has come.
        began: When its first byte came.
        received: How much of its body has come.
        expects: How much of its body is still to come, where that is known.
        wants_leave: Whether the client waits for `100 Continue` before it sends its body.
    """

    __slots__ = (
        *("_admit", "_bare", "_body", "_head_bytes", "_headers", "_limits", "_old", "_parser"),
        *("_raw_bytes", "_request", "_room", "_secure", "_upgrading", "_url", "began", "expects"),
        *("received", "state", "turns", "wants_leave"),
    )

    def __init__(
        self, limits: Limits, admit: Admit, room: Room, *, is_secure: bool = False
    ) -> None:
        self._limits = limits
        self._admit = admit
        self._room = room
        self._secure = is_secure
        self._parser = HttpRequestParser(self)
        self._headers: dict[str, str] = {}
        self._request: Request | None = None
        self._url = b""
        self._body: bytes | bytearray = b""
        self._head_bytes = self._raw_bytes = 0
        self._bare = self._old = self._upgrading = False
        self.turns: deque[Turn] = deque()
        self.state = Reading.NOTHING
        self.began = 0.0
        self.received = self.expects = 0
        self.wants_leave = False

    def feed(self, data: bytes | memoryview) -> None:
        """Read some bytes."""
        if self.state is Reading.OVER:
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(memoryview(data)[upgrade.args[0] :])
        except HttpParserError as error:
            self._stumbled(error)
        else:
            if self.state is Reading.HEAD:
                self._count_raw(len(data))

    def refuse(self, error: KetchError) -> None:
        """Answer what is being read with an error; it is the last answer."""
        self.stop()
        request = self._request or Request("", "", headers=self._headers, arrived=self.began)
        self.turns.append(Turn(request, error, is_last=True, is_bare=self._bare))

    def stop(self) -> None:
        """Read no more."""
        self.state = Reading.OVER
        self._parser = _SPENT
        self._room.taken -= self.received
        self.received = self.expects = 0
        self._body = b""

    def is_late(self, now: float) -> bool:
        """Whether the request that is being read comes too slowly."""
        limits = self._limits
        if self.state is Reading.HEAD:
            return now > self.began + limits.head_s
        allowed_s = limits.head_s + limits.body_s + self.received / limits.slowest
        return self.state is Reading.BODY and now > self.began + allowed_s

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin with a request."""
        self.state = Reading.HEAD
        self.began = monotonic()
        self._url = b""
        self._headers = {}
        self._request = None
        self._bare = False
        self._head_bytes = self._raw_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        self._count(len(url))
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or throw one away that follows the body."""
        self._count(len(name) + len(value) + 4)
        if self.state is not Reading.HEAD:
            return
        known = _NAMES.get(name) or name.decode("latin-1").lower()
        if known in self._headers and known in _ONCE:
            self._raise(framing(f"expected one `{known}`, found several"))
        self._headers[known] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Know what is asked, and whether its body is wanted."""
        parser, headers = self._parser, self._headers
        if parser.should_upgrade():
            self._upgrading = True
            return
        method = parser.get_method().decode()
        self._bare = method == "HEAD"
        self._request = request = Request(
            "GET" if self._bare else method, "", "", headers, b"", self.began, self._secure
        )
        version = parser.get_http_version()
        self._old = version == "1.0"
        try:
            request.path, request.query = split_target(self._url, headers)
            _check_version(version, headers)
            self._check_body(headers)
            self._admit(request)
        except KetchError as error:
            self._raise(error)
        self.state = Reading.BODY

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        count = len(data)
        self.received += count
        self._room.taken += count
        if self.expects:
            self.expects -= count
        elif self.received > self._limits.body_bytes:
            self._raise(too_large(self._limits.body_bytes))
        if self.received > self._limits.small_bytes and self._room.taken > self._room.most:
            self._raise(crowded())
        if not self._body:
            self._body = data
        elif type(self._body) is bytearray:
            self._body += data
        else:  # a list of its pieces would cost 40 times the body that comes byte by byte
            self._body = bytearray(self._body) + data

    def on_message_complete(self) -> None:
        """Let the whole request be answered."""
        if self._upgrading:
            return
        body = self._body
        request = self._request
        if request is None:
            raise AssertionError("a request ended before its head did")
        request.body = body if type(body) is bytes else bytes(body)
        is_last = not self._parser.should_keep_alive()
        self.turns.append(Turn(request, None, is_last, self._bare, self._old))
        self._request, self._body = None, b""
        self.received = self.expects = 0
        self.wants_leave = False
        self.state = Reading.OVER if is_last else Reading.NOTHING

    # What a request must be.

    def _check_body(self, headers: dict[str, str]) -> None:
        """Return when there is one way to read where the body ends, and it is not too long."""
        coding = headers.get("content-encoding")
        if coding is not None and coding.lower() != "identity":
            raise UsageError(
                "expected a body as it is, found one that is compressed",
                code="request/encoding",
                hint="send it without `Content-Encoding`",
            )
        length, transfer = headers.get("content-length"), headers.get("transfer-encoding")
        if transfer is not None and (length is not None or transfer.lower() != "chunked"):
            raise framing("expected `Content-Length`, or `Transfer-Encoding: chunked`")
        if length is not None:
            if len(length) > _MOST_DIGITS:  # Python reads no number of thousands of zeros
                raise framing(f"expected at most {_MOST_DIGITS} digits in `Content-Length`")
            self.expects = int(length)  # the parser takes digits alone
            if self.expects > self._limits.body_bytes:
                raise too_large(self._limits.body_bytes)
        if "expect" in headers:
            self.wants_leave = headers["expect"].lower() == "100-continue"

    def _go_on_without_upgrade(self, rest: memoryview) -> None:
        """Read the request as if it had not asked for another protocol, which it may not get.

        The parser stops after such a head and leaves a body unread; some clients offer
        HTTP/2 so with the first request of a connection.
        """
        method = self._parser.get_method()
        if method == b"CONNECT" or b"\n" in self._url:
            self.refuse(framing("expected a request, found one for a tunnel"))
            return
        headers = {name: value for name, value in self._headers.items() if name != "upgrade"}
        head = [f"{name}: {value}\r\n".encode("latin-1") for name, value in headers.items()]
        version = self._parser.get_http_version().encode()
        began, self._upgrading = self.began, False
        self._parser = HttpRequestParser(self)
        self.feed(b"%b %b HTTP/%b\r\n%b\r\n" % (method, self._url, version, b"".join(head)))
        self.began = began
        self.feed(rest)

    def _stumbled(self, error: HttpParserError) -> None:
        """End with the bytes that are no request."""
        if self.state is Reading.OVER:  # ended inside of a callback, or after the last request
            return
        if isinstance(error, HttpParserCallbackError) and error.__context__ is not None:
            raise error.__context__
        self.refuse(framing(f"expected a request of HTTP/1.1, found bytes that are none: {error}"))

    def _raise(self, error: KetchError) -> None:
        self.refuse(error)
        raise error

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes:
            self._raise(long_head(self._limits.head_bytes))

    def _count_raw(self, size: int) -> None:
        """Bound the memory of a header that does not end: the parser tells of whole ones."""
        self._raw_bytes += size
        if self._raw_bytes > 2 * self._limits.head_bytes:
            self.refuse(long_head(self._limits.head_bytes))


def _check_version(version: str, headers: dict[str, str]) -> None:
    if version == "1.1":
        if "host" not in headers:
            raise framing("expected `Host`, found none")
    elif version != "1.0":
        raise framing("expected HTTP/1.1")
    elif "transfer-encoding" in headers:
        raise framing("expected no `Transfer-Encoding` in HTTP/1.0")
