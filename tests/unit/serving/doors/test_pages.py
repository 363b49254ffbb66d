"""Pages about what is served: documents, forms to try it, health, figures."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.contracts import Route, contract, route
from tests.verification import asks

from ketch.errors import NotFound
from ketch.serving.doors import openapi, page
from ketch.serving.doors.exposition import exposition
from ketch.serving.doors.health import livez, readyz
from ketch.serving.metrics import GONE_S, Gauges, Metrics, PoolGauge

SHOP = contract(
    {
        "name": {"type": "string", "description": "What <b>it</b> says"},
        "mail": {"type": "string", "pii": True, "optional": True},
        "size": {"type": "int64", "nullable": True, "min": 0, "max": 9},
    },
    {"price": "float64", "note": {"type": "string", "pii": True}},
    [
        asks(
            "one </script>",
            {"name": "a", "mail": "ann@shop.example", "size": 3},
            {"price": 1.5, "note": "for Ann"},
        ),
        asks("two", [{"name": "a", "size": None}] * 2, [{"price": 1.0, "note": ""}] * 2),
        asks("many", [{"name": "a", "size": 1}] * 21, [{"price": 1.0, "note": ""}] * 21),
        asks("wrong", {"name": None}, error="schema/null"),
    ],
)
SERVED = {"shop": route("shop", SHOP), "empty": route("empty")}


def document(served: Any = SERVED) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(openapi.whole(served).body)
    return body


def resolved(of: dict[str, Any], schema: Any) -> dict[str, Any]:
    """Return a schema that can be checked against by itself."""
    return {**schema, "components": of["components"]}


def test_a_document_has_every_door_of_every_route_that_promises_something() -> None:
    assert set(document()["paths"]) == {
        *("/shop", "/v2/models/shop/infer", "/shop/invocations", "/outcomes"),
    }


def test_scenarios_are_the_examples_and_fit_what_is_declared() -> None:
    of = document()
    operation = of["paths"]["/shop"]["post"]
    sent = operation["requestBody"]["content"]["application/json"]

    assert set(sent["examples"]) == {"one </script>", "two"}
    for example in sent["examples"].values():
        jsonschema.validate(example["value"], resolved(of, sent["schema"]))
    assert len(operation["responses"]["200"]["content"]["application/json"]["examples"]) == 2


def test_personal_data_stands_in_no_document_and_on_no_page() -> None:
    for body in (openapi.whole(SERVED).body, page.of_route(SERVED, "shop").body):
        assert b"ann@shop" not in body
        assert b"for Ann" not in body


def test_every_reference_of_a_document_leads_somewhere() -> None:
    of = document()

    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(of)):
        place: Any = of
        for part in reference.split("/"):
            place = place[part]
        assert place


def test_a_route_has_a_document_of_its_own() -> None:
    of = json.loads(openapi.of_route("shop", SHOP).body)

    assert of["info"]["summary"] == SHOP.package.manifest.description
    assert "/shop" in of["paths"]


class Reader(HTMLParser):
    """Reads a page as a browser does."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def read(content: bytes) -> list[tuple[str, dict[str, str | None]]]:
    reader = Reader()
    reader.feed(content.decode())
    return reader.tags


def test_a_page_lets_nothing_of_a_package_become_markup() -> None:
    body = page.of_route(SERVED, "shop").body

    assert b"<b>it</b>" not in body
    assert [tag for tag, _ in read(body)].count("script") == 1


