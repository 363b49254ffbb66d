"""A session against small real servers that behave as servers do on a bad day."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.remotes import Door, Server, serving
from tests.servers import free_port

from ketch.errors import (
    DigestMismatch,
    Finding,
    KetchError,
    NotFound,
    Refused,
    Unavailable,
    UsageError,
)
from ketch.remote.auth import Basic, Bearer, TokenDance
from ketch.remote.http import Patience, Session
from ketch.remote.problem import to_problem

Serve = Callable[[Callable[[Door], None]], Server]

HASTY = Patience(connect_s=2, silence_s=0.3, reply_s=1.0, tries=3, wait_s=0.01)


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(serving(answer))


@pytest.fixture
def waits() -> list[float]:
    return []


def session(server: Server, waits: list[float] | None = None, **how: object) -> Session:
    sleep = (lambda _: None) if waits is None else waits.append
    return Session(server.url, **{"patience": HASTY, "sleep": sleep, **how})  # type: ignore[arg-type]


def test_a_reply_has_status_headers_and_json(serve: Serve) -> None:
    server = serve(lambda door: door.reply(200, b'{"a": [1]}', X_Seen="yes"))
    with session(server) as asked:
        reply = asked.request("GET", "/api", query={"q": "ä b", "n": 2})
    assert (reply.status, reply.headers["X-SEEN"], reply.json()) == (200, "yes", {"a": [1]})
    assert server.asked_for("GET") == ["/api?q=%C3%A4+b&n=2"]


def test_json_is_sent_as_json(serve: Serve) -> None:
    server = serve(lambda door: door.reply(200, door.read()))
    with session(server) as asked:
        reply = asked.request("POST", "/api", json={"digest": "sha256:1"})
    assert reply.json() == {"digest": "sha256:1"}
    assert server.asked[0][2]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "raised",
    [
        UsageError("expected `a`, found `b`", code="reference/syntax", hint="did you mean `a`?"),
        NotFound("no package `x`", code="package/not-found", where="shop"),
        Refused(
            "expected an approval, found none",
            code="promote/gates",
            findings=[Finding("gate/approval", "expected one", "shop", "ask", blocks=False)],
        ),
        DigestMismatch("expected `sha256:a`, found `sha256:b`"),
        Unavailable("expected a registry, found none", code="registry/busy"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_ketch_is_the_same_error_here(serve: Serve, raised: KetchError) -> None:
    body = json.dumps(to_problem(raised)).encode()
    server = serve(
        lambda door: door.reply(
            raised.http_status, body, Content_Type="application/problem+json; charset=utf-8"
        )
    )
    with session(server) as asked, pytest.raises(type(raised)) as caught:
        asked.request("POST", "/api")
    found = caught.value
    assert type(found) is type(raised)
    assert found.to_json() == raised.to_json()
    assert str(found) == str(raised)


def test_what_a_stranger_writes_into_a_problem_does_nothing_to_the_terminal(serve: Serve) -> None:
    said = {"message": "no\x1b[2J", "code": "a/\x1b[2J"}
    body = json.dumps(
        {"title": "Refused", "detail": "no\x1b[2J", "code": "x\x1b[2J/y", "findings": [said]}
    ).encode()
    server = serve(lambda door: door.reply(409, body, Content_Type="application/problem+json"))
    with session(server) as asked, pytest.raises(Refused) as caught:
        asked.request("POST", "/api")
    found = caught.value
    assert "\x1b" not in f"{found} {found.code} {[one.to_json() for one in found.findings]}"
    assert found.code == "ketch/refused"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, UsageError, "remote/refused"),
        (401, Refused, "remote/denied"),
        (403, Refused, "remote/denied"),
        (404, NotFound, "remote/not-found"),
        (409, Refused, "remote/refused"),
        (500, Unavailable, "remote/failing"),
        (503, Unavailable, "remote/failing"),
    ],
)
def test_a_status_of_any_server_is_a_typed_error_without_its_page(
    serve: Serve, status: int, kind: type[KetchError], code: str
) -> None:
    server = serve(lambda door: door.reply(status, b"<html>secret page</html>"))
    with session(server) as asked, pytest.raises(kind) as caught:
        asked.request("GET", "/x?token=secret")
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


def test_a_registry_is_quoted_with_what_it_says(serve: Serve) -> None:
    errors = {"errors": [{"code": "NAME_INVALID", "message": "invalid repository name"}]}
    server = serve(lambda door: door.reply(400, json.dumps(errors).encode()))
    with session(server) as asked, pytest.raises(UsageError, match="NAME_INVALID invalid repo"):
        asked.request("GET", "/v2/")


def test_a_call_that_changes_nothing_is_tried_again_with_growing_waits(
    serve: Serve, waits: list[float]
) -> None:
    answers = iter([503, 502, 200])
    server = serve(lambda door: door.reply(next(answers)))
    with session(server, waits) as asked:
        assert asked.request("GET", "/").status == 200
    assert len(server.asked) == 3
    assert 0.01 <= waits[0] <= 0.0125
    assert 0.02 <= waits[1] <= 0.025


def test_the_server_may_ask_for_a_longer_wait_within_reason(
    serve: Serve, waits: list[float]
) -> None:
    answers = iter([("7", 429), ("86400", 503), ("soon", 200)])

    def answer(door: Door) -> None:
        after, status = next(answers)
        door.reply(status, Retry_After=after)

    with session(serve(answer), waits) as asked:
        asked.request("GET", "/")
    assert waits == [7.0, 20.0]


def test_a_call_that_may_have_been_heard_is_not_repeated(serve: Serve) -> None:
    server = serve(lambda door: door.reply(503))
    with session(server) as asked:
        with pytest.raises(Unavailable):
            asked.request("POST", "/api")
        assert len(server.asked) == 1
        with pytest.raises(Unavailable):
            asked.request("POST", "/api", again=True)
    assert len(server.asked) == 4


def test_tries_end(serve: Serve, waits: list[float]) -> None:
    server = serve(lambda door: door.cut())
    with session(server, waits) as asked, pytest.raises(Unavailable) as caught:
        asked.request("GET", "/")
    assert caught.value.code == "remote/cut-off"
    assert len(waits) == 2


def test_nobody_there_is_unreachable(waits: list[float]) -> None:
    nobody = Session(f"http://127.0.0.1:{free_port()}", patience=HASTY, sleep=waits.append)
    with nobody, pytest.raises(Unavailable) as caught:
        nobody.request("POST", "/")
    assert caught.value.code == "remote/unreachable"
    assert "goes on where it stopped" in str(caught.value.hint)
    assert len(waits) == 2, "nobody heard it, so it may be repeated"


def test_silence_ends(serve: Serve) -> None:
    server = serve(lambda _: time.sleep(1))
    with session(server) as asked, pytest.raises(Unavailable) as caught:
        asked.request("POST", "/")
    assert caught.value.code == "remote/timeout"


def test_a_reply_that_drips_without_end_ends(serve: Serve) -> None:
    def drip(door: Door) -> None:
        door.send_response(200)
        door.send_header("Content-Length", "1000")
        door.end_headers()
        for _ in range(100):
            door.wfile.write(b" ")
            door.wfile.flush()
            time.sleep(0.05)

    began = time.monotonic()
    with session(serve(drip)) as asked, pytest.raises(Unavailable) as caught:
        asked.request("POST", "/")
    assert caught.value.code == "remote/timeout"
    assert time.monotonic() - began < 3


def endless(door: Door) -> None:
    door.send_response(200)
    door.send_header("Transfer-Encoding", "chunked")
    door.end_headers()
    for _ in range(100_000):
        door.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def test_a_reply_without_end_is_given_up(serve: Serve) -> None:
    with session(serve(endless)) as asked, pytest.raises(Unavailable) as caught:
        asked.request("GET", "/", max_bytes=100_000)
    assert caught.value.code == "remote/malformed"


def test_an_error_without_end_is_given_up(serve: Serve) -> None:
    def answer(door: Door) -> None:
        door.send_response(404)
        door.send_header("Transfer-Encoding", "chunked")
        door.end_headers()
        for _ in range(1000):
            door.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    with session(serve(answer)) as asked, pytest.raises(Unavailable) as caught:
        asked.request("GET", "/")
    assert caught.value.code == "remote/malformed"


def test_a_body_that_was_packed_is_not_unpacked(serve: Serve) -> None:
    """A kilobyte can hold a gigabyte that way, and we asked for none of it."""
    server = serve(lambda door: door.reply(200, b"\x1f\x8b", Content_Encoding="gzip"))
    with session(server) as asked, pytest.raises(Unavailable, match="Content-Encoding"):
        asked.request("GET", "/")
    assert server.asked[0][2]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("body", [b"", b"nonsense", b'{"a": 1, "a": 2}', b"[" * 100_000, b"\xff"])
def test_json_that_is_none_is_malformed(serve: Serve, body: bytes) -> None:
    with session(serve(lambda door: door.reply(200, body))) as asked:
        reply = asked.request("GET", "/")
    with pytest.raises(Unavailable) as caught:
        reply.json()
    assert caught.value.code == "remote/malformed"


def test_a_body_is_sent_again_from_its_start(serve: Serve) -> None:
    """As after a challenge: what was sent before it was for nothing."""

    class Twice:
        length = 6

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"abc", b"def"])

    answers = iter([503, 201])
    bodies: list[bytes] = []

    def answer(door: Door) -> None:
        bodies.append(door.read())
        door.reply(next(answers))

    with session(serve(answer)) as asked:
        asked.request("PUT", "/", body=Twice(), again=True)
    assert bodies == [b"abcdef", b"abcdef"]


# ---------------------------------------------------------------- credentials


@pytest.mark.parametrize("auth", [Basic("ann", "secret"), Bearer("secret")])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_do_not_follow_a_redirect_to_another_server(
    serve: Serve, auth: Basic | Bearer, status: int
) -> None:
    other = serve(lambda door: door.reply(200, b"content"))
    server = serve(lambda door: door.reply(status, Location=f"{other.url}/blob"))
    with session(server, auth=auth) as asked:
        reply = asked.request("GET", "/blob", elsewhere=True)
        with asked.stream("/blob", elsewhere=True) as stream:
            assert stream.read(100) == b"content"
    assert reply.content == b"content"
    assert "Authorization" in server.asked[0][2]
    assert ["Authorization" in headers for *_, headers in other.asked] == [False, False]


def test_a_redirect_to_another_server_is_not_followed_unasked(serve: Serve) -> None:
    other = serve(lambda door: door.reply(200))
    server = serve(lambda door: door.reply(302, Location=f"{other.url}/x?sig=secret"))
    with session(server) as asked, pytest.raises(Unavailable) as caught:
        asked.request("GET", "/")
    assert caught.value.code == "remote/misled"
    assert "secret" not in str(caught.value)
    assert other.asked == []


def test_a_redirect_on_the_same_server_is_followed_with_credentials(serve: Serve) -> None:
    def answer(door: Door) -> None:
        if door.path == "/a":
            door.reply(307, Location="b")
        else:
            door.reply(200)

    server = serve(answer)
    with session(server, auth=Bearer("token")) as asked:
        assert asked.request("GET", "/a").url == f"{server.url}/b"
    assert [headers["Authorization"] for *_, headers in server.asked] == ["Bearer token"] * 2


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "ftp://x/y", "http://u:p@h/"])
def test_a_redirect_to_nowhere_is_not_followed(serve: Serve, location: str) -> None:
    server = serve(lambda door: door.reply(302, Location=location))
    with session(server) as asked, pytest.raises(Unavailable) as caught:
        asked.request("GET", "/", elsewhere=True)
    assert caught.value.code == "remote/misled"
    assert len(server.asked) == 1


def test_redirects_without_end_end(serve: Serve) -> None:
    server = serve(lambda door: door.reply(302, Location="/again"))
    with session(server) as asked, pytest.raises(Unavailable) as caught:
        asked.request("GET", "/")
    assert caught.value.code == "remote/misled"
    assert len(server.asked) < 10


def test_a_change_is_not_redirected(serve: Serve) -> None:
    server = serve(lambda door: door.reply(307, Location="/elsewhere"))
    with session(server) as asked, pytest.raises(Unavailable, match="redirect"):
        asked.request("POST", "/", json={})
    assert len(server.asked) == 1


def test_a_location_on_another_server_gets_no_credentials(serve: Serve) -> None:
    other = serve(lambda door: door.reply(200))
    server = serve(lambda door: door.reply(202, Location=f"{other.url}/upload?state=1"))
    with session(server, auth=Bearer("secret")) as asked:
        location = asked.led_to(asked.request("POST", "/"))
        asked.request("GET", location)
    assert other.asked_for("GET") == ["/upload?state=1"]
    assert "Authorization" not in other.asked[0][2]


def test_a_location_in_the_open_is_not_used_by_a_secure_session() -> None:
    from ketch.remote.calls import Reply

    asked = Session("https://registry.example:444")
    there = Reply(
        202,
        {"location": "http://registry.example/v2/x?y=1"},
        b"",
        "https://registry.example:444/v2/",
    )
    assert asked.led_to(there) == "https://registry.example:444/v2/x?y=1"
    away = Reply(202, {"location": "http://other.example/"}, b"", "https://registry.example:444/")
    with pytest.raises(Unavailable, match="redirect"):
        asked.led_to(away)


def test_a_list_does_not_go_on_at_another_server(serve: Serve) -> None:
    links = iter(['</next?last=a>; rel="next"', '<http://other.example/>; rel="next"', "", "<x"])
    with session(serve(lambda door: door.reply(200, Link=next(links)))) as asked:
        first = asked.request("GET", "/list")
        assert asked.next_page(first) == f"{asked.base}/next?last=a"
        with pytest.raises(Unavailable) as caught:
            asked.next_page(asked.request("GET", "/list"))
        assert caught.value.code == "remote/misled"
        assert asked.next_page(asked.request("GET", "/list")) is None
        assert asked.next_page(asked.request("GET", "/list")) is None


def test_a_proxy_is_not_asked_for_this_machine(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with session(serve(lambda door: door.reply(200))) as asked:
        assert asked.request("GET", "/").status == 200


# ---------------------------------------------------------------- certificates


@pytest.fixture
def certified(tmp_path: Path, require_program: Callable[[str, str], Path]) -> Iterator[Server]:
    """A server with a certificate of its own making, for this machine."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command: list[str | Path] = [require_program("openssl", "openssl"), "req", "-x509", "-nodes"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(lambda door: door.reply(200, b"safe")) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield server


