"""Manifests: fetched by version or digest, put, and never deleted.

(distribution-spec, end-3, end-7 and end-9.) Putting a package under its version publishes
it; putting it under its digest stores it, to be published later.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ketch.errors import DigestMismatch, NotFound, Refused, Unavailable, UsageError
from ketch.hub.access import Identity
from ketch.hub.oci.blobs import headers_of, kept, said
from ketch.hub.oci.bytes import HubBytes, digest_of, empty, no_manifest, repository_of
from ketch.hub.oci.judging import Judged, judge
from ketch.hub.oci.publishing import record
from ketch.hub.routing import asked_by
from ketch.package import Digest, PackageName, PackageVersion, Reference
from ketch.package.oci import IMAGE_MANIFEST, MAX_MANIFEST_BYTES
from ketch.package.paths import printable
from ketch.store.index import Index, joined


async def get_manifest(request: Request, hub: HubBytes) -> Response:
    """Answer ``GET`` and ``HEAD`` for a manifest."""
    content, digest = await hub.run(_read, request, hub)
    headers = {**headers_of(digest), "Content-Type": IMAGE_MANIFEST}
    del headers["Accept-Ranges"]
    if request.path_params["reference"] != str(digest):  # a name is asked about again
        headers["Cache-Control"] = "private, no-cache"
    if said(request, "If-None-Match", digest):
        return Response(None, 304, headers)
    if request.method == "HEAD":
        return Response(None, 200, {**headers, "Content-Length": str(len(content))})
    return Response(content, 200, headers)


async def put_manifest(request: Request, hub: HubBytes) -> Response:
    """Store a manifest, and publish it when it comes under its version."""
    content = await _body(request, hub.limits.manifest_bytes)
    async with hub.judges:
        judged = await hub.run(_put, request, hub, content)
    repository = repository_of(request)
    headers = {
        "Location": f"/v2/{repository}/manifests/{judged.digest}",
        "Docker-Content-Digest": str(judged.digest),
    }
    if judged.manifest.subject is not None:
        headers["OCI-Subject"] = str(judged.manifest.subject.digest)
    return empty(201, headers)


async def keep_manifest(request: Request, _: HubBytes) -> Response:
    """Refuse to delete a manifest: a version is for ever."""
    repository_of(request)
    return kept(request, "GET, HEAD, PUT")


async def _body(request: Request, most: int) -> bytes:
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > most:
            raise UsageError(
                f"expected a manifest of at most {most} bytes, found more",
                code="oci/manifest-size",
            )
    return bytes(content)


def _read(request: Request, hub: HubBytes) -> tuple[bytes, Digest]:
    repository, text = repository_of(request), str(request.path_params["reference"])
    digest = _digest(repository, text, asked_by(request), hub)
    if hub.store.size(digest) is None or not hub.shelves.shows_manifest(repository, digest):
        raise no_manifest(text, repository)
    try:
        return hub.store.read(digest, max_bytes=MAX_MANIFEST_BYTES), digest
    except DigestMismatch as error:  # it is the hub's disk that is wrong, not who asks
        raise Unavailable(
            f"expected `{digest}`, found it damaged",
            code="oci/damaged",
            where=error.where,
            hint="`ketch fsck --repair` at the hub, then push it again",
        ) from error


def _digest(repository: str, text: str, who: Identity, hub: HubBytes) -> Digest:
    if ":" in text:
        return digest_of(text)
    try:
        reference = Reference(PackageName(repository), PackageVersion.parse(text))
        return hub.desk_of(who).resolve(reference).digest
    except (NotFound, UsageError) as error:
        raise no_manifest(text, repository) from error


def _put(request: Request, hub: HubBytes, content: bytes) -> Judged:
    repository, text = repository_of(request), str(request.path_params["reference"])
    who = asked_by(request)
    if ":" in text and digest_of(text) != Digest.of(content):
        raise UsageError(
            f"expected `{printable(text)}`, found `{Digest.of(content)}`", code="oci/digest"
        )
    media_type = request.headers.get("Content-Type", "")
    judged = judge(content, media_type, repository, who.person, hub)
    is_tagged = ":" not in text
    if is_tagged:
        _require_tag(judged, text)
    hub.store.put_bytes(content)
    if judged.package is None:
        _attach(judged, repository, hub)
        return judged
    if is_tagged:
        record(judged.package, hub.desk_of(who), hub)
    hub.shelves.add(repository, judged.digest, judged.manifest)
    return judged


def _require_tag(judged: Judged, tag: str) -> None:
    if judged.package is None:
        raise UsageError(
            f"expected a version of a package, found `{printable(tag)}` for what refers to one",
            code="oci/tag",
            hint="put it under its digest; `referrers` lists it",
        )
    version = str(judged.package.manifest.version)
    if tag != version:
        raise UsageError(
            f"expected the tag `{version}`, as the package says, found `{printable(tag)}`",
            code="oci/tag",
            hint="a version is published under its own name",
        )


def _attach(judged: Judged, repository: str, hub: HubBytes) -> None:
    """List what refers to a manifest; the list stays as small as a list may be."""
    subject = judged.manifest.subject
    if subject is None:
        return
    with hub.turn:
        listed = joined(hub.store.referrers(subject.digest), [judged.descriptor])
        size = len(Index.of(listed).to_bytes())
        if len(listed) > hub.limits.referrers or size > MAX_MANIFEST_BYTES:
            raise Refused(
                f"expected at most {hub.limits.referrers} manifests that refer to "
                f"`{subject.digest}`, in {MAX_MANIFEST_BYTES} bytes",
                code="oci/too-many-referrers",
            )
        hub.store.add_referrer(subject.digest, judged.descriptor)
    hub.shelves.add(repository, judged.digest, judged.manifest)
