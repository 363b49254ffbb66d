"""The client, asking a gateway's own HTTP server through its own door."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from tests.contracts import contract

from ketch.client import Client, Prediction, encode
from ketch.errors import KetchError, NotFound, PackageCodeError, Unavailable, UsageError
from ketch.schema import Row
from ketch.serving.answers import Answered, Part
from ketch.serving.doors.door import decode
from ketch.serving.doors.native import Native
from ketch.serving.doors.problems import problem
from ketch.serving.http.gate import Gate
from ketch.serving.http.listener import Listener
from ketch.serving.http.messages import Request, Response
from ketch.serving.http.server import serve_http

SHOP = contract({"name": "string", "size": "int64"}, {"price": "float64"})
DOOR = Native()


@dataclass
class Asked:
    """A gateway, and the requests it got.

    Attributes:
        url: Where it is.
        requests: What it was asked.
        fails: Errors that it still has to answer, the next one first.
        parts: Who answers which rows; one package all of them by default.
        waits: How long the client has waited before each further try.
    """

    url: str
    requests: list[Request] = field(default_factory=list)
    fails: list[KetchError] = field(default_factory=list)
    parts: Callable[[list[Row]], tuple[Part, ...]] = lambda rows: (
        Part("d1", SHOP, "prod", range(len(rows))),
    )
    waits: list[float] = field(default_factory=list)

    def client(self, token: str | None = None, *, timeout_s: float = 30.0) -> Client:
        return Client(self.url, token, timeout_s=timeout_s, sleep=self.waits.append)

    def answer(self, request: Request) -> Response:
        self.requests.append(request)
        try:
            if self.fails:
                raise self.fails.pop(0)
            asked = DOOR.read(request, SHOP)
            rows = decode(DOOR, asked, SHOP)
            answers: list[Row] = [{"price": float(str(row["size"])) / 2} for row in rows]
            return DOOR.reply(asked, Answered(answers, self.parts(rows)))
        except KetchError as error:
            return DOOR.refuse(error, request)


@contextmanager
def running(gateway: Asked, listener: Listener) -> Iterator[None]:
    """Answer requests on a thread while the block lasts."""
    loop = asyncio.new_event_loop()
    up, down = threading.Event(), asyncio.Event()

    async def serve() -> None:
        admit = Gate().admit
        refuse = lambda error, _: problem(error)  # noqa: E731 # one line
        async with serve_http(gateway.answer, listener.sockets, admit=admit, refuse=refuse):
            up.set()
            await down.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert up.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(down.set)
        thread.join(30)
        loop.close()


@pytest.fixture
def gateway() -> Iterator[Asked]:
    listener = Listener.open("127.0.0.1", 0)
    made = Asked(listener.url(is_secure=False))
    with running(made, listener):
        yield made


def busy(retry_after_s: float = 2.0) -> Unavailable:
    error = Unavailable("at work", code="serve/busy")
    error.retry_after_s = retry_after_s  # type: ignore[attr-defined] # as the queue sets it
    return error


def test_one_row_is_answered_by_one_prediction_that_names_its_decision(gateway: Asked) -> None:
    with gateway.client() as client:
        answer = client.predict("shop", {"name": "a", "size": 3})

    assert answer == {"price": 1.5}
    assert (answer.package, answer.arm, answer.decision) == ("hello:1.0.0", "prod", "d1")
    assert answer.digest == str(SHOP.package.digest)


def test_rows_are_answered_by_a_list_also_from_a_generator(gateway: Asked) -> None:
    with gateway.client() as client:
        answers = client.predict("shop", ({"name": "a", "size": size} for size in (3, 5)))

    assert answers == [{"price": 1.5}, {"price": 2.5}]


def test_each_row_names_who_answered_it(gateway: Asked) -> None:
    gateway.parts = lambda _: (Part("d1", SHOP, "prod", [0, 2]), Part("d2", SHOP, "limited", [1]))
    with gateway.client() as client:
        answers = client.predict("shop", [{"name": "a", "size": 1}] * 3)

    assert [one.arm for one in answers] == ["prod", "limited", "prod"]
    assert [one.decision for one in answers] == ["d1", "d2", "d1"]


def test_unit_and_arm_travel_as_headers(gateway: Asked) -> None:
    with gateway.client() as client:
        client.predict("shop", {"name": "a", "size": 3}, unit="ann", arm="limited")
        client.predict("shop", {"name": "a", "size": 3})

    said = [
        (one.headers.get("ketch-unit"), one.headers.get("ketch-arm")) for one in gateway.requests
    ]
    assert said == [("ann", "limited"), (None, None)]


def test_a_unit_may_have_a_name_beyond_ascii(gateway: Asked) -> None:
    with gateway.client() as client:
        client.predict("shop", {"name": "a", "size": 3}, unit="Zoë")

    assert gateway.requests[0].headers["ketch-unit"].encode("latin-1").decode() == "Zoë"


def test_a_token_is_sent_with_every_request(gateway: Asked) -> None:
    with gateway.client("s3cret") as client:
        client.predict("shop", {"name": "a", "size": 3})

    assert gateway.requests[0].headers["authorization"] == "Bearer s3cret"


def test_what_is_wrong_is_raised_as_it_was_found(gateway: Asked) -> None:
    with gateway.client() as client, pytest.raises(UsageError) as caught:
        client.predict("shop", [{"name": "a", "size": 3}, {"name": 7, "size": 1.5}])

    assert caught.value.code == "schema/wrong-type"
    assert [one.where for one in caught.value.findings] == ["rows[1].name", "rows[1].size"]


@pytest.mark.parametrize(
    "error",
    [
        NotFound("no", code="request/route", hint="ask for another"),
        PackageCodeError("`ValueError`: no price", refusal=True),
        PackageCodeError("`KeyError`: x"),
        Unavailable("late", code="serve/deadline"),
    ],
)
def test_errors_keep_their_class_and_code(gateway: Asked, error: KetchError) -> None:
    gateway.fails = [error]
    with gateway.client() as client, pytest.raises(type(error)) as caught:
        client.predict("shop", {"name": "a", "size": 3})

    assert caught.value.code == error.code
    assert getattr(caught.value, "is_refusal", None) == getattr(error, "is_refusal", None)
    assert len(gateway.requests) == 1


def test_a_busy_gateway_is_asked_again_when_it_says_so(gateway: Asked) -> None:
    gateway.fails = [busy(), busy(1.0)]
    with gateway.client() as client:
        answer = client.predict("shop", {"name": "a", "size": 3})

    assert answer == {"price": 1.5}
    assert gateway.waits == [2.0, 1.0]


def test_a_gateway_that_stays_busy_is_left_alone_after_a_few_tries(gateway: Asked) -> None:
    gateway.fails = [busy(1.0) for _ in range(9)]
    with gateway.client() as client, pytest.raises(Unavailable) as caught:
        client.predict("shop", {"name": "a", "size": 3})

    assert caught.value.code == "serve/busy"
    assert len(gateway.requests) == 4


def test_no_further_try_is_made_that_would_come_too_late(gateway: Asked) -> None:
    gateway.fails = [busy(60.0)]
    with gateway.client(timeout_s=5.0) as client, pytest.raises(Unavailable):
        client.predict("shop", {"name": "a", "size": 3})

    assert gateway.waits == []


def test_what_may_have_been_done_is_not_asked_twice(gateway: Asked) -> None:
    gateway.fails = [Unavailable("gone", code="serve/worker-died")]
    with gateway.client() as client, pytest.raises(Unavailable) as caught:
        client.predict("shop", {"name": "a", "size": 3})

    assert caught.value.code == "serve/worker-died"
    assert len(gateway.requests) == 1


def test_a_gateway_that_is_not_there_is_told() -> None:
    with Listener.open("127.0.0.1", 0).sockets[0] as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()

    with Client(url) as client, pytest.raises(Unavailable) as caught:
        client.predict("shop", {"name": "a", "size": 3})

    assert caught.value.code == "remote/unreachable"
    assert "gateway" in str(caught.value.hint)
    assert time.monotonic() - began < 5


def test_a_client_that_was_closed_says_so(gateway: Asked) -> None:
    with gateway.client() as client:
        client.predict("shop", {"name": "a", "size": 3})

    with pytest.raises(UsageError) as caught:
        client.predict("shop", {"name": "a", "size": 3})

    assert caught.value.code == "client/closed"


@pytest.mark.parametrize("rows", [3, "a", b"a", None])
def test_what_holds_no_rows_is_told(rows: object) -> None:
    with pytest.raises(UsageError) as caught:
        encode(rows)

    assert caught.value.code == "schema/wrong-type"
    assert f"`{type(rows).__name__}`" in caught.value.message


class Frame:
    """A frame of pandas, as far as the client looks at it."""

    columns = ("name", "size")

    def to_dict(self, orient: str) -> list[dict[str, object]]:
        assert orient == "records"
        return [{"name": "a", "size": float("nan")}]


@pytest.mark.parametrize(
    ("rows", "sent"),
    [
        ({"a": np.int64(3), "b": np.float32(0.5), "c": np.bool_(True)}, {"a": 3, "b": 0.5, "c": True}),
        ({"a": np.array([[1, 2]])}, {"a": [[1, 2]]}),
        ({"a": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}, {"a": "2026-01-01T00:00:00+00:00"}),
        ({"a": dt.date(2026, 1, 1)}, {"a": "2026-01-01"}),
        ({"a": b"\0\1"}, {"a": "AAE="}),
        ({"a": "Zoë"}, {"a": "Zoë"}),
        (Prediction(a=1), {"a": 1}),
        ([{"a": None}], [{"a": None}]),
        (Frame(), [{"name": "a", "size": None}]),
    ],
)  # fmt: skip
def test_python_values_are_sent_as_the_schema_reads_them(rows: object, sent: object) -> None:
    assert json.loads(encode(rows)) == sent


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ({"a": float("nan")}, "json/number"),
        ({"a": np.float64("inf")}, "json/number"),
        ({"a": np.array([float("nan")])}, "json/number"),
        ({"a": {1, 2}}, "schema/wrong-type"),
        ({"a": Decimal(1)}, "schema/wrong-type"),
    ],
)
def test_what_has_no_json_form_is_not_sent(rows: object, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        encode(rows)

    assert caught.value.code == code


def test_certificates_that_the_settings_name_are_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error about a certificate says to set it."""
    named = tmp_path / "authority.pem"
    named.write_text("nonsense")
    monkeypatch.setenv("KETCH_CA_FILE", str(named))

    with pytest.raises(UsageError) as caught:
        Client("https://127.0.0.1:1")

    assert (caught.value.code, caught.value.where) == ("remote/ca-file", str(named))


def test_an_address_without_a_scheme_is_told_what_it_lacks() -> None:
    with pytest.raises(UsageError, match="found `localhost:8424`") as caught:
        Client("localhost:8424")

    assert caught.value.hint is None
