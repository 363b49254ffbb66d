"""Errors as the distribution specification writes them, and what ketch adds.

::

    {"errors": [{"code": "MANIFEST_INVALID", "message": "…", "detail": {"code": …, "hint": …}}]}

``code`` is for any OCI client (distribution-spec, "Error Codes"); ``detail`` holds the
members of ``application/problem+json``, from which ketch makes the very error again.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from ketch.errors import (
    Finding,
    KetchError,
    NotFound,
    PackageError,
    Refused,
    Unavailable,
    UsageError,
)

CHALLENGE = 'Basic realm="ketch", charset="UTF-8"'

_KNOWN: Mapping[str, tuple[str, int]] = {
    "access/denied": ("DENIED", 403),
    "access/unknown": ("UNAUTHORIZED", 401),
    "disk/full": ("UNAVAILABLE", 507),
    "oci/blob-size": ("SIZE_INVALID", 413),
    "oci/body-size": ("SIZE_INVALID", 400),
    "oci/chunk": ("BLOB_UPLOAD_INVALID", 416),
    "oci/cut-off": ("BLOB_UPLOAD_INVALID", 400),
    "oci/digest": ("DIGEST_INVALID", 400),
    "oci/for-ever": ("UNSUPPORTED", 405),
    "oci/idle": ("BLOB_UPLOAD_INVALID", 408),
    "oci/manifest-size": ("SIZE_INVALID", 413),
    "oci/method": ("UNSUPPORTED", 405),
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


def problem(error: KetchError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer that tells of an error."""
    code, status = verdict(error)
    told = [_entry(code, error.message, _detail(error, status))]
    if code == "MANIFEST_BLOB_UNKNOWN" and error.findings:  # an entry each, as clients expect
        told = [
            _entry(code, one.message, {**one.to_json(), "digest": one.where, "status": status})
            for one in error.findings
        ]
    said = dict(headers or {})
    if status == 401:
        said["WWW-Authenticate"] = CHALLENGE
    if status in {429, 503, 507}:
        said.setdefault("Retry-After", "30")
    body = msgspec.json.encode({"errors": told})
    return Response(body, status, headers=said, media_type="application/json")


def verdict(error: KetchError) -> tuple[str, int]:
    """Return the code of the specification for an error, and the status of the answer."""
    if error.code in _KNOWN:
        return _KNOWN[error.code]
    return next((said for kind, said in _CLASSES if isinstance(error, kind)), ("UNKNOWN", 500))


def _entry(code: str, message: str, detail: Mapping[str, object]) -> dict[str, object]:
    return {"code": code, "message": message, "detail": detail}


def _detail(error: KetchError, status: int) -> dict[str, object]:
    """Return what ketch says of an error; where things lie on this machine stays here."""
    shown = type(error)(
        error.message,
        code=error.code,
        where=_public(error.where),
        hint=error.hint,
        findings=[
            Finding(one.code, one.message, _public(one.where), one.hint, one.blocks)
            for one in error.findings
        ],
    )
    return {**shown.to_json(), "detail": error.message, "status": status}


def _public(where: str | None) -> str | None:
    return None if where is None or "/" in where[:1] else where
