"""``/livez`` and ``/readyz``: whether the gateway is up, and whether it can answer."""

from __future__ import annotations

import msgspec

from ketch.serving.doors.problems import one_line
from ketch.serving.doors.served import Served, ServedRoute
from ketch.serving.http.messages import Response

_encode = msgspec.json.Encoder().encode


def livez() -> Response:
    """Answer that the gateway is up."""
    return Response(200, _encode({"live": True}))


def readyz(served: Served | None) -> Response:
    """Answer whether every route has a verified worker, and which has none, and why.

    Args:
        served: What is served; None while that is not known.
    """
    if served is None:
        unknown = {"ready": False, "routes": {}, "why": "the routes are not known yet"}
        return Response(503, _encode(unknown))
    routes = {name: _standing(served[name]) for name in sorted(served)}
    body = {"ready": is_ready(served), "routes": routes}
    return Response(200 if body["ready"] else 503, _encode(body))


def is_ready(served: Served | None) -> bool:
    """Whether it is known what is served, and every route of it answers.

    A gateway on which nothing was promoted yet is ready: it does all that it ought to.
    """
    return served is not None and all(route.is_ready for route in served.values())


def _standing(route: ServedRoute) -> dict[str, object]:
    body: dict[str, object] = {
        "ready": route.is_ready,
        "arms": {arm.arm: arm.contract.reference for arm in route.arms},
    }
    if route.problems:
        body["problems"] = {name: one_line(why) for name, why in route.problems.items()}
    return body
