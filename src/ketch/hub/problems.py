"""Errors as they leave the hub: ``application/problem+json`` (RFC 9457), and nothing inside.

An error keeps its identity: class by status, code, message, where, hint and findings, so
that whoever asked can raise it again. What went wrong inside the hub is told in one
sentence with the request's number; the log of the hub says the rest.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ketch.errors import KetchError, Unavailable
from ketch.remote.problem import MEDIA_TYPE, to_problem

_STATUS = {
    "hub/no-token": 401,
    "hub/unknown-token": 401,
    "hub/expired-token": 401,
    "hub/denied": 403,
    "hub/host": 421,
    "hub/origin": 403,
    "hub/method": 405,
    "hub/slow": 408,
    "hub/too-large": 413,
    "hub/media-type": 415,
}
_OURS = frozenset({"hub/busy", "hub/audit-runs"})
"""Codes of :class:`Unavailable` that say nothing of the inside."""


def status_of(error: KetchError) -> int:
    """Return the HTTP status of an error."""
    return _STATUS.get(error.code, error.http_status)


def problem(error: KetchError, request: Request) -> Response:
    """Return an error as a response."""
    told = outward(error, request_id(request))
    status = status_of(told)
    body = msgspec.json.encode(to_problem(told, status=status))
    return Response(body, status, headers_of(told), MEDIA_TYPE)


def outward(error: KetchError, request: str) -> KetchError:
    """Return an error as others may see it: where it is inside the hub is nobody's business."""
    if isinstance(error, Unavailable) and error.code not in _OURS:
        return Unavailable(
            "the hub cannot answer this now",
            code=error.code,
            hint=f"try again; else whoever runs the hub finds more in its log under `{request}`",
        )
    if status_of(error) >= 500 and not isinstance(error, Unavailable):
        return KetchError(
            "the hub failed",
            code="hub/fault",
            hint=f"whoever runs the hub finds more in its log under `{request}`",
        )
    error.where = _open_to_all(error.where)
    error.findings = tuple(replace(one, where=_open_to_all(one.where)) for one in error.findings)
    return error


def headers_of(error: KetchError) -> dict[str, str]:
    """Return the headers that belong to an error."""
    status = status_of(error)
    if status == 401:
        return {"WWW-Authenticate": 'Bearer realm="ketch"'}
    if status == 503:
        return {"Retry-After": "1"}
    return {}


def request_id(request: Request) -> str:
    """Return the number under which the log has a request."""
    return str(request.scope.get("ketch.request", "-"))


def _open_to_all(where: str | None) -> str | None:
    """Return where something is, unless that is a file or a database of the hub."""
    inside = where is not None and (where.startswith("/") or "://" in where)
    return None if inside else where