def test_a_certificate_that_is_trusted_will_do(certified: Server, tmp_path: Path) -> None:
    url = certified.url.replace("http:", "https:")
    with Session(url, ca_file=tmp_path / "certificate.pem", patience=HASTY) as asked:
        assert asked.request("GET", "/").content == b"safe"


def test_a_certificate_that_nobody_vouches_for_will_not(
    certified: Server, waits: list[float]
) -> None:
    url = certified.url.replace("http:", "https:")
    asked = Session(url, auth=Bearer("secret"), patience=HASTY, sleep=waits.append)
    with asked, pytest.raises(Unavailable) as caught:
        asked.request("GET", "/")
    assert caught.value.code == "remote/tls"
    assert "KETCH_CA_FILE" in str(caught.value)
    assert waits == [], "another try would meet the same certificate"
    assert certified.asked == []


def test_http_to_a_server_that_wants_tls_asks_about_https(certified: Server) -> None:
    asked = Session(certified.url.replace("https:", "http:"), patience=HASTY)
    with asked, pytest.raises(Unavailable) as caught:
        asked.request("GET", "/")
    assert caught.value.code == "remote/cut-off"
    assert "`https`" in str(caught.value.hint)


@pytest.mark.parametrize("content", [None, b"nonsense"])
def test_certificates_that_cannot_be_read_are_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        Session("https://127.0.0.1", ca_file=path)
    assert (caught.value.code, caught.value.where) == ("remote/ca-file", str(path))


