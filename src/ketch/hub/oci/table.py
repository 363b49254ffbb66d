"""The distribution API as entries of the hub's table of routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from ketch.hub.access import Role
from ketch.hub.oci import blobs, listing, manifests, pushing
from ketch.hub.oci.bytes import HubBytes
from ketch.hub.oci.problems import refuse
from ketch.hub.routing import Endpoint, Entry

_Answer = Callable[[Request, HubBytes], Awaitable[Response]]

_NAME = "/v2/{name:path}"
_UPLOAD = f"{_NAME}/blobs/uploads/{{upload}}"
_BLOB = f"{_NAME}/blobs/{{digest}}"
_MANIFEST = f"{_NAME}/manifests/{{reference}}"


def entries(hub: HubBytes) -> tuple[Entry, ...]:
    """Return every path and method of the distribution API, with the role that it needs."""

    def entry(
        method: str, path: str, needs: Role, answer: _Answer, says: str, *, most: int = 0
    ) -> Entry:
        package = "name" if "{name" in path else None
        return Entry(
            method,
            path,
            needs,
            _bound(answer, hub),
            package=package,
            most_bytes=most,
            basic=True,
            refuse=refuse,
            says=says,
        )

    viewer, publisher = Role.VIEWER, Role.PUBLISHER
    blob, manifest = hub.limits.blob_bytes, hub.limits.manifest_bytes
    return (
        entry("GET", "/v2/", viewer, listing.welcome, "Say that this is a registry."),
        entry("GET", "/v2/_catalog", viewer, listing.catalog, "List packages."),
        entry("POST", f"{_NAME}/blobs/uploads/", publisher, pushing.begin, "Upload.", most=blob),
        entry("GET", _UPLOAD, publisher, pushing.ask, "Tell how far an upload is."),
        entry("PATCH", _UPLOAD, publisher, pushing.send, "Add to an upload.", most=blob),
        entry("PUT", _UPLOAD, publisher, pushing.finish, "End an upload.", most=blob),
        entry("DELETE", _UPLOAD, publisher, pushing.cancel, "Cancel an upload."),
        entry("GET", _BLOB, viewer, blobs.get_blob, "Fetch a blob."),
        entry("DELETE", _BLOB, publisher, blobs.keep_blob, "Refused: bytes stay."),
        entry("GET", _MANIFEST, viewer, manifests.get_manifest, "Fetch a manifest."),
        entry("PUT", _MANIFEST, publisher, manifests.put_manifest, "Publish.", most=manifest),
        entry("DELETE", _MANIFEST, publisher, manifests.keep_manifest, "Refused: for ever."),
        entry("GET", f"{_NAME}/tags/list", viewer, listing.tags, "List versions."),
        entry("GET", f"{_NAME}/referrers/{{digest}}", viewer, listing.referrers, "List evidence."),
    )


def _bound(answer: _Answer, hub: HubBytes) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await answer(request, hub)

    return endpoint
