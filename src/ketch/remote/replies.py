"""What servers and their URLs say: read strictly, shown without secrets, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from ketch.errors import Unavailable, UsageError
from ketch.package.paths import printable
from ketch.schema.parse import parse_json


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL: what credentials belong to.

    Raises:
        UsageError: ``remote/address``: it is no http or https URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _no_url(url) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise _no_url(url)
    return parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)


def origin_said(url: str, by: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL that a server named.

    Raises:
        Unavailable: ``remote/misled``: it is no http or https URL.
    """
    try:
        return origin(url)
    except UsageError as problem:
        raise misled(by, url) from problem


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name alone.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.3", "::1", "127.0.0.1.example")]
    [True, True, True, False]
    """
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def json_of(content: bytes, url: str) -> object:
    """Return a body as JSON, read strictly.

    Raises:
        Unavailable: ``remote/malformed``.
    """
    try:
        return parse_json(content, max_bytes=len(content))
    except UsageError as problem:
        raise malformed(f"JSON, found otherwise: {problem.message}", url) from problem


def malformed(expected: str, url: str) -> Unavailable:
    """Return the error for an answer that breaks the protocol."""
    return Unavailable(
        f"expected {expected}",
        code="remote/malformed",
        where=bare(url),
        hint="check that the address is that of such a server, and not of a page in front of it",
    )


def late(url: str) -> Unavailable:
    """Return the error for an answer that did not come in time."""
    return Unavailable(
        "expected an answer in time, found none",
        code="remote/timeout",
        where=bare(url),
        hint="run the same again; what has arrived is kept",
    )


def misled(url: str, location: str) -> Unavailable:
    """Return the error for a redirect that is not followed."""
    return Unavailable(
        f"expected an answer here, found a redirect to `{bare(location)[:200]}`",
        code="remote/misled",
        where=bare(url),
        hint="use the address it leads to, if you trust it",
    )


def with_query(url: str, query: Mapping[str, str | int] | None) -> str:
    """Return a URL with parameters added to those it has, which stay as they are written."""
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def bare(url: str) -> str:
    """Return a URL as it may be shown: without its query, which may hold a signature."""
    return printable(url.partition("?")[0])


def _no_url(url: str) -> UsageError:
    return UsageError(
        f"expected `https://HOST` or `http://HOST`, found `{bare(url)[:200]}`",
        code="remote/address",
        hint="credentials do not belong into an address" if "@" in url else None,
    )