# ---------------------------------------------------------------- the token dance


def realm_and_registry(serve: Serve, said: str) -> tuple[Server, Server]:
    realm = serve(lambda door: door.reply(200, said.encode()))

    def answer(door: Door) -> None:
        if door.headers.get("Authorization") == "Bearer t0ken":
            door.reply(200, b"{}")
        else:
            scope = "repository:team/shop:pull,push"
            challenge = f'Bearer realm="{realm.url}/token",service="registry",scope="{scope}"'
            door.reply(401, WWW_Authenticate=challenge)

    return realm, serve(answer)


@pytest.mark.parametrize("member", ["token", "access_token"])
def test_a_challenge_is_answered_with_a_token_of_its_realm(serve: Serve, member: str) -> None:
    realm, registry = realm_and_registry(serve, f'{{"{member}": "t0ken", "expires_in": 60}}')
    with session(registry, auth=TokenDance(Basic("ann", "secret"))) as asked:
        assert asked.request("POST", "/v2/").status == 200
        assert asked.request("GET", "/v2/").status == 200
    assert realm.asked_for("GET") == [
        "/token?service=registry&scope=repository%3Ateam%2Fshop%3Apull%2Cpush"
    ]
    assert realm.asked[0][2]["Authorization"].startswith("Basic ")
    sent = [headers.get("Authorization") for *_, headers in registry.asked]
    assert sent == [None, "Bearer t0ken", "Bearer t0ken"], "the password stays with the realm"


