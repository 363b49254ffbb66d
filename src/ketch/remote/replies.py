"""What a server's answer means: pure, so that every odd answer can be tried."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from ketch.errors import DigestMismatch, KetchError, Refused, Unavailable, UsageError
from ketch.package.paths import printable
from ketch.remote.problem import MEDIA_TYPE, class_of, from_problem
from ketch.schema.parse import parse_json

_MOST_TOLD = 300

_DENIED = (
    "check your credentials for this server: `auths` of the file that `docker login` and "
    "`skopeo login` write, or `KETCH_TOKEN` for a hub"
)


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


def error_of(status: int, headers: Mapping[str, str], content: bytes, url: str) -> KetchError:
    """Return the error that an answer from 400 on stands for.

    ketch's own servers tell it whole, also where they speak as an OCI registry, which has
    a list ``errors``; what anything else says is not shown: it may be a page.
    """
    body = _object(content)
    if headers.get("content-type", "").partition(";")[0].strip() != MEDIA_TYPE:
        told_whole = _first(body).get("detail")
    else:
        told_whole = body
    if isinstance(told_whole, dict) and {"title", "code", "detail"} <= told_whole.keys():
        return from_problem(told_whole, status)
    said = _first_said(body)
    told = f"HTTP {status}{f': {said}' if said else ''}"
    if status in {401, 403, 407}:
        return Refused(
            f"expected to be let in, found {told}",
            code="remote/denied",
            where=bare(url),
            hint=_DENIED,
        )
    if "DIGEST_INVALID" in said:
        return DigestMismatch(
            f"expected content with the digest it was sent under, found {told}", where=bare(url)
        )
    kind = class_of(status)
    if kind is Unavailable:
        return Unavailable(
            f"expected an answer, found {told}",
            code="remote/failing",
            where=bare(url),
            hint="run the same again in a while; what has arrived is kept",
        )
    return kind(f"expected the call to be taken, found {told}", code=_code(status), where=bare(url))


def wait_asked_for(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Return how many seconds ``Retry-After`` asks for; ``None`` when it asks for nothing."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


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


def _code(status: int) -> str:
    return "remote/not-found" if status in {404, 410} else "remote/refused"


def _first_said(body: Mapping[str, object]) -> str:
    """Return code and message of the first of a registry's errors (distribution-spec)."""
    said = (_first(body).get("code"), _first(body).get("message"))
    return printable(" ".join(part for part in said if isinstance(part, str)))[:_MOST_TOLD]


def _first(body: Mapping[str, object]) -> Mapping[str, object]:
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, dict) else {}


def _object(content: bytes) -> Mapping[str, object]:
    try:
        body = parse_json(content, max_bytes=len(content))
    except UsageError:
        return {}
    return body if isinstance(body, dict) else {}


def _no_url(url: str) -> UsageError:
    return UsageError(
        f"expected `https://HOST` or `http://HOST`, found `{bare(url)[:200]}`",
        code="remote/address",
        hint="credentials do not belong into an address",
    )
