"""What others did to registries like this one, done to ours (by class of attack)."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from tests.hubs import Nursery, Served

from ketch.hub.access import Role

pytestmark = pytest.mark.servers

SCRIPTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "\u202e\u0000\u001b]0;x\u0007",
    "=cmd|' /C calc'!A0",
)
STATEMENTS = (
    "'; DROP TABLE versions; --",
    "' OR '1'='1",
    "x' UNION SELECT hash, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 FROM tokens --",
    "%' ESCAPE '\\",
    "_%_",
    "1; ATTACH DATABASE '/etc/passwd' AS x",
    "(a+)+$" * 30,
)


@pytest.fixture(scope="module")
def token(served: Served) -> str:
    return served.token("otto")


def raw(served: Served, request: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; return the first status, and all that came back."""
    parts = urlsplit(served.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20) as line:
        line.sendall(request)
        answer = b""
        with suppress(ConnectionResetError):  # it refused what it had not read to the end
            while part := line.recv(65536):
                answer += part
    status = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return int(status[1]) if status else 0, answer


class TestBrowsers:
    @pytest.mark.parametrize(
        "host",
        ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::", "a b"],
    )
    def test_another_host_is_not_this_hub(self, served: Served, token: str, host: str) -> None:
        answer = served.ask("GET", "/api/v1/me", token=token, headers={"Host": host})
        assert answer.status in {400, 421}, answer
        assert b"otto" not in answer.content

    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80"])
    def test_its_own_names_are(self, served: Served, token: str, host: str) -> None:
        answer = served.ask("GET", "/api/v1/me", token=token, headers={"Host": host})
        assert answer.status == 200

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1:1"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
        ids=str,
    )
    def test_a_page_of_another_site_does_nothing(
        self, served: Served, token: str, method: str, headers: dict[str, str]
    ) -> None:
        paths = {"GET": "/me", "POST": "/audit", "PUT": "/packages/shop/owner"}
        path = paths.get(method, "/tokens/00000000")
        body: object = None if method in {"GET", "DELETE"} else {}
        answer = served.ask(method, f"/api/v1{path}", token=token, body=body, headers=headers)
        assert (answer.status, answer.json["code"]) == (403, "hub/origin")

    def test_no_other_site_may_read_an_answer(self, served: Served, token: str) -> None:
        answer = served.ask("GET", "/api/v1/me", token=token)
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize(
        "kind",
        [
            *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""),
            *("application/jsonx", "text/json"),
        ],
    )
    def test_what_a_form_can_send_is_no_request(
        self, served: Served, token: str, kind: str
    ) -> None:
        said = {"Content-Type": kind}
        answer = served.ask("POST", "/api/v1/audit", token=token, body=b"{}", headers=said)
        assert (answer.status, answer.json["code"]) == (415, "hub/media-type")

    def test_a_remembered_password_opens_bytes_alone(self, served: Served, token: str) -> None:
        import base64

        basic = base64.b64encode(f"any:{token}".encode()).decode()
        said = {"Authorization": f"Basic {basic}"}
        assert served.ask("GET", "/v2/", headers=said).status == 200
        assert served.ask("GET", "/api/v1/me", headers=said).status == 401

    def test_every_answer_says_what_a_browser_must_not_do(self, served: Served, token: str) -> None:
        paths = (
            "/livez",
            "/api/v1/me",
            "/nowhere",
            "/v2/",
            "/v2/shop/tags/list",
            "/api/v1/openapi.json",
        )
        for path in paths:
            for one in (token, None):
                headers = served.ask("GET", path, token=one).headers
                assert headers["x-content-type-options"] == "nosniff"
                assert "default-src 'none'" in headers["content-security-policy"]
                assert headers["x-frame-options"] == "DENY"
                assert "server" not in headers


