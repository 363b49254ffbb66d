"""Every route and method of a hub asks for what it declares: nothing forgot to ask."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from tests.hubs import Answer, Served

from ketch.hub.access import Role
from ketch.hub.inside import opened
from ketch.hub.routing import Entry
from ketch.hub.serve import application
from ketch.hub.settings import Settings

pytestmark = pytest.mark.servers

DIGEST = "sha256:" + "0" * 64
PARTS = {
    "reference": "shop:1.0.0",
    "name": "shop",
    "route": "greetings",
    "token": "00000000",
    "digest": DIGEST,
    "upload": "00000000-0000-0000-0000-000000000000",
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
BODIES: Mapping[str, object] = {
    "POST /api/v1/versions": {"name": "shop", "digest": DIGEST},
    "POST /api/v1/versions/{reference}/withdrawal": {"reason": "old"},
    "PUT /api/v1/packages/{name}/owner": {"owner": "search@shop.example"},
    "POST /api/v1/promotions": {"package": "shop:1.0.0", "stage": "staging"},
    "POST /api/v1/approvals": {"package": "shop:1.1.0"},
    "POST /api/v1/rejections": {"package": "shop:1.1.0", "reason": "no"},
    "PUT /api/v1/routes/{route}/policy": {"policy": {"approvals": 1}},
    "POST /api/v1/routes/{route}/rollback": {},
    "POST /api/v1/routes/{route}/verdict": {
        "verdict": {
            "rollout": "0" * 12,
            "digest": DIGEST,
            "action": "hold",
            "sentence": "Hold: it is late.",
        }
    },
    "POST /api/v1/routes/{route}/drift": {
        "finding": {"digest": DIGEST, "fields": [], "sentence": "No drift: it is early."}
    },
    "POST /api/v1/audit": {},
    "POST /api/v1/tokens": {"person": "eve", "role": "admin"},
}
QUERIES = {
    "GET /api/v1/versions/{reference}/gates": "?stage=prod",
    "GET /api/v1/routes/{route}/arms": "?at=2026-03-03T12:00:00Z",
    "GET /api/v1/events": "?subject=package:shop",
}
LISTS = {
    "GET /livez",
    "GET /readyz",
    "GET /api/v1/openapi.json",
    "GET /api/v1/me",
    "GET /api/v1/versions",
    "GET /api/v1/routes",
    "GET /api/v1/audit/head",
    "GET /v2/",
    "GET /v2/_catalog",
}
"""What answers everybody who may look, with no more than their token covers."""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Entry, ...]:
    """The table of routes of every hub."""
    with (
        opened(tmp_path_factory.mktemp("table")) as inside,
        application(inside, Settings(), person="nobody") as hub,
    ):
        return hub.table


def key(entry: Entry) -> str:
    return f"{entry.method} {entry.path}"


def asked(
    served: Served, entry: Entry, token: str | None = None, *, method: str | None = None
) -> Answer:
    """Ask what an entry answers, with a request that means something."""
    path = re.sub(r"{(\w+)(?::path)?}", lambda found: PARTS[found[1]], entry.path)
    query = QUERIES.get(key(entry), "")
    body = BODIES.get(key(entry)) if method is None else None
    return served.ask(method or entry.method, f"{path}{query}", token=token, body=body)


def test_every_entry_declares_the_role_that_it_needs(table: tuple[Entry, ...]) -> None:
    assert len(table) > 30
    for entry in table:
        assert isinstance(entry.needs, Role), key(entry)
        assert entry.says.endswith("."), key(entry)
    open_to_all = {key(entry) for entry in table if entry.needs is Role.ANYBODY}
    assert open_to_all == {"GET /livez", "GET /readyz", "GET /api/v1/openapi.json"}


def test_every_call_that_takes_a_body_has_one_here(table: tuple[Entry, ...]) -> None:
    takes = {key(one) for one in table if one.most_bytes and one.path.startswith("/api")}
    assert takes == set(BODIES)


def test_nobody_gets_in_without_a_token(served: Served, table: tuple[Entry, ...]) -> None:
    for entry in table:
        answer = asked(served, entry)
        if entry.needs is Role.ANYBODY:
            assert answer.status == 200, key(entry)
            continue
        assert answer.status == 401, key(entry)
        assert answer.headers["www-authenticate"].startswith("Basic" if entry.basic else "Bearer")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "ketch_00000000_" + "A" * 43,
        "ketch_" + "0" * 8,
        "' OR '1'='1",
        "ketch_%27_x",
        "é" * 58,
        "A" * 8000,
    ],
    ids=lambda one: one[:16],
)
def test_nobody_gets_in_with_another_token(
    served: Served, table: tuple[Entry, ...], token: str
) -> None:
    for entry in table:
        if entry.needs is not Role.ANYBODY:
            assert asked(served, entry, token).status == 401, key(entry)


def test_a_token_that_was_revoked_or_has_ended_is_none(served: Served) -> None:
    token = served.token("eve", Role.VIEWER, days=1)
    assert served.ask("GET", "/api/v1/me", token=token).status == 200
    with opened(served.home) as inside:
        known = next(one for one in inside.tokens.listed() if one.identity.person == "eve")
        assert known.expires is not None
        inside.tokens.revoke(known.id, by="root")
    answer = served.ask("GET", "/api/v1/me", token=token)
    assert (answer.status, answer.json["code"]) == (401, "hub/unknown-token")


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ANYBODY], ids=str)
def test_a_role_opens_what_needs_it_or_less_and_nothing_else(
    served: Served, table: tuple[Entry, ...], role: Role
) -> None:
    token = served.token("role", role)
    for entry in table:
        answer = asked(served, entry, token)
        if entry.needs > role:
            assert answer.status == 403, key(entry)
        else:
            assert answer.status not in {401, 403}, (key(entry), answer)
        assert answer.status < 500, (key(entry), answer)


def test_a_publisher_promotes_to_staging_and_no_further(served: Served) -> None:
    token = served.token("role", Role.PUBLISHER)
    for stage, status in {"staging": 200, "dev": 403, "limited": 403, "prod": 403}.items():
        body = {"package": "shop:1.1.0", "stage": stage}
        answer = served.ask("POST", "/api/v1/promotions", token=token, body=body)
        assert answer.status == status, answer


def test_a_token_for_other_packages_opens_nothing_of_this_one(
    served: Served, table: tuple[Entry, ...]
) -> None:
    token = served.token("limited", Role.ADMIN, ("other*",))
    for entry in table:
        answer = asked(served, entry, token)
        if key(entry) in LISTS:
            assert answer.status == 200, (key(entry), answer)
            assert not re.search(rb'"shop["@:]', answer.content) or "openapi" in entry.path
        else:
            assert answer.status == 403, (key(entry), answer)


def test_a_token_for_a_package_opens_it(served: Served) -> None:
    token = served.token("limited", Role.ADMIN, ("shop",))
    for path in (
        "/api/v1/versions/shop:1.0.0",
        "/api/v1/versions/shop@prod",
        "/api/v1/routes/greetings",
        "/api/v1/events?subject=route:greetings",
        "/v2/shop/tags/list",
    ):
        assert served.ask("GET", path, token=token).status == 200, path
    for path in (
        "/api/v1/versions/other:1.0.0",
        "/api/v1/versions/shopping:1.0.0",
        "/api/v1/routes/elsewhere",
        "/api/v1/events",
        "/api/v1/events?subject=package:other",
        "/api/v1/events?subject=token:00000000",
        "/v2/other/tags/list",
    ):
        assert served.ask("GET", path, token=token).status == 403, path
    listed = served.ask("GET", "/api/v1/versions", token=token).json["versions"]
    assert {one["name"] for one in listed} == {"shop"}


def test_a_limited_token_takes_over_no_route_of_others(served: Served) -> None:
    token = served.token("limited", Role.ADMIN, ("other*",))
    body = {"package": "other:1.0.0", "stage": "staging", "route": "greetings"}
    answer = served.ask("POST", "/api/v1/promotions", token=token, body=body)
    assert (answer.status, answer.json["code"]) == (403, "hub/denied")
    rules = {"policy": {"baseline": "shop:1.0.0", "baseline_share": 0.5}}
    answer = served.ask("PUT", "/api/v1/routes/elsewhere/policy", token=token, body=rules)
    assert (answer.status, answer.json["code"]) == (403, "hub/denied")


def test_a_limited_token_says_no_word_on_a_route_of_others(served: Served) -> None:
    token = served.token("limited", Role.ADMIN, ("other*",))
    before = served.ask("GET", "/api/v1/routes/greetings", token=served.token("role", Role.ADMIN))
    for path in ("/api/v1/approvals", "/api/v1/rejections"):
        body = {"package": "other:1.0.0", "route": "greetings", "reason": "for fun"}
        answer = served.ask("POST", path, token=token, body=body)
        assert (answer.status, answer.json["code"]) == (403, "hub/denied")
    after = served.ask("GET", "/api/v1/routes/greetings", token=served.token("role", Role.ADMIN))
    assert after.json == before.json


def test_a_limited_token_sees_what_it_did_to_a_route(served: Served) -> None:
    token = served.token("limited", Role.ADMIN, ("other*",))
    admin = served.token("role", Role.ADMIN)
    body = {"package": "other:1.0.0", "stage": "staging", "route": "emptied"}
    for stage in ("staging", "dev"):
        said = {**body, "stage": stage}
        assert served.ask("POST", "/api/v1/promotions", token=token, body=said).status == 200
        assert served.ask("GET", "/api/v1/routes/emptied", token=token).status == 200
    rules = {"policy": {"approvals": 2}}
    assert served.ask("PUT", "/api/v1/routes/ruled/policy", token=token, body=rules).status == 200
    assert served.ask("GET", "/api/v1/routes/ruled", token=token).status == 200
    approval = {"package": "shop:1.0.0", "route": "judged"}
    assert served.ask("POST", "/api/v1/approvals", token=admin, body=approval).status == 200
    assert served.ask("GET", "/api/v1/routes/judged", token=token).status == 403
    listed = served.ask("GET", "/api/v1/routes", token=token).json["routes"]
    assert {"emptied", "ruled"} <= {one["route"] for one in listed}
    assert "judged" not in {one["route"] for one in listed}


def test_what_is_not_there_says_nothing_of_what_is_to_a_limited_token(served: Served) -> None:
    token = served.token("limited", Role.ADMIN, ("shap*",))
    answer = served.ask("GET", "/api/v1/versions/shap:1.0.0", token=token)
    assert answer.status == 404
    assert b"shop" not in answer.content


def test_a_limited_admin_lets_nobody_in(served: Served) -> None:
    token = served.token("limited", Role.ADMIN, ("other*",))
    body = {"person": "eve", "role": "admin"}
    assert served.ask("POST", "/api/v1/tokens", token=token, body=body).status == 403


def test_a_method_that_a_path_does_not_have_is_refused_for_everybody(
    served: Served, table: tuple[Entry, ...]
) -> None:
    token = served.token("role", Role.ADMIN)
    known: dict[str, set[str]] = {}
    for entry in table:
        known.setdefault(entry.path, set()).add(entry.method)
    for entry in table:
        allowed = known[entry.path] | ({"HEAD"} if "GET" in known[entry.path] else set())
        for method in set(METHODS) - allowed:
            answer = asked(served, entry, token, method=method)
            assert answer.status == 405, (method, key(entry), answer)
            assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/api", "/api/v1", "/api/v1/", "/api/v2/me", "/api/v1/me/", "/api/v1//me"),
        *("//api/v1/me", "/api/v1/../v1/me", "/api/v1/%2e%2e/me", "/api/v1/me%2f", "/api/v1/ME"),
        *("/admin", "/.git/config"),
    ],
)
def test_what_is_not_in_the_table_is_not_there(served: Served, path: str) -> None:
    answer = served.ask("GET", path, token=served.token("role", Role.ADMIN))
    assert answer.status == 404, answer
    assert answer.json["code"] == "hub/no-path"


def test_head_tells_as_much_as_get_without_the_body(served: Served) -> None:
    token = served.token("role", Role.VIEWER)
    got, headed = (served.ask(method, "/api/v1/me", token=token) for method in ("GET", "HEAD"))
    assert headed.status == got.status == 200
    assert headed.headers["content-length"] == got.headers["content-length"]
    assert headed.content == b""
