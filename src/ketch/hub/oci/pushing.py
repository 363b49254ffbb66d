"""Uploads over HTTP: begun, sent in one piece or in chunks, mounted, asked about, cancelled.

(distribution-spec, end-4a to end-6, end-11, end-13 and end-14.) Every answer that leaves an
upload open says where to go on (``Location``) and how far it is (``Range``).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from contextlib import suppress

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from ketch.errors import KetchError, UsageError
from ketch.hub.access import Role
from ketch.hub.oci.bytes import HubBytes, digest_of, empty, repository_of
from ketch.hub.oci.problems import refuse
from ketch.hub.oci.ranges import chunk, progress
from ketch.hub.oci.receiving import receive
from ketch.hub.oci.upload import Upload
from ketch.hub.routing import asked_by
from ketch.package import Digest, PackageName, Stored

_LENGTH = re.compile(r"[0-9]{1,18}")


async def begin(request: Request, hub: HubBytes) -> Response:
    """Begin an upload, or do all of it at once: mount a blob, or take it from the body."""
    repository, who = repository_of(request), asked_by(request)
    mounted = await hub.run(_mount, hub, request, repository)
    if mounted is not None:
        return _created(repository, mounted)
    text = request.query_params.get("digest")
    digest = None if text is None else digest_of(text)
    upload = await hub.run(hub.uploads.start, repository, who.person)
    if digest is None:
        return _open(upload, 202)
    try:
        with hub.uploads.alone(upload):
            return await _finish(request, hub, upload, digest)
    except KetchError:  # nobody knows of it, so nobody could go on with it
        await hub.run(hub.uploads.drop, upload)
        raise


async def send(request: Request, hub: HubBytes) -> Response:
    """Add a chunk to an upload."""
    upload = _found(request, hub)
    with hub.uploads.alone(upload):
        return await _or_where(_take(request, hub, upload), request, upload)


async def finish(request: Request, hub: HubBytes) -> Response:
    """Add the last chunk, if there is one, and make a blob of what has arrived."""
    upload = _found(request, hub)
    text = request.query_params.get("digest")
    if text is None:
        raise UsageError("expected `?digest=sha256:…`, found none", code="oci/digest")
    digest = digest_of(text)
    with hub.uploads.alone(upload):
        return await _or_where(_finish(request, hub, upload, digest), request, upload)


async def ask(request: Request, hub: HubBytes) -> Response:
    """Tell how far an upload is."""
    return _open(_found(request, hub), 204)


async def cancel(request: Request, hub: HubBytes) -> Response:
    """Forget an upload."""
    upload = _found(request, hub)
    with hub.uploads.alone(upload):
        await hub.run(hub.uploads.drop, upload)
    return Response(None, 204)


async def _or_where(work: Awaitable[Response], request: Request, upload: Upload) -> Response:
    """Return an answer; to a client whose chunk does not go on, where it has to."""
    try:
        return await work
    except UsageError as error:
        if error.code != "oci/chunk":
            raise
        return refuse(error, request, headers=_headers(upload))


async def _take(request: Request, hub: HubBytes, upload: Upload) -> Response:
    span = chunk(request.headers.get("Content-Range"), offset=upload.size)
    length = request.headers.get("Content-Length", "")
    count = int(length) if _LENGTH.fullmatch(length) else None
    if span is not None and count is not None and span.count != count:
        raise UsageError(
            f"expected {span.count} bytes, as `Content-Range` says, found {count}",
            code="oci/body-size",
        )
    await receive(
        request.stream(),
        upload,
        hub.uploads,
        count=span.count if span is not None else count,
    )
    return _open(upload, 202)


async def _finish(request: Request, hub: HubBytes, upload: Upload, digest: Digest) -> Response:
    await _take(request, hub, upload)
    await to_thread.run_sync(hub.uploads.finish, upload, digest)
    await hub.run(hub.shelves.lay, upload.repository, digest, upload.person, hashed=True)
    return _created(upload.repository, digest)


def _mount(hub: HubBytes, request: Request, repository: str) -> Digest | None:
    """Show a blob of another repository, if whoever asks may read it there, and it is there.

    Anything else is no error: then the client sends the bytes (distribution-spec, "Mounting
    a blob from another repository"), and is told nothing of what others have.
    """
    digest, source = request.query_params.get("mount"), request.query_params.get("from")
    if digest is None or source is None:
        return None
    who = asked_by(request)
    with suppress(UsageError):
        blob, other = digest_of(digest), str(PackageName.parse(source))
        size = hub.store.size(blob)
        if (
            size is not None
            and who.allows(Role.VIEWER, other)
            and hub.shelves.shows_blob(other, blob, who.person)
            and hub.store.blobs.claim(Stored(blob, size))
        ):
            hub.shelves.lay(repository, blob, who.person, hashed=False)
            return blob
    return None


def _found(request: Request, hub: HubBytes) -> Upload:
    name = str(request.path_params["upload"])
    return hub.uploads.find(name, repository_of(request), asked_by(request).person)


def _open(upload: Upload, status: int) -> Response:
    length = {} if status == 204 else {"Content-Length": "0"}
    return Response(None, status, {**length, **_headers(upload)})


def _headers(upload: Upload) -> dict[str, str]:
    return {
        "Location": f"/v2/{upload.repository}/blobs/uploads/{upload.id}",
        "Range": progress(upload.size),
        "Docker-Upload-UUID": upload.id,
        "Cache-Control": "no-store",
    }


def _created(repository: str, digest: Digest) -> Response:
    return empty(
        201,
        {
            "Location": f"/v2/{repository}/blobs/{digest}",
            "Docker-Content-Digest": str(digest),
        },
    )
