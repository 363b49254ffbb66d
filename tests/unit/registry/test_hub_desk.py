"""What a desk at a hub makes of a server that is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ketch.errors import KetchError, Unavailable, UsageError
from ketch.package import Reference
from ketch.registry.hub import HubDesk
from ketch.registry.hub.credentials import hub_url, keep, token_for
from ketch.remote.http import Patience, Session

ANSWERS = [
    b"",
    b"<html>",
    b"null",
    b"[]",
    b"{}",
    b'{"events": [{"seq": 1}]}',
    b'{"events": 5, "versions": {"a": 1}, "routes": "x"}',
    b'{"versions": [null], "after": null, "events": [null], "routes": [null]}',
]


@pytest.fixture(params=ANSWERS, ids=lambda one: repr(one[:30]))
def desk(request: pytest.FixtureRequest) -> Iterator[HubDesk]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(request.param)))
            self.end_headers()
            self.wfile.write(request.param)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with Session(url, patience=Patience(tries=1)) as session:
        yield HubDesk(session)
    server.shutdown()
    server.server_close()


def test_an_answer_that_is_none_is_told_so(desk: HubDesk) -> None:
    for act in (
        desk.history,
        desk.versions,
        desk.routes,
        desk.head,
        lambda: desk.resolve(Reference.parse("shop:1.0.0")),
        lambda: desk.route("greetings"),
    ):
        with pytest.raises(KetchError) as problem:
            act()
        assert isinstance(problem.value, Unavailable)
        assert problem.value.code == "remote/malformed"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://Hub.Shop.Example/", "https://hub.shop.example"),
        ("https://hub.shop.example:443", "https://hub.shop.example"),
        ("http://localhost:8423/", "http://localhost:8423"),
        ("http://[::1]:8423", "http://[::1]:8423"),
    ],
)
def test_a_hub_has_one_address(text: str, url: str) -> None:
    assert hub_url(text) == url == hub_url(url)


@pytest.mark.parametrize(
    "text", ["http://hub.shop.example", "https://a@b", "https://x/y", "file:///x", "", "https://"]
)
def test_what_is_no_address_of_a_hub_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        hub_url(text)


def test_the_token_of_the_environment_is_for_one_hub(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("KETCH_TOKEN", "ours")
    keep("https://other.example", "theirs")
    for variable in ("KETCH_REGISTRY", "KETCH_HUB"):
        monkeypatch.delenv(variable, raising=False)
    assert token_for("https://hub.example") is None
    monkeypatch.setenv("KETCH_REGISTRY", "https://HUB.example:443/")
    assert token_for("https://hub.example") == "ours"
    assert token_for("https://other.example") == "theirs"
    assert token_for("https://hub.example:8443") is None
