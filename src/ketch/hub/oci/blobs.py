"""Blobs: whether they are there, and their bytes (distribution-spec, end-2 and end-10)."""

from __future__ import annotations

from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response

from ketch.errors import NotFound, Refused, UsageError
from ketch.hub.access import Role
from ketch.hub.oci.bytes import HubBytes, digest_of, no_blob, repository_of
from ketch.hub.oci.problems import refuse
from ketch.hub.oci.ranges import Span, asked
from ketch.hub.oci.sending import FileAnswer
from ketch.hub.routing import asked_by
from ketch.package import Digest, Stored

OCTETS = "application/octet-stream"


async def get_blob(request: Request, hub: HubBytes) -> Response:
    """Answer ``GET`` and ``HEAD`` for a blob, or a part of it."""
    repository, digest = repository_of(request), digest_of(request.path_params["digest"])
    size = await hub.run(_size, hub, request, repository, digest)
    headers = headers_of(digest)
    if said(request, "If-None-Match", digest):
        return Response(None, 304, headers)
    try:
        span = _span(request, digest, size)
    except UsageError as error:
        return refuse(error, request, headers={"Content-Range": f"bytes */{size}"})
    is_part = span != Span(0, size - 1)
    headers["Content-Length"] = str(span.count)
    if is_part:
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    if request.method == "HEAD":
        return Response(None, 200, headers)
    if hub.accelerated is not None:  # the proxy looks at `Range` itself
        del headers["Content-Length"]
        headers.pop("Content-Range", None)
        return Response(
            None, 200, {**headers, "X-Accel-Redirect": f"{hub.accelerated}/{digest.hex}"}
        )
    file = await hub.run(_open, hub, repository, digest)
    return FileAnswer(
        file, span, status=206 if is_part else 200, headers=headers, idle_s=hub.limits.idle_s
    )


async def keep_blob(request: Request, _: HubBytes) -> Response:
    """Refuse to delete a blob: a version needs it for ever."""
    digest_of(request.path_params["digest"])
    repository_of(request)
    return kept(request, "GET, HEAD")


def headers_of(digest: Digest) -> dict[str, str]:
    """Return the headers of content that never changes, and that no browser should open."""
    return {
        "Content-Type": OCTETS,
        "Docker-Content-Digest": str(digest),
        "ETag": f'"{digest}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
    }


def said(request: Request, header: str, digest: Digest) -> bool:
    """Whether a header of a request names content by its digest, or by ``*``."""
    tags = {tag.strip().removeprefix("W/") for tag in request.headers.get(header, "").split(",")}
    return not tags.isdisjoint({f'"{digest}"', "*"})


def kept(request: Request, allowed: str) -> Response:
    """Answer whoever wants to delete something."""
    error = Refused(
        "expected a version to stay for ever, found a request to delete it",
        code="oci/for-ever",
        hint="`ketch withdraw` keeps a version from being used; its bytes stay",
    )
    return refuse(error, request, headers={"Allow": allowed})


def _span(request: Request, digest: Digest, size: int) -> Span:
    is_same = "If-Range" not in request.headers or said(request, "If-Range", digest)
    wanted = request.headers.get("Range") if is_same and request.method == "GET" else None
    return asked(wanted, size)


def _open(hub: HubBytes, repository: str, digest: Digest) -> BinaryIO:
    try:
        return hub.store.open(digest)
    except NotFound as error:  # collected meanwhile
        raise no_blob(digest, repository) from error


def _size(hub: HubBytes, request: Request, repository: str, digest: Digest) -> int:
    who = asked_by(request)
    size = hub.store.size(digest)
    if size is None or not hub.shelves.shows_blob(repository, digest, who.person):
        raise no_blob(digest, repository)
    if request.method == "HEAD" and who.allows(Role.PUBLISHER, repository):
        # Told that it is there, a client will not send it: so it has to stay for a while.
        hub.store.blobs.claim(Stored(digest, size))
    return size