class TestText:
    @pytest.mark.parametrize("text", [*SCRIPTS, *STATEMENTS])
    def test_a_search_takes_text_as_text(self, served: Served, token: str, text: str) -> None:
        path = f"/api/v1/versions?search={quote(text)}"
        answer = served.ask("GET", path, token=token)
        assert answer.headers["content-type"] in {"application/json", "application/problem+json"}
        if "\x00" in text or len(text) > 200:
            assert answer.status == 400
        else:
            assert answer.json == {"versions": [], "after": None}

    @pytest.mark.parametrize("text", [*SCRIPTS, *STATEMENTS])
    @pytest.mark.parametrize(
        "path",
        [
            *("/versions/{}", "/routes/{}", "/versions?name={}", "/versions?after={}"),
            *("/events?subject={}", "/events?until={}", "/events?before={}", "/events?{}=1"),
            *("/routes/{}/arms?at=2026-03-03T12:00:00Z", "/versions/shop:1.0.0/gates?stage={}"),
        ],
    )
    def test_no_text_is_a_statement_or_a_page(
        self, served: Served, token: str, path: str, text: str
    ) -> None:
        answer = served.ask("GET", f"/api/v1{path.format(quote(text, safe=''))}", token=token)
        assert answer.status in {200, 400, 404}, answer
        if answer.status == 200:
            assert answer.json == {"events": []}
        assert answer.headers["content-type"] in {"application/json", "application/problem+json"}
        assert served.ask("GET", "/api/v1/versions/shop:1.0.0", token=token).status == 200

    @pytest.mark.parametrize("text", SCRIPTS)
    def test_a_reason_comes_back_as_it_was_said(
        self, served: Served, token: str, text: str
    ) -> None:
        body = {"package": "shop:1.1.0", "reason": text}
        answer = served.ask("POST", "/api/v1/rejections", token=token, body=body)
        if "\x00" in text:
            assert (answer.status, answer.json["code"]) == (400, "hub/request")
            return
        assert answer.status == 200
        listed = served.ask("GET", "/api/v1/events?limit=1", token=token)
        assert listed.json["events"][0]["body"]["reason"] == text
        assert b"\x1b" not in listed.content

    @pytest.mark.parametrize(
        "name",
        [
            *("..", "../../etc/passwd", "..%2f..%2fetc", "%252e%252e", "/etc/passwd", "shop%00"),
            *("file:///etc/passwd", "SHOP", "shop%0d%0aSet-Cookie:x=1", "a" * 5000, "shöp"),
        ],
    )
    @pytest.mark.parametrize(
        "path", ["/v2/{}/tags/list", "/v2/{}/manifests/1.0.0", "/api/v1/versions/{}:1.0.0"]
    )
    def test_no_name_is_a_path(self, served: Served, token: str, path: str, name: str) -> None:
        answer = served.ask("GET", path.format(quote(name, safe="%/:.")), token=token)
        assert answer.status in {400, 404}, answer
        assert b"root:" not in answer.content
        assert "set-cookie" not in answer.headers


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'"x"',
            b"[" * 100_000,
            b'{"a":' * 50 + b"1" + b"}" * 50,
            b'{"contains": NaN}',
            b'{"contains": 1e999}',
            b'{"contains": null, "contains": null}',
            b'{"contains": "\xff"}',
            b'{"contains": "\\ud800"}',
            b"\xef\xbb\xbf{}",
            b'{"known": 1}',
            b'{"contains": 5}',
            b'{"contains": ["0"]}',
            "{}".encode("utf-16"),
        ],
        ids=lambda one: repr(one[:24]),
    )
    def test_a_body_that_is_none_is_told(self, served: Served, token: str, body: bytes) -> None:
        answer = served.ask("POST", "/api/v1/audit", token=token, body=body)
        assert answer.status == 400, answer
        assert len(answer.content) < 1000
        assert {"code", "detail", "type", "title", "status"} <= answer.json.keys()

    def test_a_large_body_is_refused_before_it_is_read(self, served: Served, token: str) -> None:
        parts = urlsplit(served.url)
        head = f"POST /api/v1/audit HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
        said = "Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20) as line:
            line.sendall(f"{head}{said}".encode())
            assert b" 413 " in line.recv(65536).splitlines()[0]

    def test_a_body_without_a_length_ends_where_it_is_too_large(
        self, served: Served, token: str
    ) -> None:
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        head = (
            f"POST /api/v1/audit HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        )
        said = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        status, _ = raw(served, f"{head}{said}".encode() + chunk * 5 + b"0\r\n\r\n")
        assert status == 413

    def test_a_call_without_a_body_takes_none(self, served: Served, token: str) -> None:
        answer = served.ask("GET", "/api/v1/me", token=token, body=b"x")
        assert (answer.status, answer.json["code"]) == (413, "hub/too-large")

    def test_a_compressed_body_is_refused(self, served: Served, token: str) -> None:
        said = {"Content-Encoding": "gzip"}
        answer = served.ask("POST", "/api/v1/audit", token=token, body={}, headers=said)
        assert (answer.status, answer.json["code"]) == (415, "hub/media-type")

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("limit=0", "hub/request"),
            ("limit=501", "hub/request"),
            ("limit=-1", "hub/request"),
            ("limit=1e3", "hub/request"),
            ("limit=1&limit=2", "hub/request"),
            ("limt=1", "hub/request"),
            ("after=-1", "hub/request"),
            ("after=99999999999999999999", "hub/request"),
            ("search=" + "x" * 201, "hub/request"),
            ("name=SHOP", "package/name-syntax"),
        ],
    )
    def test_a_query_is_read_strictly(
        self, served: Served, token: str, query: str, code: str
    ) -> None:
        answer = served.ask("GET", f"/api/v1/versions?{query}", token=token)
        assert (answer.status, answer.json["code"]) == (400, code), answer

    @pytest.mark.parametrize(
        "said",
        [
            {"share": 2},
            {"share": -0.1},
            {"share": 0.12345678901},
            {"share": "10%"},
            {"stage": "production"},
            {"revision": -1},
            {"revision": 2**63},
            {"override": "false"},
            {"package": ""},
            {"package": "shop"},
            {"package": 5},
            {"reason": "x" * 4001},
            {"evidence": [{"kind": "verification", "passed": True}]},
            {"actor": "eve"},
        ],
        ids=str,
    )
    def test_nothing_is_coerced_and_nothing_unknown_passes(
        self, served: Served, token: str, said: dict[str, object]
    ) -> None:
        body = {"package": "shop:1.0.0", "stage": "limited", "share": 0.1, **said}
        answer = served.ask("POST", "/api/v1/promotions", token=token, body=body)
        assert answer.status == 400, answer


