"""Which path leads where: the doors of every route, and the pages about them.

=========================================  ==================================================
``POST /<route>``                          ketch's own form
``POST /<route>/invocations``              MLflow's; ``/invocations`` where one route is served
``POST /v2/models/<route>/infer``          the Open Inference Protocol
``/staging/<route>``, ``…/invocations``    the same, answered by what stands at staging;
                                           ``/staging/docs``, ``/staging/openapi.json``
``POST /outcomes``                         what became of answers
``GET /docs``, ``/openapi.json``           what a route takes and gives, to read and to try
``GET /livez``, ``/readyz``, ``/metrics``  for those who watch
=========================================  ==================================================

A route may have the name of a page: it is asked by ``POST``, and the page is read by ``GET``.
Only ``outcomes`` is no name for a route.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from ketch.errors import KetchError, NotFound, Unavailable, UsageError
from ketch.schema.problems import printable
from ketch.serving.doors import health, mlflow, openapi, page
from ketch.serving.doors.door import Door
from ketch.serving.doors.exposition import exposition
from ketch.serving.doors.mlflow import Mlflow
from ketch.serving.doors.native import Native
from ketch.serving.doors.outcomes import PATH as OUTCOMES
from ketch.serving.doors.outcomes import OutcomesDoor, not_recorded
from ketch.serving.doors.served import no_route
from ketch.serving.doors.v2 import pages as v2
from ketch.serving.doors.v2.door import V2, failed
from ketch.serving.gateway import Gateway
from ketch.serving.http.messages import Request, Response
from ketch.serving.routes.plan import starting
from ketch.serving.routes.table import LiveRoute, Table

Answer: TypeAlias = Response | Awaitable[Response]
Page: TypeAlias = Callable[[Table], Response]

_STAGING = "/staging/"
_ABOUT = frozenset({"docs", "openapi.json"})


class Paths:
    """The application: finds what a path leads to.

    Args:
        gateway: Answers on routes.
        outcomes: Records what became of answers; None where nobody does.
    """

    def __init__(self, gateway: Gateway, outcomes: OutcomesDoor | None = None) -> None:
        self._gateway = gateway
        self._outcomes = outcomes
        self._native, self._v2, self._mlflow = Native(), V2(), Mlflow()
        self._pages: Mapping[str, Page] = {
            "/livez": lambda _: health.livez(),
            "/readyz": lambda _: health.readyz(self._known),
            "/metrics": lambda _: exposition(gateway.books.metrics),
            "/openapi.json": openapi.whole,
            "/docs": page.index,
            "/ping": lambda _: mlflow.ping(is_ready=health.is_ready(self._known)),
            "/health": lambda _: mlflow.ping(is_ready=health.is_ready(self._known)),
            "/version": lambda _: mlflow.told_version(),
            "/v2": lambda _: v2.server(),
            "/v2/": lambda _: v2.server(),
            "/v2/health/live": lambda _: v2.live(),
            "/v2/health/ready": lambda _: v2.ready(is_ready=health.is_ready(self._known)),
        }

    @property
    def _known(self) -> Table | None:
        """What is served, once it is known what ought to be."""
        return self._gateway.table if self._gateway.is_known else None

    def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        if request.path == OUTCOMES:
            return self._told(request)
        route = self._gateway.table.get(request.path[1:])
        if route is not None and request.method == "POST":
            return self._gateway.answer(request, route, self._native)
        try:
            return self._elsewhere(request, route)
        except KetchError as error:
            return self._refused(request, error)

    def _told(self, request: Request) -> Answer:
        """Record outcomes."""
        if request.method != "POST":
            return self._refused(request, _method(request, "POST"))
        if self._outcomes is None:
            return self._refused(request, not_recorded())
        if not self._gateway.is_known:
            return self._refused(request, _unknown())
        return self._outcomes.answer(request, self._gateway.table)

    def _elsewhere(self, request: Request, route: LiveRoute | None) -> Answer:
        page = self._pages.get(request.path)
        if page is not None:
            return self._page(request, page)
        if route is not None:
            raise _method(request, "POST", f"`/docs/{route.name}` says what it takes")
        if not self._gateway.is_known:
            raise _unknown()
        first, _, rest = request.path[1:].partition("/")
        if not first:
            raise NotFound(
                "expected the name of a route in the path, found none",
                code="request/route",
                hint="`/docs` shows what is served",
            )
        if first == "v2":
            return self._of_v2(request)
        if first == "docs" and rest:
            return self._page(request, lambda table: _document(table, rest))
        if first == "staging":
            name, _, last = rest.partition("/")
            is_asked = request.method == "POST" and name in self._gateway.table
            if name in _ABOUT and not is_asked:
                return self._page(request, lambda table: _about_staging(table, name, last))
            return self._at(request, self._staged(name), last, _STAGING)
        if first == "invocations" and not rest:
            return self._posted(request, self._only(), self._mlflow)
        found = self._gateway.table.get(first)
        if found is None:
            raise no_route(first, self._gateway.table)
        return self._at(request, found, rest)

    def _at(self, request: Request, route: LiveRoute, rest: str, base: str = "/") -> Answer:
        """Answer what stands below a route: its doors, and what it takes and gives."""
        if rest == "":
            return self._posted(request, route, self._native)
        if rest == "invocations":
            return self._posted(request, route, self._mlflow)
        contract = route.contract
        if rest == "openapi.json" and contract is not None:
            return self._page(request, lambda _: openapi.of_route(route.name, contract, base))
        raise NotFound(
            f"the route `{route.name}` has no `{printable(rest, 40)}`",
            code="request/path",
            hint=f"`POST /{route.name}` asks it, `/docs/{route.name}` says what it takes",
        )

    def _only(self) -> LiveRoute:
        """Return the one route that is served."""
        table = self._gateway.table
        if len(table) != 1:
            raise NotFound(
                f"expected `/ROUTE/invocations`, for `{len(table)}` routes are served",
                code="request/path",
            )
        return next(iter(table.values()))

    def _refused(self, request: Request, error: KetchError) -> Response:
        if request.path == "/v2" or request.path.startswith("/v2/"):
            return failed(error)
        door = self._mlflow if request.path.endswith("/invocations") else self._native
        return door.refuse(error, request)

    def _of_v2(self, request: Request) -> Answer:
        table = self._gateway.table
        place = v2.called(request.path)
        if place is None:
            raise NotFound("no such path in the Open Inference Protocol", code="request/path")
        if place.verb == "ready":
            return self._page(request, lambda _: v2.standing(table, place))
        if place.verb != "infer":
            return self._page(request, lambda _: v2.model(table, place))
        found = table.get(place.model)
        if found is None:
            raise no_route(place.model, table)
        if place.version is not None:
            chosen = found.of_version(place.version)
            if chosen is None:
                raise v2.no_version(found, place.version)
            found = chosen
        return self._posted(request, found, self._v2)

    def _posted(self, request: Request, route: LiveRoute, door: Door) -> Answer:
        if request.method != "POST":
            raise _method(request, "POST")
        return self._gateway.answer(request, route, door)

    def _page(self, request: Request, page: Page) -> Response:
        if request.method not in {"GET", "HEAD"}:
            raise _method(request, "GET")
        return page(self._gateway.table)

    def _staged(self, name: str) -> LiveRoute:
        table = self._gateway.table
        route = table.get(name)
        if route is None:
            raise no_route(name, table)
        if route.staged is None:
            if route.wanted is not None and route.wanted.staging is not None:
                raise starting(route.wanted.staging.package, route)
            raise NotFound(
                f"nothing stands at staging on the route `{name}`",
                code="request/route",
                hint="`ketch promote REF staging` puts a package there",
            )
        return route.staged


def _document(table: Table, name: str) -> Response:
    return page.static(name) if "." in name and name not in table else page.of_route(table, name)


def _about_staging(table: Table, page_name: str, route: str) -> Response:
    """Return what there is to read about what stands at staging."""
    staged = {name: one.staged for name, one in table.items() if one.staged is not None}
    if page_name == "openapi.json":
        return openapi.whole(staged, _STAGING)
    return page.of_route(staged, route, _STAGING) if route else page.index(staged, _STAGING)


def _unknown() -> Unavailable:
    return Unavailable(
        "the routes are not known yet", code="serve/starting", hint="try again in a moment"
    )


def _method(request: Request, wanted: str, hint: str | None = None) -> UsageError:
    return UsageError(
        f"expected `{wanted}`, found `{printable(request.method, 20)}`",
        code="request/method",
        where=wanted,
        hint=hint,
    )
