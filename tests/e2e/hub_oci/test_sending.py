"""Large blobs on their way to clients of every kind: fast, slow, gone, and behind a proxy."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests import packages
from tests.conformance.hub_oci.harness import Served, serving

from ketch.hub.oci import Limits, ZeroCopyProtocol
from ketch.hub.oci.zerocopy import _hand_over
from ketch.package import Digest, open_package
from ketch.store import fsck

pytestmark = pytest.mark.servers

SIZE = 30_000_001


class Hasty(ZeroCopyProtocol):
    """Leaves clients that take nothing sooner than others do."""

    idle_s = 0.5


def publish(hub: Served, size: int = SIZE) -> Digest:
    """Publish a package with a large model file; return the digest of the file."""
    contents = {**packages.files(), "model/weights.bin": os.urandom(size)}
    package = open_package(packages.put(hub.store, contents), hub.store)
    hub.store.tag(package.reference, package.descriptor)
    hub.registry.publish(package, actor="ana")
    return package.files["model/weights.bin"].digest


@contextmanager
def asked(hub: Served, digest: Digest, *, buffer: int) -> Iterator[socket.socket]:
    """Ask for a blob and read nothing of the answer yet."""
    host, port = hub.address.partition("//")[2].split(":")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.connect((host, int(port)))
        connection.settimeout(20)
        head = f"GET /v2/hello/blobs/{digest} HTTP/1.1\r\nHost: {host}\r\n"
        connection.sendall(f"{head}Authorization: Bearer {hub.tokens['vera']}\r\n\r\n".encode())
        yield connection


def digest_of_answer(connection: socket.socket, *, pause_s: float = 0.0) -> Digest:
    """Read an answer to its end, slowly if need be; return the digest of its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(4096)
    body = received.partition(b"\r\n\r\n")[2]
    sha, count = hashlib.sha256(body), len(body)
    while count < SIZE:
        part = connection.recv(1 << 20)
        assert part, f"it ended after {count} bytes"
        sha.update(part)
        count += len(part)
        time.sleep(pause_s)
    return Digest(sha.hexdigest())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def fetched(hub: Served, digest: Digest, **headers: str) -> httpx.Response:
    return hub.as_("vera").ask("GET", f"/v2/hello/blobs/{digest}", headers=headers)


