"""What the protocol asks of a server beside inference: health and metadata."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

import msgspec

from ketch.errors import NotFound
from ketch.schema import Field, Struct
from ketch.serving.contract import Contract
from ketch.serving.doors.served import Served, ServedRoute, route_of
from ketch.serving.doors.tensors import datatype_of, rank_of
from ketch.serving.doors.v2.reply import content_type_of, shape_of
from ketch.serving.http.messages import Response

EXTENSIONS = ("binary_tensor_data", "ketch_nullable")
"""``ketch_nullable``: null stands in the data of a nullable field of any datatype."""

_encode = msgspec.json.Encoder().encode


class Called(NamedTuple):
    """What a path below ``/v2/models/`` names.

    Attributes:
        model: The route.
        version: Of the package, where one is named.
        verb: ``infer``, ``ready``, or empty for the metadata.
    """

    model: str
    version: str | None
    verb: str


def called(path: str) -> Called | None:
    """Return what a path names; None when it is none of the protocol's.

    >>> called("/v2/models/shop/versions/1.0/infer")
    Called(model='shop', version='1.0', verb='infer')
    """
    parts = path.split("/")
    if len(parts) < 4 or parts[1] != "v2" or parts[2] != "models" or not parts[3]:
        return None
    match parts[4:]:
        case ["infer" | "ready" as verb]:
            return Called(parts[3], None, verb)
        case [] | [""]:
            return Called(parts[3], None, "")
        case ["versions", said, "infer" | "ready" as verb] if said:
            return Called(parts[3], said, verb)
        case ["versions", said] | ["versions", said, ""] if said:
            return Called(parts[3], said, "")
    return None


def live() -> Response:
    """Answer ``GET /v2/health/live``."""
    return _told({"live": True})


def ready(*, is_ready: bool) -> Response:
    """Answer ``GET /v2/health/ready``."""
    return _told({"ready": is_ready}, 200 if is_ready else 503)


def server() -> Response:
    """Answer ``GET /v2``."""
    return _told({"name": "ketch", "version": version("ketch"), "extensions": EXTENSIONS})


def standing(served: Served, place: Called) -> Response:
    """Answer ``GET /v2/models/<route>/ready``.

    Raises:
        NotFound: ``request/route``, ``request/version``.
    """
    route = route_of(served, place.model)
    if route.rest is not None:
        of_version(route, place.version)
    is_ready = route.rest is not None and route.is_ready
    return _told({"name": place.model, "ready": is_ready}, 200 if is_ready else 503)


def model(served: Served, place: Called) -> Response:
    """Answer ``GET /v2/models/<route>``.

    Raises:
        NotFound: ``request/route``, ``request/version``.
    """
    route = route_of(served, place.model)
    contract = of_version(route, place.version)
    inputs, outputs = contract.schema.inputs, contract.schema.outputs
    body = {
        "name": place.model,
        "versions": sorted({arm.contract.version for arm in route.arms}),
        "platform": "ketch_package",
        "inputs": [_input(field) for field in inputs],
        "outputs": [_tensor(field, shape_of(field), content_type_of(field)) for field in outputs],
        "properties": {
            "ketch_package": contract.reference,
            "ketch_digest": str(contract.package.digest),
        },
    }
    return _told(body)


def of_version(route: ServedRoute, said: str | None) -> Contract:
    """Return what a route promises, or what that version of it does.

    Raises:
        NotFound: ``request/version``, ``request/route``: nothing of it is served.
    """
    found = {arm.contract.version: arm.contract for arm in route.arms}
    contract = route.contract if said is None else found.get(said)
    if contract is None:
        raise no_version(route, said)
    return contract


def no_version(route: ServedRoute, said: str | None) -> NotFound:
    """Return why a route promises nothing, or nothing of that version."""
    found = sorted({arm.contract.version for arm in route.arms})
    if said is None or not found:
        return NotFound(
            f"nothing answers on the route `{route.name}` yet",
            code="request/route",
            hint="`/readyz` says why" if route.problems else "nothing was promoted",
        )
    return NotFound(
        f"expected a version that is served, found `{said[:64]}`",
        code="request/version",
        hint=f"there is {', '.join(f'`{one}`' for one in found)}",
    )


def _input(field: Field) -> dict[str, object]:
    """Return an input as it is read most widely; lists of one length need no JSON."""
    rank = rank_of(field.type)
    if rank is None or isinstance(field.type, Struct):
        return _tensor(field, [-1], "pd_json")
    shape = shape_of(field) if len(shape_of(field)) > 1 else [-1] * (1 + rank)
    said = content_type_of(field)
    return _tensor(field, shape, None if said == "pd_json" else said, datatype_of(field.type))


def _tensor(
    field: Field, shape: Sequence[int], content_type: str | None, datatype: str | None = None
) -> dict[str, object]:
    said = datatype or ("BYTES" if content_type else datatype_of(field.type))
    body: dict[str, object] = {"name": field.name, "datatype": said, "shape": list(shape)}
    return {**body, "parameters": {"content_type": content_type}} if content_type else body


def _told(body: object, status: int = 200) -> Response:
    return Response(status, _encode(body))
