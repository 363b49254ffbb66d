"""Where a server leads: ``Location``, redirects and next pages, followed as far as is safe.

Nothing leads from https to http, and nothing to another server unless the caller says so.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from ketch.remote.calls import Reply
from ketch.remote.replies import malformed, misled, origin, origin_said


def led_to(reply: Reply, base: str, otherwise: str | None = None) -> str:
    """Return the whole URL that a reply's ``Location`` names, relative or absolute.

    A server behind a proxy often takes itself for an http server: its own host is
    asked as it was addressed.

    Args:
        reply: What the server said.
        base: How the server is addressed.
        otherwise: Where it leads when it names no place.

    Raises:
        Unavailable: ``remote/malformed``, ``remote/misled``: there is none, or it leads
            from https to http on another host.
    """
    location = reply.headers.get("location") or otherwise
    if location is None:
        raise malformed("a `Location`, found none", reply.url)
    url = urljoin(reply.url, location)
    scheme, host, _ = origin_said(url, reply.url)
    home = origin(base)
    if home[0] == "https" and scheme == "http":
        if host != home[1]:
            raise misled(reply.url, url)
        return urlsplit(url)._replace(scheme="https", netloc=urlsplit(base).netloc).geturl()
    return url


def next_page(reply: Reply, base: str) -> str | None:
    """Return where a list goes on: the ``Link`` with ``rel="next"`` (RFC 8288).

    Raises:
        Unavailable: ``remote/misled``: on another server.
    """
    target, _, rest = reply.headers.get("link", "").partition(">")
    if not target.startswith("<") or "next" not in rest:
        return None
    url = urljoin(reply.url, target[1:])
    if origin_said(url, reply.url) != origin(base):
        raise misled(reply.url, url)
    return url


def redirected(url: str, location: str, base: str, *, elsewhere: bool) -> str:
    """Return where a redirect leads.

    Args:
        url: What was asked for.
        location: What the answer named.
        base: How the server is addressed.
        elsewhere: Whether another server may be asked.

    Raises:
        Unavailable: ``remote/misled``: it must not be followed.
    """
    target = urljoin(url, location)
    if not location:
        raise misled(url, location)
    there = origin_said(target, url)
    is_weaker = urlsplit(url).scheme == "https" and there[0] != "https"
    if is_weaker or (there != origin(base) and not elsewhere):
        raise misled(url, location)
    return target
