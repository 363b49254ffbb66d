"""Errors that cross HTTP and stay what they were.

A server answers with ``application/problem+json`` (RFC 9457) made by :func:`to_problem`;
:func:`from_problem` makes the same class with the same code of it, so that a person reads
one text, whether the work was done here or there::

    {"type": "version/taken", "title": "Refused", "status": 409, "detail": "expected …",
     "code": "version/taken", "where": "shop:1.0.0", "hint": "…", "findings": […]}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ketch.errors import (
    DigestMismatch,
    Finding,
    KetchError,
    ManifestError,
    NotFound,
    PackageCodeError,
    PackageError,
    Refused,
    Unavailable,
    UsageError,
)

MEDIA_TYPE = "application/problem+json"

_MOST_FINDINGS = 1000
_LONGEST_CODE = 100
_CODE = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")
_CLASSES: Mapping[str, type[KetchError]] = {
    kind.__name__: kind
    for kind in (
        *(UsageError, NotFound, PackageError, ManifestError, DigestMismatch),
        *(Refused, PackageCodeError, Unavailable),
    )
}
_BY_STATUS: Mapping[int, type[KetchError]] = {
    400: UsageError,
    401: Refused,
    403: Refused,
    404: NotFound,
    409: Refused,
    410: NotFound,
    412: Refused,
    413: UsageError,
    422: PackageError,
}


def to_problem(error: KetchError, *, status: int | None = None) -> dict[str, object]:
    """Return an error as the body of a reply.

    Args:
        error: What stopped the work.
        status: The HTTP status of the reply, when it is not the error's own (403).
    """
    told = error.to_json()
    return {
        **told,
        "type": error.code,
        "title": type(error).__name__,
        "status": status or error.http_status,
        "detail": error.message,
    }


def from_problem(body: Mapping[str, object], status: int) -> KetchError:
    """Return the error that a reply tells of.

    What a server says of itself is believed as far as text goes: a class we do not know,
    or none, is the one of its HTTP status.
    """
    title = _text(body, "title")
    kind = _CLASSES.get(title) or class_of(status)
    message = _text(body, "detail") or title or f"HTTP {status}"
    code = _code(body) or kind.code
    where, hint = _text(body, "where") or None, _text(body, "hint") or None
    if issubclass(kind, PackageCodeError):
        return kind(message, code=code, where=where, hint=hint)
    findings = tuple(_findings(body.get("findings")))
    return kind(message, code=code, where=where, hint=hint, findings=findings)


def class_of(status: int) -> type[KetchError]:
    """Return the class of error that an HTTP status stands for."""
    return _BY_STATUS.get(status, UsageError if 400 <= status < 500 else Unavailable)


def _findings(listed: object) -> Iterator[Finding]:
    for one in listed[:_MOST_FINDINGS] if isinstance(listed, list) else ():
        if isinstance(one, dict):
            yield Finding(
                _code(one) or "ketch/error",
                _text(one, "message"),
                _text(one, "where") or None,
                _text(one, "hint") or None,
                blocks=one.get("blocks") is not False,
            )


def _code(body: Mapping[str, object]) -> str | None:
    """Return a code, if it is written like one: codes are printed as they are."""
    said = _text(body, "code") or _text(body, "type")
    return said if len(said) <= _LONGEST_CODE and _CODE.fullmatch(said) else None


def _text(body: Mapping[str, object], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""