def test_a_public_repository_gives_tokens_to_nobody_in_particular(serve: Serve) -> None:
    realm, registry = realm_and_registry(serve, '{"token": "t0ken"}')
    with session(registry, auth=TokenDance()) as asked:
        assert asked.request("GET", "/v2/").status == 200
    assert "Authorization" not in realm.asked[0][2]


@pytest.mark.parametrize(
    "said", ["{}", "[]", "nonsense", '{"token": "a\\r\\nHost: evil"}', '{"token": 7}']
)
def test_a_realm_without_a_token_is_told(serve: Serve, said: str) -> None:
    _, registry = realm_and_registry(serve, said)
    with session(registry, auth=TokenDance()) as asked, pytest.raises(Unavailable):
        asked.request("GET", "/v2/")


def test_a_token_that_does_not_help_ends_in_a_refusal(serve: Serve) -> None:
    realm, registry = realm_and_registry(serve, '{"token": "other"}')
    with session(registry, auth=TokenDance()) as asked, pytest.raises(Refused) as caught:
        asked.request("GET", "/v2/")
    assert caught.value.code == "remote/denied"
    assert len(realm.asked) <= 2


def test_a_password_is_sent_when_that_is_what_is_asked_for(serve: Serve) -> None:
    def answer(door: Door) -> None:
        is_in = door.headers.get("Authorization", "").startswith("Basic ")
        door.reply(200 if is_in else 401, WWW_Authenticate='Basic realm="registry"')

    server = serve(answer)
    with session(server, auth=TokenDance(Basic("ann", "secret"))) as asked:
        assert asked.request("GET", "/v2/").status == 200
    with session(server, auth=TokenDance()) as asked, pytest.raises(Refused):
        asked.request("GET", "/v2/")


