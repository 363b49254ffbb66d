"""A call and its answer: redirects are followed, challenges answered, and errors raised.

Credentials go to the server's own origin alone; a redirect elsewhere is followed by calls
that say so, and without them. Nothing is tried twice here: see :mod:`ketch.remote.tries`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ketch.errors import Unavailable
from ketch.remote import links
from ketch.remote.auth import Auth
from ketch.remote.calls import Call, Passing
from ketch.remote.failures import error_of, wait_asked_for
from ketch.remote.replies import (
    bare,
    is_loopback,
    json_of,
    malformed,
    misled,
    origin,
    with_query,
)
from ketch.remote.wire import Stream, Wire

MAX_ERROR_BYTES = 256 * 1024

_HOPS = 5
_CHALLENGES = 2
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Exchange:
    """Answers of one server. Threads may share it.

    Args:
        wire: The way there.
        base: The server's URL.
        auth: Credentials, for this server's origin only.
        reply_s: How long the whole of an error may take, in seconds.
    """

    def __init__(self, wire: Wire, base: str, auth: Auth | None, *, reply_s: float) -> None:
        self._wire = wire
        self._base = base
        self._origin = origin(base)
        self._auth = auth
        self._reply_s = reply_s

    def answer(self, call: Call) -> Stream:
        """Return an answer below 400, or one that the caller allowed.

        Raises:
            Passing: Another try may fare better.
            KetchError: What the server says, in the class it was raised there.
        """
        return self._checked(self._open(call), call)

    def _checked(self, answer: Stream, call: Call) -> Stream:
        """Return an answer that is no error; raise what any other says."""
        status = answer.status
        if (status < 400 and status not in _REDIRECTS) or status in call.allow:
            return answer
        if status in _REDIRECTS:
            answer.close()
            raise misled(call.url, answer.headers.get("location", ""))
        content = answer.whole(MAX_ERROR_BYTES, self._reply_s)
        error = error_of(status, answer.headers, content, call.url)
        if status in _PASSING:
            raise Passing(error, wait_s=wait_asked_for(answer.headers))
        raise error

    def _open(self, call: Call) -> Stream:
        """Send a request, follow where it leads, and answer challenges."""
        url, challenges = call.url, 0
        for _ in range(_HOPS + _CHALLENGES):
            answer = self._send(call, url)
            if answer.status == 401 and challenges < _CHALLENGES and self._learns(answer, url):
                challenges += 1
            elif answer.status in _REDIRECTS and call.method in {"GET", "HEAD"}:
                location = answer.headers.get("location", "")
                url = links.redirected(url, location, self._base, elsewhere=call.elsewhere)
            else:
                return answer
            answer.close()
        raise Unavailable(
            f"expected an answer after at most {_HOPS} redirects, found another",
            code="remote/misled",
            where=bare(call.url),
        )

    def _send(self, call: Call, url: str) -> Stream:
        headers = dict(call.headers)
        if self._auth is not None and origin(url) == self._origin:
            authorization = self._auth.header()
            headers |= {"Authorization": authorization} if authorization else {}
        return self._wire.send(call.method, url, headers, call.body)

    def _learns(self, answer: Stream, url: str) -> bool:
        if self._auth is None or origin(url) != self._origin:
            return False
        return self._auth.answer(answer.challenges, self._ask)

    def _ask(
        self, realm: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> Mapping[str, object]:
        """Ask a realm for a token; it may be another server, and then over https alone."""
        url = with_query(realm, query)
        scheme, host, _ = origin(url)
        if scheme != "https" and self._origin[0] == "https" and not is_loopback(host):
            raise misled(self._base, realm)
        answer = self._checked(self._wire.send("GET", url, headers), Call("GET", url, headers))
        body = json_of(answer.whole(MAX_ERROR_BYTES, self._reply_s), url)
        if not isinstance(body, dict):
            raise malformed("a JSON object with a token, found something else", url)
        return body
