"""Where paths lead on a gateway whose routes have no workers, or odd names."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest
from tests.unit.serving.routes.routes import arm

from ketch.serving.books import Books
from ketch.serving.gateway import Gateway
from ketch.serving.http.messages import Request, Response
from ketch.serving.metrics import Metrics
from ketch.serving.paths import Paths
from ketch.serving.routes.table import settle
from ketch.serving.routes.wanted import WantedRoute
from ketch.serving.settings import Settings


def paths(*wanted: WantedRoute) -> Paths:
    gateway = Gateway(Settings(), Books(Metrics()))
    gateway.is_known = True
    gateway.flip(MappingProxyType({one.name: settle(one, None, {}, {}) for one in wanted}))
    return Paths(gateway)


def ask(application: Paths, method: str, path: str) -> Response:
    answer = application(Request(method, path, headers={"content-type": "application/json"}))
    assert isinstance(answer, Response)
    return answer


@pytest.mark.parametrize("name", ["metrics", "livez", "readyz", "docs", "health", "version"])
def test_a_route_with_the_name_of_a_page_does_not_take_its_place(name: str) -> None:
    application = paths(WantedRoute(name, rest=arm("prod", "a")))

    page = ask(application, "GET", f"/{name}")

    assert page.status in {200, 503}
    assert b"request/method" not in page.body


def test_staging_says_when_what_stands_there_is_about_to_answer() -> None:
    application = paths(WantedRoute("shop", staging=arm("staging", "a")))

    answer = ask(application, "POST", "/staging/shop")

    assert (answer.status, json.loads(answer.body)["code"]) == (503, "serve/starting")
    assert dict(answer.headers)["Retry-After"] == "1"


def test_a_path_that_begins_like_another_protocols_is_refused_in_our_own_form() -> None:
    answer = ask(paths(), "GET", "/v2nd")

    assert (answer.status, answer.media_type) == (404, "application/problem+json")


def test_the_address_alone_says_where_to_look() -> None:
    answer = json.loads(ask(paths(WantedRoute("shop", rest=arm("prod", "a"))), "GET", "/").body)

    assert answer["detail"] == "expected the name of a route in the path, found none"
    assert answer["hint"] == "`/docs` shows what is served"


def test_the_address_of_outcomes_is_no_routes() -> None:
    """A route that is called so, from before, is asked by its other doors."""
    application = paths(WantedRoute("outcomes", rest=arm("prod", "a")))

    told, read = (ask(application, method, "/outcomes") for method in ("POST", "GET"))
    asked = application(Request("POST", "/outcomes/invocations"))

    assert (told.status, json.loads(told.body)["code"]) == (404, "request/path")
    assert (read.status, dict(read.headers)["Allow"]) == (405, "POST")
    assert not isinstance(asked, Response)
    asked.close()  # type: ignore[attr-defined] # it is a coroutine, that nobody runs
