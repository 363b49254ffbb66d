"""Lists: the versions of a package, what refers to a manifest, and the packages there are.

(distribution-spec, end-8a, end-8b, end-12a and end-12b; ``_catalog`` as docker-registry
has it.) A long list comes in pages; ``Link`` says where the next one is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ketch.errors import NotFound, UsageError
from ketch.hub.access import Role
from ketch.hub.oci.bytes import HubBytes, digest_of, repository_of
from ketch.hub.routing import asked_by
from ketch.package import Descriptor, Digest
from ketch.package.oci import IMAGE_INDEX
from ketch.package.paths import printable

JSON = "application/json"
NO_STORE = {"Cache-Control": "no-store"}


async def welcome(_: Request, __: HubBytes) -> Response:
    """Say that this is a registry, to whoever may use it."""
    return _answer({}, {"Docker-Distribution-Api-Version": "registry/2.0"})


async def tags(request: Request, hub: HubBytes) -> Response:
    """List the versions of a package, as the alphabet sorts them."""
    repository, most = repository_of(request), _most(request, hub)
    last = request.query_params.get("last", "")
    found = await hub.run(lambda: hub.shelves.tags(repository, last=last, most=most + 1))
    if not found and not await hub.run(lambda: hub.shelves.tags(repository, most=1)):
        raise NotFound(f"expected a package, found none called `{repository}`", code="oci/no-name")
    body = {"name": repository, "tags": found[:most]}
    return _answer(body, _link(f"/v2/{repository}/tags/list", found, most))


async def catalog(request: Request, hub: HubBytes) -> Response:
    """List the packages that whoever asks may see."""
    who, most = asked_by(request), _most(request, hub)
    last = request.query_params.get("last", "")

    def seen() -> list[str]:
        found: list[str] = []
        for name in hub.shelves.repositories(last=last):
            if who.allows(Role.VIEWER, name):
                found.append(name)
            if len(found) > most:
                break
        return found

    found = await hub.run(seen)
    return _answer({"repositories": found[:most]}, _link("/v2/_catalog", found, most))


async def referrers(request: Request, hub: HubBytes) -> Response:
    """List what refers to a manifest; nothing refers to one that is not there."""
    repository, subject = repository_of(request), digest_of(request.path_params["digest"])
    found = await hub.run(_referrers, hub, repository, subject)
    headers = dict(NO_STORE)
    wanted = request.query_params.get("artifactType")
    if wanted is not None:
        found = [one for one in found if one.artifact_type == wanted]
        headers["OCI-Filters-Applied"] = "artifactType"
    body = {
        "schemaVersion": 2,
        "mediaType": IMAGE_INDEX,
        "manifests": [one.to_json() for one in found],
    }
    return Response(msgspec.json.encode(body), 200, headers, IMAGE_INDEX)


def _referrers(hub: HubBytes, repository: str, subject: Digest) -> list[Descriptor]:
    if not hub.shelves.shows_manifest(repository, subject):
        return []
    return hub.store.referrers(subject)


def _most(request: Request, hub: HubBytes) -> int:
    text = request.query_params.get("n")
    if text is None:
        return hub.limits.page
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise UsageError(
            f"expected a number of entries in `n`, found `{printable(text[:40])}`", code="oci/page"
        )
    return min(int(text), hub.limits.page)


def _link(path: str, found: Sequence[str], most: int) -> dict[str, str]:
    if len(found) <= most or most == 0:
        return {}
    query = urlencode({"n": most, "last": found[most - 1]}, quote_via=quote)
    return {"Link": f'<{path}?{query}>; rel="next"'}


def _answer(body: object, headers: Mapping[str, str]) -> Response:
    return Response(msgspec.json.encode(body), 200, {**NO_STORE, **headers}, JSON)
