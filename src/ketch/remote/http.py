"""One way to servers: requests that end, credentials that stay at home, errors as they were.

This is the only module that imports httpx.

- **It ends.** Silence, the number of tries and the size of a reply all have a limit.
- **It is tried again where that is harmless**: calls that can be repeated, after a wait that
  grows, or the one the server asks for with ``Retry-After``. A call that may have been heard
  is never repeated unasked.
- **Credentials go to their own server.** A redirect to another one is followed by calls that
  say so, and without them; nothing leads from https to http.
- **An error keeps its identity**: see :mod:`ketch.remote.problem`.

::

    with Session("https://hub.shop.example", auth=Bearer(token)) as hub:
        reply = hub.request("POST", "/api/v1/versions", json={"digest": digest})
        reply.json()
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from ketch.errors import Unavailable, UsageError
from ketch.remote.auth import Auth
from ketch.remote.calls import Body, Call, Passing, Patience, Reply
from ketch.remote.replies import (
    bare,
    error_of,
    is_loopback,
    json_of,
    late,
    malformed,
    misled,
    origin,
    origin_said,
    wait_asked_for,
    with_query,
)

__all__ = ["Body", "Patience", "Reply", "Session", "Stream", "with_query"]

MAX_REPLY_BYTES = 8 * 1024 * 1024
"""The largest reply that :meth:`Session.request` holds in memory, if it is not told otherwise."""

MAX_ERROR_BYTES = 256 * 1024

_HOPS = 5
_CHALLENGES = 2
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_AGAIN_HINT = "run the same again; what has arrived is kept"
_TLS_HINT = "does the server speak `https`? if not, run the same again; what has arrived is kept"

_Answer = TypeVar("_Answer")


class Stream:
    """A reply whose body is read piece by piece; a :class:`~ketch.store.base.Reader`.

    Attributes:
        status: The HTTP status: below 400, or one that the caller allowed.
        headers: By name, in any case of letters.
        url: Where it comes from, after redirects.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.url = str(response.url)
        self._parts = response.iter_raw()
        self._rest = b""

    def read(self, count: int, /) -> bytes:
        """Return at most ``count`` bytes, as they come in; none at the end.

        Raises:
            Unavailable: ``remote/cut-off``, ``remote/timeout``: the rest did not come.
        """
        if not self._rest:
            try:
                with _explained(self.url):
                    self._rest = next(self._parts, b"")
            except Passing as passing:
                raise passing.error from passing.__cause__
        part, self._rest = self._rest[:count], self._rest[count:]
        return part


