"""Every path and method of the gateway answers as it is told here, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product

import pytest
from tests.conformance.serving.ground import SECRET, Ground, Sent, answer_to
from tests.conformance.serving.mutations import PATHS

from ketch.serving.doors import mlflow
from ketch.serving.doors.door import MOST_BYTES, MOST_ROWS

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
ROW = {"name": "a", "size": 3}
V2 = {
    "inputs": [
        {"name": "name", "datatype": "BYTES", "shape": [1], "data": ["a"]},
        {"name": "size", "datatype": "INT64", "shape": [1], "data": [3]},
    ]
}
ASKED: Mapping[str, object] = {
    "/shop": ROW,
    "/plain": [ROW],
    "/staging/shop": ROW,
    "/shop/invocations": {"instances": [ROW]},
    "/plain/invocations": {"dataframe_records": [ROW]},
    "/staging/shop/invocations": {"inputs": [ROW]},
    "/v2/models/shop/infer": V2,
    "/v2/models/plain/infer": V2,
    "/v2/models/shop/versions/1.0.0/infer": V2,
    "/v2/models/shop/versions/1.1.0/infer": V2,
}
"""What is answered to ``POST``, and with which body."""

PAGES: Mapping[str, tuple[int, str]] = {
    "/livez": (200, "application/json"),
    "/readyz": (503, "application/json"),  # one of the routes has no worker
    "/metrics": (200, "text/plain; version=1.0.0; charset=utf-8"),
    "/openapi.json": (200, "application/json"),
    "/shop/openapi.json": (200, "application/json"),
    "/docs": (200, "text/html; charset=utf-8"),
    "/docs/shop": (200, "text/html; charset=utf-8"),
    "/docs/try.js": (200, "text/javascript; charset=utf-8"),
    "/docs/page.css": (200, "text/css; charset=utf-8"),
    "/staging/docs": (200, "text/html; charset=utf-8"),
    "/staging/docs/shop": (200, "text/html; charset=utf-8"),
    "/staging/docs/plain": (404, "application/problem+json"),
    "/staging/openapi.json": (200, "application/json"),
    "/staging/shop/openapi.json": (200, "application/json"),
    "/docs/late": (404, "application/problem+json"),
    "/ping": (503, "text/plain; charset=utf-8"),
    "/health": (503, "text/plain; charset=utf-8"),
    "/version": (200, "text/plain; charset=utf-8"),
    "/v2": (200, "application/json"),
    "/v2/": (200, "application/json"),
    "/v2/health/live": (200, "application/json"),
    "/v2/health/ready": (503, "application/json"),
    "/v2/models/shop": (200, "application/json"),
    "/v2/models/shop/": (200, "application/json"),
    "/v2/models/shop/versions/1.1.0": (200, "application/json"),
    "/v2/models/shop/ready": (200, "application/json"),
    "/v2/models/shop/versions/1.0.0/ready": (200, "application/json"),
    "/v2/models/late/ready": (503, "application/json"),
    "/v2/models/late": (404, "application/json"),
}
"""What is answered to ``GET``, and in which form."""

STARTING = {"/late": 503, "/late/invocations": 503, "/v2/models/late/infer": 503}
"""What would be answered, and is not yet."""

NOWHERE = (
    *("/", "/nobody", "/nobody/invocations", "/invocations", "/staging", "/staging/plain"),
    *("/staging/nobody", "/shop/x", "/docs/nobody", "/docs/x.js", "/v2/x", "/v2/models"),
    *("/v2/models/nobody", "/v2/models/nobody/infer", "/v2/models/shop/versions/9/infer"),
    *("/v2/models/shop/x", "/favicon.ico", "/robots.txt", "/admin", "/v1/models/shop"),
)
READS = {"GET", "HEAD"}


def asked(path: str, method: str, body: object = None) -> Sent:
    content = b"" if body is None else json.dumps(body).encode()
    return Sent(path, content, method, where="page")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ASKED)
def test_rows_are_answered_to_post_alone(ground: Ground, path: str, method: str) -> None:
    answer = ground.ask(asked(path, method, ASKED[path]))[0]

    assert answer.status == (200 if method == "POST" else 405)
    if method == "POST":
        assert answer.headers["content-type"] == "application/json"
        assert {"ketch-package", "ketch-digest", "ketch-decision", "ketch-arm"} <= set(
            answer.headers
        )
    else:
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", PAGES)
def test_pages_are_answered_to_get_alone(ground: Ground, path: str, method: str) -> None:
    status, kind = PAGES[path]
    answer = ground.ask(asked(path, method))[0]

    assert answer.status == (status if method in READS else 405)
    if method in READS:
        assert answer.headers["content-type"] == kind
    else:
        assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(("path", "status"), STARTING.items())
def test_what_is_not_served_yet_says_when_to_ask_again(
    ground: Ground, path: str, status: int
) -> None:
    answer = ground.ask(asked(path, "POST", ROW))[0]

    assert (answer.status, answer.headers["retry-after"]) == (status, "1")


@pytest.mark.parametrize("path", NOWHERE)
def test_what_is_not_there_is_told(ground: Ground, path: str) -> None:
    answers = ground.ask(*(asked(path, method, ROW) for method in METHODS))

    statuses = dict(zip(METHODS, (answer.status for answer in answers), strict=True))
    assert statuses["GET"] == statuses["HEAD"] == 404
    assert set(statuses.values()) <= {404, 405}  # 405 where only pages could be


def test_odd_paths_are_answered_like_others(ground: Ground) -> None:
    """`check` looks at each: no 5xx but for what starts, nothing of the inside."""
    pairs = product((one for one in PATHS if one != "/é"), METHODS)
    answers = ground.ask(*(asked(path, method, ROW) for path, method in pairs))

    assert {answer.status for answer in answers} <= {200, 400, 404, 405, 503}


def test_a_tunnel_is_refused(ground: Ground) -> None:
    answers = ground.stream([b"CONNECT localhost:22 HTTP/1.1\r\nhost: localhost\r\n\r\n"])

    assert [answer.status for answer in answers] == [400]


def test_a_request_of_too_many_rows_is_refused_at_every_door(ground: Ground) -> None:
    count = MOST_ROWS + 1
    many = {"datatype": "BYTES", "shape": [count], "data": ["a"] * count}
    sizes = {"name": "size", "datatype": "INT64", "shape": [count], "data": [1] * count}
    bodies = {
        "/shop": [ROW] * count,
        "/shop/invocations": {"instances": [ROW] * count},
        "/v2/models/shop/infer": {"inputs": [{**many, "name": "name"}, sizes]},
    }
    answers = ground.ask(*(asked(path, "POST", body) for path, body in bodies.items()))

    assert [answer.status for answer in answers] == [413, 413, 413]


def test_a_body_that_is_too_long_is_refused_before_it_is_read(ground: Ground) -> None:
    said = b"POST /shop HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n"

    answers = ground.stream([said % (MOST_BYTES + 1)])

    assert [answer.status for answer in answers] == [413]


def test_the_largest_request_is_answered_row_by_row(ground: Ground) -> None:
    rows = [{"name": f"n{at}", "size": at} for at in range(MOST_ROWS)]

    ground.ask(Sent("/plain", json.dumps(rows).encode(), expected=[answer_to(row) for row in rows]))


def test_where_several_routes_are_served_mlflows_bare_path_is_nobodys(ground: Ground) -> None:
    one = asked("/invocations", "POST", {mlflow.FORMS[2]: [ROW]})

    assert ground.ask(one)[0].status == 404
    assert ground.ask(one, alone=True)[0].status == 200


def test_a_length_of_thousands_of_digits_is_refused(ground: Ground) -> None:
    """Python reads no number that long, not even one of zeros."""
    zeros = "0" * 5_000 + "5"
    length = f"POST /shop HTTP/1.1\r\nhost: localhost\r\ncontent-length: {zeros}\r\n\r\nhello"
    head = ("inference-header-content-length", zeros)
    binary = ("content-type", "application/octet-stream")

    assert [one.status for one in ground.stream([length.encode()])] == [400]
    sent = Sent("/v2/models/shop/infer", b"hello", headers=(binary, head), where="v2")
    assert ground.ask(sent)[0].status == 400


def test_why_a_package_does_not_run_is_told_to_nobody_who_asks_it(ground: Ground) -> None:
    """The reason names a path of the machine; `/readyz` has it without."""
    paths = ("/late", "/v2/models/late", "/v2/models/late/versions/1.0.0/infer", "/docs/late")
    sent = [asked(path, method) for path in paths for method in ("GET", "POST")]
    answers = ground.ask(*sent, asked("/readyz", "GET"))

    assert not any(SECRET.encode() in answer.body for answer in answers)
    assert b"late:1.0.0" in answers[-1].body