def test_a_page_needs_no_other_site_and_no_inline_script() -> None:
    reply = page.of_route(SERVED, "shop")
    policy = dict(reply.headers)["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag, attributes in read(reply.body):
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        for name in ("src", "href"):
            assert (attributes.get(name) or "/").startswith(("/", "data:,"))
    size = sum(len(page.static(name).body) for name in ("try.js", "page.css"))
    assert len(reply.body) + size < 50_000


def test_a_form_offers_the_scenarios_and_every_field_has_its_label() -> None:
    tags = read(page.of_route(SERVED, "shop").body)
    bodies = [attributes["data-body"] for tag, attributes in tags if tag == "option"]
    labelled = {attributes["for"] for tag, attributes in tags if tag == "label"}
    fields = {a["id"] for tag, a in tags if tag in {"textarea", "select", "input"}}

    assert [json.loads(body or "") for body in bodies] == [
        {"name": "a", "size": 3},
        [{"name": "a", "size": None}] * 2,
    ]
    assert labelled == fields


def test_the_first_page_links_to_every_route() -> None:
    links = [a.get("href") for tag, a in read(page.index(SERVED).body) if tag == "a"]

    assert "/docs/shop" in links
    assert b"None is served yet" in page.index({}).body


@pytest.mark.parametrize("name", ["shpo", "empty"])
def test_a_route_that_is_not_there_has_no_page(name: str) -> None:
    with pytest.raises(NotFound):
        page.of_route(SERVED, name)


@pytest.mark.parametrize("name", ["../page.py", "page.css/", "", "x.js"])
def test_only_the_two_files_of_the_pages_are_given_out(name: str) -> None:
    with pytest.raises(NotFound):
        page.static(name)


def standing(served: dict[str, Route] | None) -> tuple[int, Any]:
    reply = readyz(served)
    return reply.status, json.loads(reply.body)


def test_a_gateway_lives_as_soon_as_it_answers() -> None:
    assert livez().status == 200


def test_a_gateway_is_ready_when_every_route_has_a_verified_worker() -> None:
    shop = route("shop", SHOP)

    assert standing({"shop": shop}) == (
        200,
        {"ready": True, "routes": {"shop": {"ready": True, "arms": {"prod": "hello:1.0.0"}}}},
    )
    assert standing({"shop": shop, "empty": route("empty")})[0] == 503
    assert standing({"shop": replace(shop, has_workers=False)})[0] == 503


def test_a_gateway_on_which_nothing_was_promoted_is_ready() -> None:
    assert standing({})[0] == 200


def test_a_gateway_that_does_not_know_its_routes_is_not_ready() -> None:
    assert standing(None)[0] == 503


def test_a_route_that_is_not_ready_says_why_without_the_inside() -> None:
    why = {"shop:2.0": "scenario `one` fails\nTraceback at /srv/ketch/env"}
    told = standing({"shop": route("shop", problems=why)})[1]

    assert told["routes"]["shop"]["problems"] == {"shop:2.0": "scenario `one` fails"}


def figures(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = exposition(metrics).body.decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_package_that_has_been_gone_for_an_hour_has_no_figures_any_more() -> None:
    metrics = Metrics()
    for version in ("1.0", "1.1"):
        metrics.answered("shop", f"shop:{version}", "prod", 200, 0.001)
        metrics.restarted(f"shop:{version}", "died")
        metrics.shadowed("shop", f"shop:{version}", "answered")
    metrics.answered("shop", "", "", 404, 0.001)

    for now in (0.0, GONE_S, GONE_S + 1.0):
        before = len(figures(metrics))
        metrics.serving(["shop:1.1"], now)

    told = {label for _, labels in figures(metrics) for label in labels}
    assert ("package", "shop:1.0") not in told
    assert {("package", "shop:1.1"), ("package", "")} <= told
    assert before > len(figures(metrics)), "until then they are told"


def test_a_package_that_came_back_within_the_hour_counts_on() -> None:
    metrics = Metrics()
    metrics.answered("shop", "shop:1.0", "prod", 200, 0.001)
    for served, now in ((), 0.0), (("shop:1.0",), 3_000.0), ((), 3_500.0), ((), 7_000.0):
        metrics.serving(served, now)

    assert len(metrics.requests) == 1


def test_prometheus_reads_what_was_counted() -> None:
    pool = PoolGauge("shop:1.0", depth=3, workers=2, rss_bytes=10, is_failing=True)
    metrics = Metrics(lambda: Gauges((pool,), {"shop": True}, 7, 5, 4))
    for seconds in (0.0005, 0.003, 99.0):
        metrics.answered("shop", "shop:1.0", "prod", 200, seconds)
    metrics.answered("shop", "shop:1.0", "prod", 503, 0.001)
    pool.batches.add(64)
    metrics.refused("shop", "serve/busy")
    metrics.restarted("shop:1.0", "died")
    metrics.shadowed("shop", "shop:2.0", "answered")
    metrics.swapped("shop")

    found = figures(metrics)

    arm = {("route", "shop"), ("package", "shop:1.0"), ("arm", "prod")}
    assert found["ketch_requests_total", frozenset({*arm, ("status", "200")})] == 3
    assert found["ketch_requests_total", frozenset({*arm, ("status", "503")})] == 1
    assert found["ketch_request_seconds_bucket", frozenset({*arm, ("le", "0.001")})] == 2
    assert found["ketch_request_seconds_bucket", frozenset({*arm, ("le", "10.0")})] == 3
    assert found["ketch_request_seconds_bucket", frozenset({*arm, ("le", "+Inf")})] == 4
    assert found["ketch_request_seconds_count", frozenset(arm)] == 4
    package = frozenset({("package", "shop:1.0")})
    assert found["ketch_call_rows_sum", package] == 64
    assert found["ketch_queue_depth", package] == 3
    assert found["ketch_failing", package] == 1
    assert (
        found["ketch_refusals_total", frozenset({("route", "shop"), ("code", "serve/busy")})] == 1
    )
    assert found["ketch_restarts_total", frozenset({*package, ("why", "died")})] == 1
    assert found["ketch_swaps_total", frozenset({("route", "shop")})] == 1
    assert found["ketch_ready", frozenset({("route", "shop")})] == 1
    assert found["ketch_connections", frozenset()] == 7
    assert found["ketch_decisions_dropped_total", frozenset()] == 5