class Session:
    """Requests to one server. Threads may share it.

    Args:
        base: The server's URL, with a path if it is not at the root.
        auth: Credentials, for this server's origin only.
        ca_file: Certificates to trust instead of the system's, in PEM form.
        patience: How long it waits, and how often it tries.
        sleep: Waits between tries.

    Raises:
        UsageError: ``remote/address``, ``remote/ca-file``.
    """

    def __init__(
        self,
        base: str,
        *,
        auth: Auth | None = None,
        ca_file: Path | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.base = base.rstrip("/")
        self._origin = origin(self.base)
        self._auth = auth
        self._patience = patience or Patience()
        self._sleep = sleep or time.sleep
        self._client = httpx.Client(
            headers={"User-Agent": f"ketch/{version('ketch')}", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(self._patience.silence_s, connect=self._patience.connect_s),
            limits=httpx.Limits(max_connections=None, keepalive_expiry=30.0),
            verify=_trusted(ca_file),
            trust_env=not is_loopback(self._origin[1]),  # a proxy is for what is far away
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def url(self, path: str) -> str:
        """Return the URL of a path below the base; a whole URL stays what it is."""
        return path if "://" in path else f"{self.base}/{path.lstrip('/')}"

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        body: bytes | Body | None = None,
        allow: Collection[int] = (),
        again: bool | None = None,
        elsewhere: bool = False,
        max_bytes: int = MAX_REPLY_BYTES,
    ) -> Reply:
        """Make a call and return its whole answer.

        Args:
            method: Such as ``GET``.
            path: Below the base, or a whole URL that a reply named.
            query: Parameters.
            headers: Beside those that are always sent.
            json: What to send, as JSON; None for nothing.
            body: What to send, as bytes.
            allow: Statuses from 400 on to return instead of raising.
            again: Whether the call may be repeated after it may have been heard; by
                default that is so for methods that change nothing.
            elsewhere: Whether a redirect to another server is followed.
            max_bytes: The largest answer to take.

        Raises:
            KetchError: What the server says, in the class it was raised there.
            Refused: ``remote/denied``: it wants other credentials.
            Unavailable: ``remote/…``: it did not answer, or not as it should.
        """
        said = dict(headers or {})
        if json is not None:
            body, said = msgspec.json.encode(json), {"Content-Type": "application/json", **said}
        call = Call(method, with_query(self.url(path), query), said, body, allow, elsewhere)

        def once() -> Reply:
            response = self._checked(self._open(call), call)
            content = self._content(response, max_bytes)
            return Reply(response.status_code, response.headers, content, str(response.url))

        return self._tried(once, again=method in _REPEATABLE if again is None else again)

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        allow: Collection[int] = (),
        elsewhere: bool = False,
    ) -> Iterator[Stream]:
        """GET something of any size; until it is open, it is tried like any other call.

        Raises:
            KetchError: As :meth:`request` does.
        """
        call = Call("GET", self.url(path), headers or {}, None, allow, elsewhere)
        response = self._tried(lambda: self._checked(self._open(call), call), again=True)
        try:
            yield Stream(response)
        finally:
            response.close()

    def pause(self, tried: int) -> None:
        """Wait before a call is tried again that only the caller can repeat.

        Args:
            tried: How often it failed so far, from 1.
        """
        wait_s = self._patience.wait_s * 2 ** (tried - 1)
        self._sleep(min(wait_s, self._patience.longest_wait_s))

    def led_to(self, reply: Reply, otherwise: str | None = None) -> str:
        """Return the whole URL that a reply's ``Location`` names, relative or absolute.

        A server behind a proxy often takes itself for an http server: its own host is
        asked as it was addressed.

        Raises:
            Unavailable: ``remote/malformed``, ``remote/misled``: there is none, or it leads
                from https to http on another host.
        """
        location = reply.headers.get("location") or otherwise
        if location is None:
            raise malformed("a `Location`, found none", reply.url)
        url = urljoin(reply.url, location)
        scheme, host, _ = origin_said(url, reply.url)
        if self._origin[0] == "https" and scheme == "http":
            if host != self._origin[1]:
                raise misled(reply.url, url)
            here = urlsplit(self.base)
            return urlsplit(url)._replace(scheme="https", netloc=here.netloc).geturl()
        return url

    def next_page(self, reply: Reply) -> str | None:
        """Return where a list goes on: the ``Link`` with ``rel="next"`` (RFC 8288).

        Raises:
            Unavailable: ``remote/misled``: on another server.
        """
        target, _, rest = reply.headers.get("link", "").partition(">")
        if not target.startswith("<") or "next" not in rest:
            return None
        url = urljoin(reply.url, target[1:])
        if origin_said(url, reply.url) != self._origin:
            raise misled(reply.url, url)
        return url

    def _tried(self, once: Callable[[], _Answer], *, again: bool) -> _Answer:
        """Call until it works, and no longer than that makes sense."""
        wait_s = self._patience.wait_s
        for left in reversed(range(self._patience.tries)):
            try:
                return once()
            except Passing as passing:
                if left == 0 or not (again or passing.is_unheard):
                    raise passing.error from passing.__cause__
                asked_s = passing.wait_s
            jittered = wait_s * (1 + random.random() / 4)  # noqa: S311 # many clients, one outage
            self._sleep(min(max(jittered, asked_s or 0.0), self._patience.longest_wait_s))
            wait_s *= 2
        raise AssertionError("no tries")

    def _checked(self, response: httpx.Response, call: Call) -> httpx.Response:
        """Return a response that is no error; raise what any other says."""
        status = response.status_code
        if (status < 400 and status not in _REDIRECTS) or status in call.allow:
            return response
        if status in _REDIRECTS:
            response.close()
            raise misled(call.url, response.headers.get("location", ""))
        error = error_of(
            status, response.headers, self._content(response, MAX_ERROR_BYTES), call.url
        )
        if status in _PASSING:
            raise Passing(error, wait_s=wait_asked_for(response.headers))
        raise error

    def _open(self, call: Call) -> httpx.Response:
        """Send a request, follow where it leads, and answer challenges."""
        url, challenges = call.url, 0
        for _ in range(_HOPS + _CHALLENGES):
            response = self._send(call, url)
            status = response.status_code
            if status == 401 and challenges < _CHALLENGES and self._learns(response, url):
                challenges += 1
            elif status in _REDIRECTS and call.method in {"GET", "HEAD"}:
                url = self._led_to(url, response.headers.get("location", ""), call)
            else:
                return response
            response.close()
        raise Unavailable(
            f"expected an answer after at most {_HOPS} redirects, found another",
            code="remote/misled",
            where=bare(call.url),
        )

    def _send(self, call: Call, url: str) -> httpx.Response:
        headers = dict(call.headers)
        if self._auth is not None and origin(url) == self._origin:
            authorization = self._auth.header()
            headers |= {"Authorization": authorization} if authorization else {}
        content = call.body
        if content is not None and not isinstance(content, bytes):
            headers["Content-Length"] = str(content.length)
            content = iter(content)  # type: ignore[assignment] # httpx takes any iterable
        with _explained(url):
            request = self._client.build_request(call.method, url, headers=headers, content=content)
            return self._client.send(request, stream=True, follow_redirects=False)

    def _led_to(self, url: str, location: str, call: Call) -> str:
        target = urljoin(url, location)
        if not location:
            raise misled(url, location)
        there = origin_said(target, url)
        is_weaker = urlsplit(url).scheme == "https" and there[0] != "https"
        if is_weaker or (there != self._origin and not call.elsewhere):
            raise misled(url, location)
        return target

    def _learns(self, response: httpx.Response, url: str) -> bool:
        if self._auth is None or origin(url) != self._origin:
            return False
        challenges = response.headers.get_list("www-authenticate")
        return self._auth.answer(challenges, self._ask)

    def _ask(
        self, realm: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> Mapping[str, object]:
        """Ask a realm for a token; it may be another server, and then over https alone."""
        url = with_query(realm, query)
        scheme, host, _ = origin(url)
        if scheme != "https" and self._origin[0] == "https" and not is_loopback(host):
            raise misled(self.base, realm)
        call = Call("GET", url, headers)
        with _explained(url):
            request = self._client.build_request("GET", url, headers=dict(headers))
            response = self._client.send(request, stream=True, follow_redirects=False)
        content = self._content(self._checked(response, call), MAX_ERROR_BYTES)
        body = json_of(content, url)
        if not isinstance(body, dict):
            raise malformed("a JSON object with a token, found something else", url)
        return body

    def _content(self, response: httpx.Response, max_bytes: int) -> bytes:
        """Read a body to its end, which has to come in time and in size."""
        url, until = str(response.url), time.monotonic() + self._patience.reply_s
        parts, size = [], 0
        try:
            with _explained(url):
                for part in response.iter_raw():
                    parts.append(part)
                    size += len(part)
                    if size > max_bytes:
                        raise malformed(f"at most {max_bytes} bytes, found more", url)
                    if time.monotonic() > until:
                        raise late(url)
        finally:
            response.close()
        if response.headers.get("content-encoding", "identity") != "identity":
            raise malformed("an answer without `Content-Encoding`, found one with it", url)
        return b"".join(parts)


def _trusted(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"expected certificates in PEM form, found: {error}",
            code="remote/ca-file",
            where=str(ca_file),
        ) from error


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Translate what httpx raises."""
    try:
        yield
    except httpx.ConnectError as error:
        raise _unconnected(error, url) from error
    except httpx.TimeoutException as error:
        is_unheard = isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
        raise Passing(late(url), is_unheard=is_unheard) from error
    except (httpx.TransportError, httpx.StreamError) as error:
        cut = Unavailable(
            f"expected an answer, found the connection cut: {error}",
            code="remote/cut-off",
            where=bare(url),
            hint=_TLS_HINT if _is_plain(error, url) else _AGAIN_HINT,
        )
        raise Passing(cut) from error
    except (httpx.InvalidURL, httpx.HTTPError) as error:
        raise UsageError(
            f"expected a URL, found: {error}", code="remote/address", where=bare(url)
        ) from error


def _is_plain(error: Exception, url: str) -> bool:
    """Whether http was spoken to a server that said nothing in it, as one does that wants TLS."""
    is_http = urlsplit(url).scheme == "http"
    return is_http and isinstance(error, httpx.RemoteProtocolError | httpx.ReadError)


def _unconnected(error: httpx.ConnectError, url: str) -> Exception:
    told = str(error)
    if "CERTIFICATE_VERIFY" in told or "SSL" in told:
        return Unavailable(
            f"expected a certificate that can be trusted, found: {told}",
            code="remote/tls",
            where=bare(url),
            hint="`KETCH_CA_FILE` names a file of certificates to trust",
        )
    unreachable = Unavailable(
        f"expected a connection, found: {told}",
        code="remote/unreachable",
        where=bare(url),
        hint="check the address, the network, and that the server runs; then run the same again: "
        "a push or pull goes on where it stopped",
    )
    return Passing(unreachable, is_unheard=True)
