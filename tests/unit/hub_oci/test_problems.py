"""Errors as OCI clients read them, and as ketch reads them back."""

from __future__ import annotations

import json

import pytest
from starlette.requests import Request

from ketch.errors import (
    DigestMismatch,
    Finding,
    KetchError,
    ManifestError,
    NotFound,
    Refused,
    Unavailable,
    UsageError,
)
from ketch.hub.oci.problems import refuse, verdict
from ketch.remote.problem import from_problem

REQUEST = Request({"type": "http", "method": "GET", "path": "/", "headers": []})


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (Refused("no", code="hub/denied"), "DENIED", 403),
        (Refused("no", code="hub/no-token"), "UNAUTHORIZED", 401),
        (Refused("no", code="version/taken"), "TAG_INVALID", 409),
        (Refused("no", code="version/owner"), "DENIED", 409),
        (Refused("no"), "DENIED", 409),
        (NotFound("no", code="oci/no-blob"), "BLOB_UNKNOWN", 404),
        (ManifestError("no"), "MANIFEST_INVALID", 400),
        (DigestMismatch("no"), "DIGEST_INVALID", 400),
        (UsageError("no"), "UNSUPPORTED", 400),
        (UsageError("no", code="package/name-syntax"), "NAME_INVALID", 400),
        (Unavailable("no", code="disk/full"), "UNAVAILABLE", 507),
        (Unavailable("no", code="disk/io-error"), "UNAVAILABLE", 503),
        (KetchError("no", code="hub/fault"), "UNKNOWN", 500),
    ],
)
def test_every_error_has_a_code_of_the_specification(
    error: KetchError, code: str, status: int
) -> None:
    assert verdict(error) == (code, status)
    reply = refuse(error, REQUEST)
    body = json.loads(bytes(reply.body))
    assert reply.status_code == status
    assert body["errors"][0]["code"] == code
    assert body["errors"][0]["detail"]["status"] == status
    assert ("WWW-Authenticate" in reply.headers) == (status == 401)


def test_ketch_makes_the_very_error_again() -> None:
    finding = Finding("store/no-blob", "expected 3 bytes", where=f"sha256:{'0' * 64}")
    before = NotFound("expected 3 bytes", code="oci/x", hint="send it", findings=[finding])
    body = json.loads(bytes(refuse(before, REQUEST).body))
    after = from_problem(body["errors"][0]["detail"], 404)
    assert (type(after), after.code, after.message, after.hint) == (
        *(NotFound, "oci/x", "expected 3 bytes"),
        "send it",
    )
    assert after.findings == before.findings


def test_nothing_of_the_inside_is_told() -> None:
    where = "/srv/hub/store/blobs/sha256/00"
    for error in (
        Unavailable("expected to use `00`", code="disk/io-error", where=where, hint=where),
        DigestMismatch("expected one", where=where),
        NotFound("none", where=where, findings=[Finding("store/no-blob", "none", where=where)]),
    ):
        assert b"/srv/hub" not in bytes(refuse(error, REQUEST).body)


def test_each_missing_blob_is_an_error_of_its_own() -> None:
    digests = [f"sha256:{number * 64}" for number in "123"]
    findings = [Finding("store/no-blob", f"no `{one}`", where=one) for one in digests]
    error = NotFound("no", code="oci/missing-blob", findings=findings)
    told = json.loads(bytes(refuse(error, REQUEST).body))["errors"]
    assert [one["code"] for one in told] == ["MANIFEST_BLOB_UNKNOWN"] * 3
    assert [one["detail"]["digest"] for one in told] == digests