def test_credentials_do_not_show_in_what_is_printed() -> None:
    assert "secret" not in repr([Basic("ann", "secret"), Bearer("secret")])


# ---------------------------------------------------------------- streams


def test_a_stream_that_is_cut_says_so_after_what_came(serve: Serve) -> None:
    def answer(door: Door) -> None:
        door.send_response(200)
        door.send_header("Content-Length", "10")
        door.end_headers()
        door.wfile.write(b"half")
        door.cut()

    with session(serve(answer)) as asked, asked.stream("/") as stream:
        assert stream.read(100) == b"half"
        with pytest.raises(Unavailable) as caught:
            stream.read(100)
    assert caught.value.code == "remote/cut-off"


def test_what_is_no_http_at_all_is_told(waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listener.settimeout(5)

        def speak() -> None:
            connection, _ = listener.accept()
            connection.recv(1000)
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.close()

        thread = threading.Thread(target=speak)
        thread.start()
        mail = Session(f"http://127.0.0.1:{port}", patience=HASTY, sleep=waits.append)
        with mail, pytest.raises(Unavailable) as caught:
            mail.request("POST", "/")
        thread.join()
    assert caught.value.code == "remote/cut-off"


@pytest.mark.parametrize("base", ["", "ftp://x", "https://", "https://u:p@h", "http://h:99999"])
def test_a_base_that_is_no_server_is_refused(base: str) -> None:
    with pytest.raises(UsageError) as caught:
        Session(base)
    assert caught.value.code == "remote/address"