@pytest.fixture(params=["by the kernel", "in chunks"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A hub on uvicorn as it is, and on uvicorn as a hub starts it."""
    protocol: Any = ZeroCopyProtocol if request.param == "by the kernel" else "httptools"
    with serving(tmp_path / "hub", protocol=protocol) as served:
        yield served
        assert fsck(served.store).is_clean


def test_every_byte_arrives(
    hub: Served, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """And by the way that is meant: else the tests below would try one of them twice."""
    handed_over: list[int] = []

    def hand_over(fd: int, file: int, offset: int, count: int) -> int:
        handed_over.append(sent := _hand_over(fd, file, offset, count))
        return sent

    monkeypatch.setattr("ketch.hub.oci.zerocopy._hand_over", hand_over)
    digest = publish(hub)
    assert Digest.of(fetched(hub, digest).content) == digest
    by_kernel = "by the kernel" in request.node.name
    assert sum(handed_over) == (SIZE if by_kernel else 0)


def test_a_part_goes_on_where_a_client_left(hub: Served) -> None:
    digest = publish(hub)
    content = hub.store.read(digest)
    for first in (0, 1, 4_194_303, 4_194_304, 16_777_217, SIZE - 1):
        assert fetched(hub, digest, Range=f"bytes={first}-").content == content[first:]


def test_several_requests_on_one_connection(hub: Served) -> None:
    """What comes after a file is the next answer, not a byte of the file."""
    digest = publish(hub)
    for _ in range(3):
        assert len(fetched(hub, digest).content) == SIZE
        assert hub.as_("vera").ask("GET", "/v2/").json() == {}


def test_twenty_clients_at_once(hub: Served) -> None:
    digest = publish(hub)

    def one(_: int) -> Digest:
        with asked(hub, digest, buffer=1 << 20) as connection:
            return digest_of_answer(connection)

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(one, range(20))) == {digest}


def test_a_slow_client_gets_it_all_and_keeps_nobody_waiting(hub: Served) -> None:
    digest = publish(hub)
    with ThreadPoolExecutor(12) as pool, asked(hub, digest, buffer=4096) as connection:
        slow = pool.submit(digest_of_answer, connection, pause_s=0.001)
        assert hub.as_("vera").ask("GET", "/v2/").status_code == 200
        assert not slow.done()
        assert slow.result(60) == digest


def test_clients_that_go_leave_nothing_open(hub: Served) -> None:
    digest = publish(hub)
    before = open_files()
    for _ in range(12):
        with asked(hub, digest, buffer=4096) as connection:
            connection.recv(1000)
    until = time.monotonic() + 10
    while open_files() > before + 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert open_files() <= before + 2
    assert Digest.of(fetched(hub, digest).content) == digest


def test_more_stuck_clients_than_threads_keep_nobody_waiting(tmp_path: Path) -> None:
    with serving(tmp_path / "hub") as hub:
        digest = publish(hub)
        stuck = [asked(hub, digest, buffer=4096) for _ in range(30)]
        connections = [each.__enter__() for each in stuck]
        time.sleep(0.3)
        assert Digest.of(fetched(hub, digest).content) == digest
        for each in stuck:
            each.__exit__(None, None, None)
        assert len(connections) == 30


def test_a_client_that_takes_nothing_is_left(tmp_path: Path) -> None:
    with serving(tmp_path / "hub", protocol=Hasty) as hub:
        digest = publish(hub)
        with asked(hub, digest, buffer=4096) as connection:
            time.sleep(2)
            with pytest.raises((AssertionError, ConnectionError)):
                digest_of_answer(connection)


def test_over_tls(tmp_path: Path, require_program: Any) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = [
        *(
            require_program("openssl", "openssl"),
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
        )
    ]
    made += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, "-keyout", key, "-out", cert], check=True, capture_output=True)
    with serving(tmp_path / "hub", ssl_certfile=str(cert), ssl_keyfile=str(key)) as hub:
        digest = publish(hub)
        trusted = ssl.create_default_context(cafile=str(cert))
        auth = ("any", hub.tokens["vera"])
        with httpx.Client(base_url=hub.address, auth=auth, verify=trusted) as client:
            reply = client.get(f"/v2/hello/blobs/{digest}")
            assert Digest.of(reply.content) == digest
            assert client.put("/v2/hello/blobs/uploads/x").status_code in {403, 404}


def test_a_proxy_in_front_sends_the_files(tmp_path: Path, require_program: Any) -> None:
    """nginx asks the hub who may, and sends the file itself (``X-Accel-Redirect``)."""
    nginx = require_program("nginx", "nginx-light")
    with serving(tmp_path / "hub", Limits(reserve_bytes=0), accelerated="/blobs") as hub:
        digest = publish(hub)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        blobs = hub.store.layout.blobs
        config = tmp_path / "nginx.conf"
        config.write_text(
            f"user root; daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error;\n"
            "events {} http { access_log off; server {\n"
            f"listen 127.0.0.1:{port}; client_max_body_size 0;\n"
            f"location / {{ proxy_pass {hub.address}; proxy_set_header Host $host; }}\n"
            f"location /blobs/ {{ internal; alias {blobs}/;\n"
            "add_header Docker-Content-Digest $upstream_http_docker_content_digest; } } }\n"
        )
        command = [str(nginx), "-p", str(tmp_path), "-c", str(config)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                _await(port)
                auth = ("any", hub.tokens["vera"])
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=auth) as client:
                    path = f"/v2/hello/blobs/{digest}"
                    assert Digest.of(client.get(path).content) == digest
                    part = client.get(path, headers={"Range": "bytes=5-9"})
                    assert (part.status_code, len(part.content)) == (206, 5)
                    assert part.headers["Docker-Content-Digest"] == str(digest)
                    other = client.get(f"/v2/other/blobs/{digest}")
                    assert other.status_code == 404
                assert httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 401
                assert httpx.get(f"http://127.0.0.1:{port}/blobs/{digest.hex}").status_code == 404
            finally:
                process.terminate()


def test_threads_end_with_the_hub(tmp_path: Path) -> None:
    before = threading.active_count()
    with serving(tmp_path / "hub") as hub:
        digest = publish(hub, 1_000_000)
        assert fetched(hub, digest).status_code == 200
    until = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.05)
    assert threading.active_count() <= before


def _await(port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
