"""``/livez`` and ``/readyz``: whether the gateway is up, and whether it can answer."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ketch.serving.doors.problems import one_line
from ketch.serving.doors.served import Served, ServedRoute
from ketch.serving.http.messages import Response

_encode = msgspec.json.Encoder().encode


def livez() -> Response:
    """Answer that the gateway is up."""
    return Response(200, _encode({"live": True}))


def readyz(served: Served | None, answers: Callable[[ServedRoute], bool]) -> Response:
    """Answer whether every route has a verified worker, and which has none, and why.

    Args:
        served: What is served; None while that is not known.
        answers: Whether a route's workers can answer now, where any should.
    """
    if served is None:
        body: dict[str, object] = {
            "ready": False,
            "routes": {},
            "why": "the routes are not known yet",
        }
        return Response(503, _encode(body))
    routes = {name: _standing(served[name], answers) for name in sorted(served)}
    is_ready = all(route["ready"] for route in routes.values())
    return Response(200 if is_ready else 503, _encode({"ready": is_ready, "routes": routes}))


def _standing(route: ServedRoute, answers: Callable[[ServedRoute], bool]) -> dict[str, object]:
    body: dict[str, object] = {
        "ready": answers(route),
        "arms": {arm.arm: arm.contract.reference for arm in route.arms},
    }
    if route.problems:
        body["problems"] = {name: one_line(why) for name, why in route.problems.items()}
    return body