class TestFraming:
    @pytest.mark.parametrize(
        "lines",
        [
            ["Content-Length: 2", "Content-Length: 3"],
            ["Content-Length: 2", "Content-Length: 2"],
            ["Content-Length: 2", "Transfer-Encoding: chunked"],
            ["Transfer-Encoding: chunked, identity"],
            ["Content-Length: +2"],
            ["Content-Length: 0x2"],
            ["Content-Length: 2", "Host: evil.example"],
            ["Content-Length: 2", "Host: localhost"],
            ["Content-Length: 2", "Authorization: Bearer x"],
            ["Content-Length: 2", "Content-Type: text/plain"],
            ["Content-Length : 2"],
            ["Content-Length: 2", "X: a\rb"],
            ["Content-Length: 2", "X: a\x00b"],
            ["Content-Length: 2", " folded: x"],
        ],
        ids=str,
    )
    def test_a_request_that_can_be_read_in_two_ways_is_none(
        self, served: Served, token: str, lines: list[str]
    ) -> None:
        status, answer = raw(served, self.request(token, lines))
        assert status == 400, answer
        assert answer.count(b"HTTP/1.1") == 1

    def test_a_request_that_can_be_read_in_one_way_is_one(self, served: Served, token: str) -> None:
        assert raw(served, self.request(token, ["Content-Length: 2", "X: a"]))[0] == 200

    @staticmethod
    def request(token: str, lines: list[str]) -> bytes:
        head = ["POST /api/v1/audit HTTP/1.1", "Host: localhost", "Connection: close"]
        head += [f"Authorization: Bearer {token}", "Content-Type: application/json", *lines]
        return "\r\n".join([*head, "", "{}"]).encode()

    def test_a_head_that_does_not_end_is_not_gathered(self, served: Served) -> None:
        began = time.monotonic()
        status, _ = raw(served, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 60_000)
        assert status == 400
        assert time.monotonic() - began < 5

    @pytest.mark.parametrize(
        "request_",
        [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"x" * 100_000, b"GET / HTTP/9.9\r\n\r\n"],
        ids=lambda one: repr(one[:12]),
    )
    def test_what_is_no_request_is_told_so(self, served: Served, request_: bytes) -> None:
        status, answer = raw(served, request_)
        assert status == 400
        assert b"application/problem+json" in answer

    @pytest.mark.parametrize("size", [20_000, 2_000_000])
    def test_a_head_that_is_too_large_is_refused(self, served: Served, size: int) -> None:
        many = "".join(f"X-{number}: {'x' * 1000}\r\n" for number in range(size // 1000))
        for head in (f"X: {'x' * size}\r\n", many):
            request = f"GET /livez HTTP/1.1\r\nHost: localhost\r\n{head}\r\n"
            try:
                status, _ = raw(served, request.encode())
            except ConnectionError:  # it was closed while we wrote
                status = 400
            assert status == 400


class TestInside:
    def test_nothing_of_the_inside_leaves(self, nursery: Nursery, tmp_path: Path) -> None:
        home = tmp_path / "hub"
        with nursery.hub(home) as served:
            token = served.token("ana")
            assert served.ask("GET", "/api/v1/routes", token=token).status == 200
            with sqlite3.connect(home / "registry.db") as database:
                database.execute("DROP TABLE arms")
                database.execute("DROP TABLE routes")
            answer = served.ask("GET", "/api/v1/routes", token=token)
        assert answer.status == 503
        assert answer.json["code"] == "registry/unavailable"
        said = answer.content.decode()
        assert not re.search(
            r"sqlite|SELECT|table|Traceback|\.py|/home|/tmp|routes\b", said, re.IGNORECASE
        )
        number = answer.headers["ketch-request"]
        assert number in answer.json["hint"]
        lines = [json.loads(line) for line in (home / "log").read_text().splitlines()]
        told = [line for line in lines if line.get("request") == number]
        assert any("no such table" in line["says"] for line in told)

    def test_no_token_is_written_to_the_log(self, served: Served, token: str) -> None:
        served.ask("GET", "/api/v1/me", token=token)
        served.ask("GET", f"/api/v1/versions?search={token}", token=token)
        log = (served.home / "log").read_text()
        assert token not in log
        assert token[-43:] not in log

    def test_a_line_of_the_log_is_one_line(self, served: Served, token: str) -> None:
        served.ask("GET", "/api/v1/routes/x%0a%7b%22level%22:1%7d%1b[31m", token=token)
        for line in (served.home / "log").read_text().splitlines():
            assert json.loads(line)["level"] in {"info", "warning", "error"}
            assert "\x1b" not in line

    def test_only_the_hash_of_a_token_is_kept(self, served: Served) -> None:
        token = served.token("kept", Role.VIEWER)
        for file in served.home.glob("registry.db*"):
            content = file.read_bytes()
            assert token.encode() not in content
            assert token[-43:].encode() not in content


def test_a_layer_tells_a_limited_token_of_no_other_route(served: Served) -> None:
    layer = {"name": "page", "from": 0, "to": 0.5}
    body = {"policy": {"layer": layer}}
    admin = served.token("otto")
    path = "/api/v1/routes/{}/policy"
    assert served.ask("PUT", path.format("elsewhere"), token=admin, body=body).status == 200
    limited = served.token("mia", Role.OPERATOR, ("shop",))
    answer = served.ask("PUT", path.format("greetings"), token=limited, body=body)
    assert (answer.status, answer.json["code"]) == (409, "policy/layer")
    assert b"elsewhere" not in answer.content
    assert (
        b"elsewhere" in served.ask("PUT", path.format("greetings"), token=admin, body=body).content
    )
