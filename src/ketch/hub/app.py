"""The hub as an ASGI application: one table of routes, one way through it.

For each request, in this order: is it addressed to this hub and from no other site; is
there such a route and method; who asks; may they; is the body within its limit. Only then
does the route's endpoint see it. Whatever goes wrong is answered as an error that says
what was expected and nothing of the inside; the log has the rest under the request's number.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from ketch.errors import KetchError, NotFound, Unavailable, UsageError
from ketch.hub.access import Identity, Role
from ketch.hub.authority import ANYBODY, Authority
from ketch.hub.guard import Answer, Body, Limits, Names, check_framing, is_secure
from ketch.hub.problems import problem, request_id, status_of
from ketch.hub.routing import Entry
from ketch.logs import log, told
from ketch.package.paths import printable

T = TypeVar("T")

Paths = list[tuple[re.Pattern[str], dict[str, Entry]]]


class Hub:
    """The application.

    Args:
        table: Every route.
        authority: Tells who asks.
        names: Under which the hub is addressed.
        pool: Where the registry is asked.
        limits: How much is taken of everything.
    """

    def __init__(
        self,
        table: Sequence[Entry],
        authority: Authority,
        *,
        names: Names,
        pool: ThreadPoolExecutor,
        limits: Limits | None = None,
    ) -> None:
        self.table = tuple(table)
        self._authority = authority
        self._names = names
        self._pool = pool
        self._limits = limits or Limits()
        self._paths = _paths(self.table)
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing else is spoken."""
        if scope["type"] != "http":
            return
        began = time.monotonic()
        number = scope["ketch.request"] = secrets.token_hex(8)
        answer = Answer(send, number, secure=is_secure(scope))
        request = Request(scope, receive, answer)
        request.state.identity = ANYBODY
        self._running += 1
        try:
            await self._answer(request, receive, answer)
        except ClientDisconnect:
            told("the client left", request=number)
        finally:
            self._running -= 1
            told(
                "answered",
                request=number,
                client=(scope.get("client") or ("",))[0],
                method=scope["method"],
                path=scope["path"],
                status=answer.status,
                bytes=answer.count,
                person=request.state.identity.person,
                ms=round((time.monotonic() - began) * 1000, 1),
            )

    async def _answer(self, request: Request, receive: Receive, answer: Answer) -> None:
        entries: Mapping[str, Entry] = {}
        try:
            self._names.check(request.headers)
            check_framing(request.headers)
            entries, path = self._at(request.scope["path"])
            entry = _entry(entries, request.method)
            self._check_room()
            request.scope["path_params"] = path
            body = Body(receive, entry.most_bytes, self._limits.silence_s)
            body.check_length(request.headers)
            request.state.identity = await self._identity(request.headers, entry)
            request.state.identity.require(entry.needs, path.get(entry.package or ""))
            response = await entry.endpoint(Request(request.scope, body, answer))
        except KetchError as error:
            response = _refused(error, request, entries)
        except ClientDisconnect:
            raise
        except Exception:  # noqa: BLE001 # the last border: what went wrong stays inside
            log.exception("failed", extra={"facts": {"request": request_id(request)}})
            fault = KetchError("the hub failed", code="hub/fault")
            response = _refused(fault, request, entries)
        if answer.status is None:
            await response(request.scope, receive, answer)

    def _check_room(self) -> None:
        if self._running > self._limits.requests:
            raise Unavailable(
                f"the hub is at work on {self._limits.requests} requests",
                code="hub/busy",
                hint="try again in a moment",
            )

    async def _identity(self, headers: Headers, entry: Entry) -> Identity:
        if entry.needs is Role.ANYBODY:
            return ANYBODY
        return await in_pool(
            self._pool, lambda: self._authority.identify(headers, basic=entry.basic)
        )

    def _at(self, path: str) -> tuple[Mapping[str, Entry], dict[str, str]]:
        for pattern, entries in self._paths:
            found = pattern.match(path)
            if found is not None:
                return entries, found.groupdict()
        raise NotFound(
            f"the hub has no `{printable(unquote(path), 80)}`",
            code="hub/no-path",
            hint="`/api/v1/openapi.json` lists what it has",
        )


async def in_pool(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """Do what waits for a disk or a database without keeping other requests waiting."""
    return await asyncio.get_running_loop().run_in_executor(pool, work)


def _paths(table: Sequence[Entry]) -> Paths:
    """Return the paths in the order of the table, with what answers each method."""
    found: dict[str, dict[str, Entry]] = {}
    for entry in table:
        methods = found.setdefault(entry.path, {})
        if entry.method in methods:
            raise ValueError(f"{entry.method} {entry.path} stands in the table twice")
        methods[entry.method] = entry
    for methods in found.values():
        if "GET" in methods:
            methods.setdefault("HEAD", methods["GET"])
    return [(compile_path(path)[0], methods) for path, methods in found.items()]


def _entry(entries: Mapping[str, Entry], method: str) -> Entry:
    found = entries.get(method)
    if found is None:
        listed = ", ".join(sorted(entries))
        raise UsageError(
            f"expected one of {listed}, found `{printable(method, 20)}`", code="hub/method"
        )
    return found


def _refused(error: KetchError, request: Request, entries: Mapping[str, Entry]) -> Response:
    """Return what is answered instead, in the form of the path that was asked."""
    if status_of(error) >= 500:
        told(
            str(error),
            level=logging.ERROR,
            code=error.code,
            where=error.where,
            request=request_id(request),
        )
    refuse = next((entry.refuse for entry in entries.values()), problem)
    response = refuse(error, request)
    if error.code == "hub/method":
        response.headers["Allow"] = ", ".join(sorted(entries))
    return response
