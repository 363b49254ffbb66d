"""What an answer from 400 on stands for: pure, so that every odd one can be tried.

ketch's own servers tell their errors whole, also where they speak as an OCI registry, which
has a list ``errors``; what anything else says is not shown beyond that: it may be a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ketch.errors import DigestMismatch, KetchError, Refused, Unavailable, UsageError
from ketch.package.paths import printable
from ketch.remote.problem import MEDIA_TYPE, class_of, from_problem
from ketch.remote.replies import bare
from ketch.schema.parse import parse_json

_MOST_TOLD = 300

_DENIED = (
    "check your credentials for this server: `ketch login` keeps the token for a hub; "
    "`docker login` and `skopeo login` write the file that is read for any other registry"
)


def error_of(status: int, headers: Mapping[str, str], content: bytes, url: str) -> KetchError:
    """Return the error that an answer from 400 on stands for."""
    body = _object(content)
    is_problem = headers.get("content-type", "").partition(";")[0].strip() == MEDIA_TYPE
    told_whole = body if is_problem else _first(body).get("detail")
    if isinstance(told_whole, dict) and {"title", "code", "detail"} <= told_whole.keys():
        return from_problem(told_whole, status)
    return _foreign(status, _first_said(body), bare(url))


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


def _foreign(status: int, said: str, where: str) -> KetchError:
    """Return the error of a server that is not ketch's."""
    told = f"HTTP {status}{f': {said}' if said else ''}"
    if status in {401, 403, 407}:
        message = f"expected to be let in, found {told}"
        return Refused(message, code="remote/denied", where=where, hint=_DENIED)
    if "DIGEST_INVALID" in said:
        message = f"expected content with the digest it was sent under, found {told}"
        return DigestMismatch(message, where=where)
    kind = class_of(status)
    if kind is Unavailable:
        return Unavailable(
            f"expected an answer, found {told}",
            code="remote/failing",
            where=where,
            hint="run the same again in a while; what has arrived is kept",
        )
    code = "remote/not-found" if status in {404, 410} else "remote/refused"
    return kind(f"expected the call to be taken, found {told}", code=code, where=where)


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
