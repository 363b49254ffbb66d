"""Sockets that listen, and a good end."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.unit.serving.http.wire import echo, get, limits, post, serving, until

from ketch.errors import UsageError
from ketch.serving.http.messages import Request, Response
from ketch.serving.http.tls import tls_context


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "a.pem").write_bytes(made.public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "a.key").write_bytes(private)
    return folder / "a.pem", folder / "a.key"


async def sleepy(request: Request) -> Response:
    await asyncio.sleep(float(request.body))
    return echo(request)


def test_at_the_end_a_request_at_work_is_finished_and_others_are_closed() -> None:
    with serving(sleepy) as running:
        idle, busy = running.connect(), running.connect()
        assert idle.ask(post(b"0")).headers.get("connection") is None
        busy.send(post(b"0.5"))
        until(lambda: len(running.server.quiet) == 1)
        running.stop()
        assert idle.is_closed()
        answer = busy.answer()
        assert (answer.body, answer.headers["connection"]) == (b"0.5", "close")
        assert busy.is_closed()


def test_at_the_end_nobody_is_let_in() -> None:
    with serving(sleepy) as running:
        busy = running.connect()
        busy.send(post(b"0.5"))
        until(lambda: bool(running.server.connections) and not running.server.quiet)
        running.stop()
        until(lambda: running.server.is_closing)
        with pytest.raises(ConnectionRefusedError):
            running.connect()
        assert busy.answer().body == b"0.5"


def test_at_the_end_a_request_that_is_on_its_way_is_still_answered() -> None:
    with serving(echo, limits=limits(farewell_s=3.0)) as running:
        client = running.connect()
        assert client.ask(get()).status == 200
        running.stop()
        until(lambda: running.server.is_closing)
        assert client.ask(get()).headers["connection"] == "close"


def test_at_the_end_a_request_that_never_ends_is_cut() -> None:
    with serving(sleepy, limits=limits(goodbye_s=0.3)) as running:
        busy, half = running.connect(), running.connect()
        busy.send(post(b"60"))
        half.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab")
        until(lambda: running.server.room.taken == 4)
        began = time.monotonic()
        running.stop()
        assert busy.is_closed()
        assert half.is_closed()
        assert time.monotonic() - began < 3.0


def test_while_it_ends_under_load_no_request_that_was_sent_goes_unanswered() -> None:
    failed: list[Exception] = []
    answered = 0

    def ask() -> None:
        nonlocal answered
        client = running.connect()
        try:
            while True:
                answer = client.ask(post(b"0.002"))
                answered += 1
                if answer.headers.get("connection") == "close":
                    return
        except (OSError, EOFError) as error:
            failed.append(error)

    with serving(sleepy, limits=limits(farewell_s=2.0)) as running:
        threads = [threading.Thread(target=ask) for _ in range(20)]
        for one in threads:
            one.start()
        until(lambda: answered > 100)
        running.stop()
        for one in threads:
            one.join(10)
    assert failed == []


def test_https_is_spoken(certificate: tuple[Path, Path]) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate[0]))

    def app(request: Request) -> Response:
        return Response(body=request.body + str(request.secure).encode())

    with serving(
        app, tls=tls_context(*certificate), limits=limits(body_bytes=1_000_000)
    ) as running:
        port = int(running.address[1])
        asked = http.client.HTTPSConnection("localhost", port, context=trusted, timeout=10)
        for size in (3, 300_000, 5):
            asked.request("POST", "/", b"a" * size)
            answer = asked.getresponse()
            assert answer.read() == b"a" * size + b"True"
        asked.request("POST", "/", b"a" * 1_000_001)
        assert asked.getresponse().status == 413
        asked.close()


def test_plain_bytes_are_not_answered_where_https_is_spoken(
    certificate: tuple[Path, Path],
) -> None:
    with serving(echo, tls=tls_context(*certificate)) as running:
        client = running.connect()
        client.send(get())
        assert b"HTTP" not in client.rest()


def test_files_that_are_no_certificate_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("no")
    with pytest.raises(UsageError, match="PEM") as caught:
        tls_context(tmp_path / "a.pem", tmp_path / "a.pem")
    assert caught.value.code == "serve/tls"


def test_the_file_that_is_not_there_is_named_certificate_or_key(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    missing = tmp_path / "none.pem"
    for pair in ((missing, certificate[1]), (certificate[0], missing)):
        with pytest.raises(UsageError, match="No such file") as caught:
            tls_context(*pair)
        assert caught.value.where == str(missing)


def test_a_key_in_the_place_of_its_certificate_is_told_of(certificate: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="PEM") as caught:
        tls_context(certificate[1], certificate[0])
    assert "_ssl.c" not in str(caught.value)
    assert "`--tls-key`" in str(caught.value.hint)


def test_a_unix_socket_is_answered(tmp_path: Path) -> None:
    with serving(echo, unix=tmp_path / "s") as running:
        assert running.connect().ask(post(b"abc")).body == b"abc"


def test_fifty_slow_clients_are_told_so_and_hold_nobody_up() -> None:
    with serving(echo, limits=limits(head_s=1.0)) as running:
        slow = [running.connect() for _ in range(50)]
        for one in slow:
            one.send(b"POST /shop HTTP/1.1\r\nHost: local")
        good, longest = running.connect(), 0.0
        for at in range(200):
            began = time.monotonic()
            assert good.ask(post(b"%d" % at)).body == b"%d" % at
            longest = max(longest, time.monotonic() - began)
            if at % 20 == 0:
                for one in slow:
                    with suppress(OSError):  # its second is over: the answer is on its way
                        one.send(b"h")
            time.sleep(0.002)
        assert longest < 2.0
        assert [one.answer().status for one in slow] == [408] * 50
