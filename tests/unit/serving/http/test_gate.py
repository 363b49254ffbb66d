"""Who may ask at all."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from ketch.errors import KetchError, Refused, UsageError
from ketch.serving.http.gate import Gate
from ketch.serving.http.messages import Request
from ketch.serving.http.tokens import Tokens


def asked(gate: Gate, *, path: str = "/shop", method: str = "POST", **headers: str) -> str | None:
    """Return the code of the error with which a request is refused."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        gate.admit(Request(method, path, headers=named))
    except KetchError as error:
        return error.code
    return None


def tokens(folder: Path, *lines: str) -> Tokens:
    file = folder / "tokens"
    file.write_text("\n".join(lines))
    return Tokens.read(file)


def line(token: str, name: str) -> str:
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()} {name}"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8424",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:8",
        "Shop.Example:1",
    ],
)
def test_the_gateway_answers_under_its_names(host: str) -> None:
    gate = Gate(["shop.example"])
    assert [asked(gate, host=host), asked(gate, host=host)] == [None, None]


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example", ""),
        *("localhost@evil.example", "evil.example/localhost", "localhost:80@evil.example"),
        *("[::1", "[::1]x", "localhost:x", "localhost:1:2", "localhost.", "a, localhost"),
    ],
)
def test_it_answers_under_no_other(host: str) -> None:
    gate = Gate(["shop.example"])
    assert [asked(gate, host=host), asked(gate, host=host)] == ["request/host"] * 2


def test_any_address_will_do_where_it_listens_to_more_than_this_machine() -> None:
    gate = Gate(any_address=True)
    assert asked(gate, host="10.0.0.1:80") is None
    assert asked(gate, host="[fe80::1]") is None
    assert asked(gate, host="evil.example") == "request/host"


def test_a_client_of_http_1_0_names_no_host() -> None:
    assert asked(Gate()) is None


def test_any_name_will_do_where_tokens_are_asked_for(tmp_path: Path) -> None:
    gate = Gate(tokens=tokens(tmp_path, line("t", "ana")))
    assert asked(gate, host="shop.internal", authorization="Bearer t") is None


def test_what_is_remembered_of_hosts_has_an_end(tmp_path: Path) -> None:
    gate = Gate(tokens=tokens(tmp_path, line("t", "ana")))
    for at in range(2_000):
        asked(gate, host=f"h{at}", authorization="Bearer t")
    assert len(gate._ours) <= 256


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"origin": "http://localhost:8424"}, None),
        ({"origin": "https://LOCALHOST:8424", "sec_fetch_site": "same-origin"}, None),
        ({"sec_fetch_site": "none"}, None),
        ({"origin": "http://evil.example"}, "request/origin"),
        ({"origin": "http://localhost:1"}, "request/origin"),
        ({"origin": "null"}, "request/origin"),
        ({"sec_fetch_site": "cross-site"}, "request/origin"),
        ({"sec_fetch_site": "same-site"}, "request/origin"),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, "request/origin"),
    ],
)
def test_pages_of_other_sites_are_refused(headers: dict[str, str], refused: str | None) -> None:
    assert asked(Gate(), host="localhost:8424", **headers) == refused


def test_a_link_from_another_site_may_be_followed_and_its_form_not_sent() -> None:
    visit = {
        "sec_fetch_site": "cross-site",
        "sec_fetch_mode": "navigate",
        "sec_fetch_dest": "document",
    }
    assert asked(Gate(), method="GET", host="localhost", **visit) is None
    assert asked(Gate(), method="POST", host="localhost", **visit) == "request/origin"
    framed = {**visit, "sec_fetch_dest": "iframe"}
    assert asked(Gate(), method="GET", host="localhost", **framed) == "request/origin"


def test_tokens_let_in_whoever_has_one(tmp_path: Path) -> None:
    held = tokens(tmp_path, "# who may ask", "", line("first", "ana"), line("second", "the shop"))
    gate = Gate(tokens=held, open_paths=["/livez"])
    assert asked(gate, authorization="Bearer first") is None
    assert asked(gate, authorization="bearer  second ") is None
    assert held.name_of("Bearer second") == "the shop"
    assert asked(gate) == "request/token"
    assert asked(gate, authorization="Bearer third") == "request/token"
    assert asked(gate, authorization="Bearer ") == "request/token"
    assert asked(gate, authorization="Basic first") == "request/token"
    assert asked(gate, authorization="first") == "request/token"
    assert asked(gate, path="/livez") is None
    assert asked(gate, path="/livez/") == "request/token"


def test_the_hash_of_a_token_is_no_token(tmp_path: Path) -> None:
    held = tokens(tmp_path, line("first", "ana"))
    for form in (line("first", ""), hashlib.sha256(b"first").hexdigest()):
        assert held.name_of(f"Bearer {form}") is None


def test_a_file_with_a_line_that_is_no_hash_is_refused_and_the_line_not_repeated(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError) as caught:
        tokens(tmp_path, line("a", "ana"), "hunter2", f"sha256:{'A' * 64} bo", f"sha256:{'a' * 64}")
    error = caught.value
    assert error.code == "serve/token-file"
    assert [one.where and one.where.rpartition(":")[2] for one in error.findings] == ["2", "3", "4"]
    assert "hunter2" not in str(error)


def test_a_file_without_a_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found none"):
        tokens(tmp_path, "# nobody")
    with pytest.raises(UsageError, match="expected a file of tokens"):
        Tokens.read(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("given", "is_bare"), [("t", True), ("Basic t", True), ("Bearer u", False)]
)
def test_a_token_that_is_sent_in_another_way_is_told_how(
    tmp_path: Path, given: str, *, is_bare: bool
) -> None:
    gate = Gate(tokens=tokens(tmp_path, line("t", "ana")))
    with pytest.raises(Refused) as caught:
        gate.admit(Request("POST", "/shop", headers={"authorization": given}))
    assert (caught.value.hint is not None) is is_bare


def test_a_file_that_lost_its_last_token_lets_nobody_in(tmp_path: Path) -> None:
    gate = Gate(tokens=tokens(tmp_path, line("t", "ana")))
    (tmp_path / "tokens").write_text("# nobody\n")
    gate.tokens = Tokens.read_again(tmp_path / "tokens", pause_s=0.0)
    assert asked(gate, authorization="Bearer t") == "request/token"
    assert asked(gate) == "request/token"


def test_a_file_that_is_empty_while_it_is_written_shuts_nobody_out(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("")
    writing = threading.Timer(0.05, file.write_text, [line("t", "ana")])
    writing.start()
    assert [name for _, name in Tokens.read_again(file, pause_s=1.0).named] == ["ana"]
    writing.join()
