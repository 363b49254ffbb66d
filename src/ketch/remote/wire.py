"""Connections to servers: what is sent, what comes back as it comes, and what may go wrong.

This is the only module that imports httpx. What that raises is translated here, and as
:class:`~ketch.remote.calls.Passing` where another try may fare better.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from ketch.errors import Unavailable, UsageError
from ketch.remote.calls import Body, Passing, Patience
from ketch.remote.replies import bare, late, malformed

_AGAIN_HINT = "run the same again; what has arrived is kept"
_TLS_HINT = "does the server speak `https`? if not, run the same again; what has arrived is kept"


class Stream:
    """A reply whose body is read piece by piece; a :class:`~ketch.store.base.Reader`.

    Attributes:
        status: The HTTP status: below 400, or one that the caller allowed.
        headers: By name, in any case of letters.
        url: Where it comes from, after redirects.
        challenges: Every ``WWW-Authenticate``.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.url = str(response.url)
        self.challenges = response.headers.get_list("www-authenticate")
        self._response = response
        self._parts = response.iter_raw()
        self._rest = b""

    def close(self) -> None:
        """Let go of it, read or not."""
        self._response.close()

    def read(self, count: int, /) -> bytes:
        """Return at most ``count`` bytes, as they come in; none at the end.

        Raises:
            Unavailable: ``remote/cut-off``, ``remote/timeout``: the rest did not come.
        """
        if not self._rest:
            try:
                self._rest = self._next()
            except Passing as passing:
                raise passing.error from passing.__cause__
        part, self._rest = self._rest[:count], self._rest[count:]
        return part

    def whole(self, max_bytes: int, reply_s: float) -> bytes:
        """Read a body to its end, which has to come in time and in size; then let go of it.

        Raises:
            Passing: The rest did not come.
            Unavailable: ``remote/malformed``, ``remote/timeout``.
        """
        until = time.monotonic() + reply_s
        parts, size = [], 0
        try:
            while part := self._next():
                parts.append(part)
                size += len(part)
                if size > max_bytes:
                    raise malformed(f"at most {max_bytes} bytes, found more", self.url)
                if time.monotonic() > until:
                    raise late(self.url)
        finally:
            self.close()
        if self.headers.get("content-encoding", "identity") != "identity":
            raise malformed("an answer without `Content-Encoding`, found one with it", self.url)
        return b"".join(parts)

    def _next(self) -> bytes:
        """Return the next bytes that came; none at the end."""
        with _explained(self.url):
            return next(filter(None, self._parts), b"")


class Wire:
    """Connections to servers. Threads may share them.

    Args:
        patience: How long to wait.
        ca_file: Certificates to trust instead of the system's, in PEM form.
        has_proxy: Whether a proxy that the environment names stands between.

    Raises:
        UsageError: ``remote/ca-file``.
    """

    def __init__(self, patience: Patience, ca_file: Path | None, *, has_proxy: bool) -> None:
        self._client = httpx.Client(
            headers={"User-Agent": f"ketch/{version('ketch')}", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(patience.silence_s, connect=patience.connect_s),
            # A server that closes after half a minute must not meet the next request.
            limits=httpx.Limits(max_connections=None, keepalive_expiry=20.0),
            verify=_trusted(ca_file),
            trust_env=has_proxy,
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Body | None = None
    ) -> Stream:
        """Send a request and wait for its answer, which is not read yet.

        Raises:
            Passing: No answer came.
            Unavailable, UsageError: None will come.
        """
        said = {name.encode(): value.encode() for name, value in headers.items()}
        content = body
        if content is not None and not isinstance(content, bytes):
            said[b"Content-Length"] = str(content.length).encode()
            content = iter(content)  # type: ignore[assignment] # httpx takes any iterable
        with _explained(url):
            request = self._client.build_request(method, url, headers=said, content=content)
            return Stream(self._client.send(request, stream=True, follow_redirects=False))


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
        raise Passing(_cut_off(error, url)) from error
    except (httpx.InvalidURL, httpx.HTTPError) as error:
        raise UsageError(
            f"expected a URL, found: {error}", code="remote/address", where=bare(url)
        ) from error


def _cut_off(error: Exception, url: str) -> Unavailable:
    # A server that wants TLS says nothing to http.
    is_silent = isinstance(error, httpx.RemoteProtocolError | httpx.ReadError)
    is_plain = urlsplit(url).scheme == "http"
    return Unavailable(
        f"expected an answer, found the connection cut: {error}",
        code="remote/cut-off",
        where=bare(url),
        hint=_TLS_HINT if is_plain and is_silent else _AGAIN_HINT,
    )


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
