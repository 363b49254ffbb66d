"""Webhooks against a real receiver: in order, at least once, signed, never in the way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.registries import Here, Office

from ketch.errors import NotFound, UsageError
from ketch.hub.access import Identity, Role, Tokens
from ketch.hub.webhooks import Webhooks, courier
from ketch.hub.webhooks.courier import Couriers
from ketch.hub.webhooks.sending import signed
from ketch.package import Reference
from ketch.registry import open_database

STANDARD = (  # from the specification's own libraries (standardwebhooks.com)
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1614265330,
    b'{"test": 2432232314}',
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
)


@dataclass
class Receiver:
    """A program that is told of events.

    Attributes:
        url: Where it is.
        got: What it was sent, as headers and body.
        answers: What it answers to the next ones; 204 after that.
        delay_s: How long it thinks.
    """

    url: str = ""
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    delay_s: float = 0.0

    @property
    def seqs(self) -> list[int]:
        """The events that it was sent, by their place in the history."""
        return [json.loads(body)["data"]["seq"] for _, body in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(receiver.delay_s)
            receiver.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            status = receiver.answers.pop(0) if receiver.answers else 204
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{receiver.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def office() -> Iterator[Office]:
    found = Office(Here(open_database("sqlite://")))
    yield found
    found.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "FIRST_WAIT_S", 0.02)


@contextmanager
def couriers(office: Office) -> Iterator[None]:
    found = Couriers(office.database, look_s=0.02)
    found.start()
    try:
        yield
    finally:
        found.stop()


def wait_for(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not true():
        assert time.monotonic() < until, "it did not happen within 10 s"
        time.sleep(0.01)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    secret, ident, at, body, expected = STANDARD
    assert signed(secret, ident, body, at)["webhook-signature"] == expected


def test_events_arrive_in_order_signed_and_whole(office: Office, receiver: Receiver) -> None:
    hook = Webhooks(office.database).add(receiver.url, private=True)
    with couriers(office):
        office.in_prod("shop:1.0.0", "shop:1.1.0")
        wait_for(lambda: len(receiver.got) == 4)
    assert receiver.seqs == [1, 2, 3, 4]
    history = [event.to_json() for event in reversed(office.at().history())]
    key = base64.b64decode(hook.secret.removeprefix("whsec_"))
    for (headers, body), event in zip(receiver.got, history, strict=True):
        told = json.loads(body)
        assert told == {"type": event["kind"], "timestamp": event["time"], "data": event}
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        seal = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
        assert headers["webhook-signature"] == f"v1,{seal}"
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 4


def test_what_happened_before_is_not_told(office: Office, receiver: Receiver) -> None:
    office.publish("shop:1.0.0")
    Webhooks(office.database).add(receiver.url, private=True)
    with couriers(office):
        office.publish("shop:1.1.0")
        wait_for(lambda: receiver.got != [])
    assert receiver.seqs == [2]


def test_only_the_kinds_that_were_chosen_and_no_token_unasked(
    office: Office, receiver: Receiver
) -> None:
    hooks = Webhooks(office.database)
    hooks.add(receiver.url, kinds=["withdrawn"], private=True)
    with receiving() as other:
        hooks.add(other.url, private=True)
        with couriers(office):
            Tokens(office.database).create(Identity("ana", Role.VIEWER), by="root")
            office.publish("shop:1.0.0")
            office.at().withdraw(Reference.parse("shop:1.0.0"), reason="old")
            wait_for(lambda: len(receiver.got) == 1 and len(other.got) == 2)
            wait_for(lambda: {one.position for one in hooks.listed()} == {3})
        assert other.seqs == [2, 3]
    assert receiver.seqs == [3]


def test_what_is_not_taken_is_sent_again_and_the_rest_waits(
    office: Office, receiver: Receiver
) -> None:
    receiver.answers = [500, 503, 404, 302]
    hooks = Webhooks(office.database)
    hooks.add(receiver.url, private=True)
    with couriers(office):
        office.in_prod("shop:1.0.0")
        wait_for(lambda: len(receiver.got) == 3)
        assert hooks.listed()[0].failures >= 1
        assert "it answered" in str(hooks.listed()[0].failed)
        wait_for(lambda: len(receiver.got) == 6)
        wait_for(lambda: hooks.listed()[0].failures == 0)
    assert receiver.seqs == [1, 1, 1, 1, 1, 2], "a redirect is not followed"
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 2


def test_one_that_hangs_keeps_nobody_waiting(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.delay_s = 2.0
    hooks = Webhooks(office.database)
    hooks.add(receiver.url, private=True)
    with receiving() as other:
        hooks.add(other.url, private=True)
        with couriers(office):
            began = time.monotonic()
            office.in_prod("shop:1.0.0", "shop:1.1.0")
            assert time.monotonic() - began < 1
            wait_for(lambda: len(other.got) == 4)
            assert time.monotonic() - began < 2
        assert other.seqs == [1, 2, 3, 4]


def test_who_was_not_told_before_the_end_is_told_after_it(
    office: Office, receiver: Receiver
) -> None:
    hooks = Webhooks(office.database)
    hooks.add(receiver.url, private=True)
    office.publish("shop:1.0.0")
    with couriers(office):
        wait_for(lambda: len(receiver.got) == 1)
        wait_for(lambda: hooks.listed()[0].position == 1)
    office.publish("shop:1.1.0")
    with couriers(office):
        wait_for(lambda: len(receiver.got) == 2)
    assert receiver.seqs == [1, 2]


def test_of_two_hubs_with_one_registry_one_tells_and_then_the_other(
    tmp_path: Path, receiver: Receiver
) -> None:
    places = [
        Office(Here(open_database(f"sqlite:///{tmp_path / 'registry.db'}"))) for _ in range(2)
    ]
    hooks = Webhooks(places[0].database)
    hooks.add(receiver.url, private=True)
    with couriers(places[1]):
        with couriers(places[0]):
            for number in range(1, 11):
                places[0].publish(f"shop:1.{number}.0")
            wait_for(lambda: hooks.listed()[0].position == 10)
            time.sleep(0.3)
            assert receiver.seqs == list(range(1, 11))
        places[0].publish("shop:2.0.0")
        wait_for(lambda: hooks.listed()[0].position == 11)
    places[0].publish("shop:3.0.0")
    with couriers(places[0]):
        wait_for(lambda: hooks.listed()[0].position == 12)
    assert receiver.seqs == list(range(1, 13))
    for place in places:
        place.close()


def test_a_position_never_goes_back(office: Office) -> None:
    """A hub that lost its turn while a receiver answered says so after the next hub went on."""
    hooks = Webhooks(office.database)
    hook = hooks.add("https://hooks.shop.example")
    hooks.took(hook.id, 7)
    hooks.took(hook.id, 6)
    assert hooks.listed()[0].position == 7


def test_one_that_is_added_or_removed_meanwhile_is_told_or_not(
    office: Office, receiver: Receiver
) -> None:
    hooks = Webhooks(office.database)
    with couriers(office):
        hook = hooks.add(receiver.url, private=True)
        office.publish("shop:1.0.0")
        wait_for(lambda: len(receiver.got) == 1)
        hooks.remove(hook.id)
        office.publish("shop:1.1.0")
        time.sleep(0.3)
    assert receiver.seqs == [1]
    with pytest.raises(NotFound):
        hooks.remove(hook.id)


def test_one_inside_that_nobody_allowed_is_never_told(office: Office, receiver: Receiver) -> None:
    hooks = Webhooks(office.database)
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    hooks.add(f"https://localhost:{port}/hook")
    with couriers(office):
        office.publish("shop:1.0.0")
        wait_for(lambda: hooks.listed()[0].failures > 1)
    assert "public address" in str(hooks.listed()[0].failed)
    assert receiver.got == []


def test_the_secret_is_told_once(office: Office) -> None:
    hooks = Webhooks(office.database)
    hook = hooks.add("https://hooks.shop.example/ketch")
    assert hook.secret not in json.dumps([one.to_json() for one in hooks.listed()])
    assert hook.secret not in repr(hook)


def test_wrong_kinds_and_too_many_webhooks_are_refused(office: Office) -> None:
    hooks = Webhooks(office.database)
    with pytest.raises(UsageError, match="kind of event") as problem:
        hooks.add("https://hooks.shop.example", kinds=["promotd"])
    assert problem.value.hint == "did you mean `promoted`?"
    for _ in range(20):
        hooks.add("https://hooks.shop.example")
    with pytest.raises(UsageError, match="at most 20"):
        hooks.add("https://hooks.shop.example")
