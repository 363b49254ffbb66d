"""Errors as the distribution specification writes them, and what ketch adds.

::

    {"errors": [{"code": "MANIFEST_INVALID", "message": "…", "detail": {"code": …, "hint": …}}]}

``code`` is for any OCI client (distribution-spec, "Error Codes"); ``detail`` holds the
members of ``application/problem+json``, from which ketch makes the very error again.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ketch.errors import (
    KetchError,
    NotFound,
    PackageError,
    Refused,
    Unavailable,
    UsageError,
)
from ketch.hub.problems import headers_of, outward, request_id, status_of
from ketch.remote.problem import to_problem

CHALLENGE = 'Basic realm="ketch", charset="UTF-8"'

_KNOWN: Mapping[str, tuple[str, int]] = {
    "disk/full": ("UNAVAILABLE", 507),
    "hub/denied": ("DENIED", 403),
    "hub/expired-token": ("UNAUTHORIZED", 401),
    "hub/method": ("UNSUPPORTED", 405),
    "hub/no-token": ("UNAUTHORIZED", 401),
    "hub/slow": ("BLOB_UPLOAD_INVALID", 408),
    "hub/too-large": ("SIZE_INVALID", 413),
    "hub/unknown-token": ("UNAUTHORIZED", 401),
    "oci/blob-size": ("SIZE_INVALID", 413),
    "oci/body-size": ("SIZE_INVALID", 400),
    "oci/chunk": ("BLOB_UPLOAD_INVALID", 416),
    "oci/cut-off": ("BLOB_UPLOAD_INVALID", 400),
    "oci/digest": ("DIGEST_INVALID", 400),
    "oci/for-ever": ("UNSUPPORTED", 405),
    "oci/manifest-size": ("SIZE_INVALID", 413),
    "oci/missing-blob": ("MANIFEST_BLOB_UNKNOWN", 404),
    "oci/name": ("NAME_INVALID", 400),
    "oci/no-blob": ("BLOB_UNKNOWN", 404),
    "oci/no-manifest": ("MANIFEST_UNKNOWN", 404),
    "oci/no-name": ("NAME_UNKNOWN", 404),
    "oci/no-upload": ("BLOB_UPLOAD_UNKNOWN", 404),
    "oci/page": ("UNSUPPORTED", 400),
    "oci/range": ("UNSUPPORTED", 416),
    "oci/tag": ("TAG_INVALID", 400),
    "oci/too-many-referrers": ("TOOMANYREQUESTS", 429),
    "oci/too-many-uploads": ("TOOMANYREQUESTS", 429),
    "oci/upload-busy": ("BLOB_UPLOAD_INVALID", 409),
    "package/digest-mismatch": ("DIGEST_INVALID", 400),
    "package/digest-syntax": ("DIGEST_INVALID", 400),
    "package/name-syntax": ("NAME_INVALID", 400),
    "package/not-found": ("NAME_INVALID", 400),
    "package/version-syntax": ("TAG_INVALID", 400),
    "store/incomplete": ("MANIFEST_BLOB_UNKNOWN", 404),
    "store/no-blob": ("MANIFEST_BLOB_UNKNOWN", 404),
    "version/taken": ("TAG_INVALID", 409),
}

_CLASSES: tuple[tuple[type[KetchError], tuple[str, int]], ...] = (
    (UsageError, ("UNSUPPORTED", 400)),
    (NotFound, ("MANIFEST_UNKNOWN", 404)),
    (PackageError, ("MANIFEST_INVALID", 400)),
    (Refused, ("DENIED", 409)),
    (Unavailable, ("UNAVAILABLE", 503)),
)


def refuse(
    error: KetchError, request: Request, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer that tells of an error."""
    code, status = verdict(error)
    shown = outward(error, request_id(request))
    told = [_entry(code, shown.message, to_problem(shown, status=status))]
    if code == "MANIFEST_BLOB_UNKNOWN" and shown.findings:  # an entry each, as clients expect
        told = [_entry(code, one.message, {"digest": one.where}) for one in shown.findings]
        told[0]["detail"] = {**to_problem(shown, status=status), "digest": shown.findings[0].where}
    said = {**headers_of(error), **(headers or {})}
    if status == 401:
        said["WWW-Authenticate"] = CHALLENGE
    if status in {429, 507}:
        said["Retry-After"] = "30"
    body = msgspec.json.encode({"errors": told})
    return Response(body, status, headers=said, media_type="application/json")


def verdict(error: KetchError) -> tuple[str, int]:
    """Return the code of the specification for an error, and the status of the answer."""
    if error.code in _KNOWN:
        return _KNOWN[error.code]
    status = status_of(error)
    if status != error.http_status:
        return "UNSUPPORTED" if status < 500 else "UNKNOWN", status
    return next((said for kind, said in _CLASSES if isinstance(error, kind)), ("UNKNOWN", 500))


def _entry(code: str, message: str, detail: Mapping[str, object]) -> dict[str, object]:
    return {"code": code, "message": message, "detail": detail}
