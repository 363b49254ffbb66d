"""The table of routes: for each path and method, what it needs and what answers it.

Nothing of the hub answers that is not in the table, and nothing is in the table without
the role that it needs: there is no route that forgot to ask. What is promised to whoever
writes an endpoint: the body is within its limit, ``request.state.identity`` says who
asks, and they have the role, for the package too when the path names one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from ketch.errors import KetchError
from ketch.hub.access import Identity, Role
from ketch.hub.problems import problem

Endpoint = Callable[[Request], Awaitable[Response]]
Refuse = Callable[[KetchError, Request], Response]


@dataclass(frozen=True)
class Entry:
    """One path and method.

    Attributes:
        method: ``GET`` answers ``HEAD`` too.
        path: As Starlette writes it, such as ``/v2/{name}/blobs/{digest}``.
        needs: The role without which nobody gets here.
        endpoint: What answers.
        package: The part of the path that names a package, which the token must cover.
        most_bytes: The largest body taken; 0 takes none.
        basic: Whether the token may come as a password, as OCI clients send it.
        refuse: How an error is told; by default as ``application/problem+json``.
        says: What it does, in one line.
    """

    method: str
    path: str
    needs: Role
    endpoint: Endpoint
    package: str | None = None
    most_bytes: int = 0
    basic: bool = False
    refuse: Refuse = problem
    says: str = ""


def asked_by(request: Request) -> Identity:
    """Return who asks."""
    identity: Identity = request.state.identity
    return identity
