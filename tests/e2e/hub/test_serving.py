"""A hub as it is run: where it listens, with TLS, how it is stopped, how one logs in."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.hubs import ask, hub
from tests.registries import made

from ketch.hub.access import Role
from ketch.hub.inside import opened
from ketch.package import Digest, Reference
from ketch.registry.hub import HubDesk
from ketch.remote.auth import Bearer
from ketch.remote.http import Session

pytestmark = pytest.mark.servers

KETCH = Path(sys.executable).with_name("ketch")


def ketch(
    *arguments: str | Path, said: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [KETCH, *arguments],
        input=said,
        env={**os.environ, "NO_COLOR": "1", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def certificate(tmp_path: Path, require_program: Callable[[str, str], Path]) -> tuple[Path, Path]:
    """A certificate for this machine that it signed itself, and its key."""
    openssl = require_program("openssl", "openssl")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    said = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    make: list[str | Path] = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
    ]
    subprocess.run([*make, "-keyout", key, "-out", cert, *said], check=True, capture_output=True)
    return cert, key


class TestListening:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "hub.shop.example"])
    def test_beyond_this_machine_it_wants_a_token_first(self, tmp_path: Path, host: str) -> None:
        done = ketch("hub", "--host", host, "--port", "0", "--home", tmp_path)
        assert done.returncode == 1
        assert "expected a token" in done.stderr
        assert "ketch hub token create" in done.stderr

    def test_beyond_this_machine_it_wants_tls_then(self, tmp_path: Path) -> None:
        ketch("hub", "token", "create", "ana", "--role", "admin", "--home", tmp_path)
        done = ketch("hub", "--host", "0.0.0.0", "--port", "0", "--home", tmp_path)
        assert done.returncode == 1
        assert "expected TLS" in done.stderr

    def test_behind_a_proxy_it_is_not_alone_even_here(self, tmp_path: Path) -> None:
        done = ketch("hub", "--behind-proxy", "--port", "0", "--home", tmp_path)
        assert done.returncode == 1
        assert "expected a token" in done.stderr

    def test_told_that_a_proxy_has_tls_it_listens(self, tmp_path: Path) -> None:
        ketch("hub", "token", "create", "ana", "--home", tmp_path)
        said = ("--host", "0.0.0.0", "--behind-proxy", "--name", "hub.shop.example")
        with hub(tmp_path, *said) as served:
            url = served.url.replace("0.0.0.0", "127.0.0.1")
            for host, status in {"hub.shop.example": 401, "other.example": 421}.items():
                assert ask(url, "GET", "/api/v1/me", headers={"Host": host}).status == status

    def test_with_a_certificate_it_speaks_https(
        self, tmp_path: Path, certificate: tuple[Path, Path]
    ) -> None:
        cert, key = certificate
        with hub(tmp_path / "hub", "--tls-cert", str(cert), "--tls-key", str(key)) as served:
            assert served.url.startswith("https://")
            token = served.token("ana", Role.VIEWER)
            with Session(served.url, auth=Bearer(token), ca_file=cert) as session:
                assert HubDesk(session).me()["person"] == "ana"
                reply = session.request("GET", "/livez")
                assert "max-age" in reply.headers["strict-transport-security"]

    def test_nginx_is_left_to_send_the_bytes_where_it_is_said_to(self, tmp_path: Path) -> None:
        ketch("hub", "token", "create", "ana", "--home", tmp_path)
        with hub(tmp_path, "--behind-proxy", "--accelerated", "/blobs") as served:
            package, store = made("shop:1.0.0")
            token = served.token("ana")
            blobs = {one: store.read(one) for one in store.digests() if one != package.digest}
            served.upload(package, blobs, token)
            digest = next(iter(blobs))
            answer = served.ask("GET", f"/v2/shop/blobs/{digest}", token=token)
            assert (answer.status, answer.content) == (200, b"")
            assert answer.headers["x-accel-redirect"] == f"/blobs/{digest.hex}"

    @pytest.mark.parametrize(
        "said", [("--accelerated", "/blobs"), ("--accelerated", "blobs", "--behind-proxy")]
    )
    def test_nobody_but_a_proxy_is_left_to_send_the_bytes(
        self, tmp_path: Path, said: tuple[str, ...]
    ) -> None:
        done = ketch("hub", *said, "--port", "0", "--home", tmp_path)
        assert done.returncode == 2
        assert "expected `--behind-proxy`" in done.stderr or "expected a path" in done.stderr

    @pytest.mark.parametrize(
        ("flag", "gb", "code"),
        [
            ("--blob-gb", "0.000001", "hub/too-large"),
            ("--uploads-gb", "0.000001", "oci/too-many-uploads"),
            ("--reserve-gb", "1000000", "disk/full"),
        ],
    )
    def test_it_takes_as_many_bytes_as_it_is_told_to(
        self, tmp_path: Path, flag: str, gb: str, code: str
    ) -> None:
        with hub(tmp_path, flag, gb) as served:
            content = b"x" * 2_000
            path = f"/v2/shop/blobs/uploads/?digest={Digest.of(content)}"
            said = {"Content-Type": "application/octet-stream"}
            answer = served.ask("POST", path, token=served.token("ana"), body=content, headers=said)
            assert answer.status >= 400
            assert answer.json["errors"][0]["detail"]["code"] == code

    def test_no_disk_has_less_than_nothing(self, tmp_path: Path) -> None:
        done = ketch("hub", "--blob-gb", "-1", "--port", "0", "--home", tmp_path)
        assert done.returncode == 2
        assert "expected 0 to 1,000,000 GB" in done.stderr

    @pytest.mark.parametrize("half", ["--tls-cert", "--tls-key"])
    def test_half_of_tls_is_none(
        self, tmp_path: Path, certificate: tuple[Path, Path], half: str
    ) -> None:
        done = ketch("hub", half, certificate[0], "--port", "0", "--home", tmp_path)
        assert done.returncode == 2
        assert "together" in done.stderr

    def test_a_certificate_that_is_none_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_text("x")
        files = ("--tls-cert", tmp_path / "x", "--tls-key", tmp_path / "x")
        done = ketch("hub", *files, "--port", "0", "--home", tmp_path / "hub")
        assert done.returncode == 2
        assert "PEM" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_port_that_is_taken_is_told(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            done = ketch("hub", "--port", port, "--home", tmp_path)
        assert done.returncode == 3
        assert "--port 0" in done.stderr

    def test_alone_on_this_machine_everybody_is_who_runs_it(self, tmp_path: Path) -> None:
        with hub(tmp_path) as served:
            assert served.ask("GET", "/api/v1/me").json["role"] == "admin"
            token = served.token("ana", Role.VIEWER)  # made while it runs
            assert served.ask("GET", "/api/v1/me").status == 401
            assert served.ask("GET", "/api/v1/me", token=token).json["person"] == "ana"
            with opened(tmp_path) as inside:
                inside.tokens.revoke(inside.tokens.listed()[0].id, by="root")
            assert served.ask("GET", "/api/v1/me").status == 401, "never open again"

    def test_its_document_needs_no_home(self, tmp_path: Path) -> None:
        done = ketch("hub", "--openapi", KETCH_HOME=str(tmp_path / "none"))
        assert json.loads(done.stdout)["openapi"] == "3.1.0"
        assert not (tmp_path / "none").exists()


class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_request_at_work_is_finished(self, tmp_path: Path, number: signal.Signals) -> None:
        """A body that is half there when the hub is told to stop still gets its answer."""
        with hub(tmp_path) as served:
            port = int(served.url.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
                head = "POST /api/v1/audit HTTP/1.1\r\nHost: localhost\r\n"
                said = "Content-Type: application/json\r\nContent-Length: 2\r\n"
                line.sendall(f"{head}{said}Expect: 100-continue\r\n\r\n".encode())
                assert line.recv(65536).startswith(b"HTTP/1.1 100")  # it waits for the body
                line.sendall(b"{")
                os.kill(served.pid, number)
                time.sleep(0.5)
                with pytest.raises(OSError):  # noqa: PT011
                    socket.create_connection(("127.0.0.1", port), timeout=1)
                line.sendall(b"}")
                assert line.recv(65536).startswith(b"HTTP/1.1 200 OK")

    def test_who_leaves_may_leave_it_running(self, tmp_path: Path) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
        try:
            with hub(tmp_path) as served:
                os.kill(served.pid, signal.SIGHUP)
                time.sleep(0.5)
                assert served.ask("GET", "/livez").status == 200
        finally:
            signal.signal(signal.SIGHUP, before)


class TestLogin:
    def test_a_token_is_tried_and_kept_where_nobody_else_reads_it(self, tmp_path: Path) -> None:
        config = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "KETCH_HOME": str(tmp_path / "here")}
        with hub(tmp_path / "hub") as served:
            token = served.token("ana", Role.VIEWER)
            done = ketch("login", f"{served.url}/", "--json", said=f"{token}\n", **config)
            assert done.returncode == 0, done.stderr
            told = json.loads(done.stdout)
            assert (told["person"], told["hub"]) == ("ana", served.url)
            assert token not in done.stdout + done.stderr
            file = Path(told["file"])
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            for variable in ("KETCH_REGISTRY", "KETCH_HUB"):
                done = ketch("status", **config, **{variable: served.url})
                assert (done.returncode, done.stdout[:13]) == (0, "no routes yet")
            file.chmod(0o644)
            done = ketch("status", **config, KETCH_REGISTRY=served.url)
            assert done.returncode == 2
            assert "chmod 600" in done.stderr

    @pytest.mark.parametrize(("said", "status"), [("", 2), ("ketch_no\n", 1), ("\n", 2)])
    def test_a_token_that_is_none_is_not_kept(self, tmp_path: Path, said: str, status: int) -> None:
        config = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
        with hub(tmp_path / "hub") as served:
            served.token("ana")
            done = ketch("login", served.url, said=said, **config)
        assert done.returncode == status, done.stderr
        assert not (tmp_path / "config").exists()

    def test_it_says_how_to_work_with_the_hub(self, tmp_path: Path) -> None:
        with hub(tmp_path / "hub") as served:
            token = served.token("ana", Role.VIEWER)
            done = ketch("login", served.url, said=token, XDG_CONFIG_HOME=str(tmp_path))
        assert done.stdout.endswith(f"to work with it: export KETCH_REGISTRY={served.url}\n")

    def test_a_certificate_of_ones_own_is_trusted_and_http_asks_about_it(
        self, tmp_path: Path, certificate: tuple[Path, Path]
    ) -> None:
        cert, key = certificate
        config = {"XDG_CONFIG_HOME": str(tmp_path), "KETCH_HOME": str(tmp_path / "here")}
        with hub(tmp_path / "hub", "--tls-cert", str(cert), "--tls-key", str(key)) as served:
            token = served.token("ana", Role.VIEWER)
            done = ketch("login", served.url, said=token, **config)
            assert (done.returncode, "KETCH_CA_FILE" in done.stderr) == (3, True)
            config["KETCH_CA_FILE"] = str(cert)
            done = ketch("login", served.url, said=token, **config)
            assert done.returncode == 0, done.stderr
            done = ketch("status", KETCH_REGISTRY=served.url, **config)
            assert (done.returncode, done.stdout[:13]) == (0, "no routes yet")
            plain = served.url.replace("https:", "http:")
            done = ketch("status", KETCH_REGISTRY=plain, **config)
            assert (done.returncode, "`https`" in done.stderr) == (3, True)

    @pytest.mark.parametrize("url", ["http://hub.shop.example", "ftp://x", "https://x/y", "x"])
    def test_a_token_goes_to_no_other_address(self, tmp_path: Path, url: str) -> None:
        done = ketch("login", url, said="ketch_x\n", XDG_CONFIG_HOME=str(tmp_path))
        assert done.returncode == 2
        assert "Traceback" not in done.stderr

    def test_without_a_token_a_verb_says_how_to_get_in(self, tmp_path: Path) -> None:
        with hub(tmp_path / "hub") as served:
            served.token("ana")
            done = ketch("status", KETCH_REGISTRY=served.url, XDG_CONFIG_HOME=str(tmp_path))
        assert done.returncode == 1
        assert "`ketch login`" in done.stderr

    def test_no_hub_there_is_told(self, tmp_path: Path) -> None:
        done = ketch("status", KETCH_REGISTRY="http://127.0.0.1:9", XDG_CONFIG_HOME=str(tmp_path))
        assert done.returncode == 3
        assert "Traceback" not in done.stderr


class TestTokens:
    def test_nobody_else_reads_what_is_kept(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o755)
        with hub(tmp_path) as served:
            served.token("ana")
            modes = {
                file.name: file.stat().st_mode & 0o077 for file in tmp_path.glob("registry.db*")
            }
        assert "registry.db-wal" in modes
        assert set(modes.values()) == {0}

    def test_one_is_printed_once_and_never_again(self, tmp_path: Path) -> None:
        made = ketch(
            "hub",
            "token",
            "create",
            "ana",
            "--role",
            "publisher",
            "--packages",
            "shop*",
            "--days",
            "30",
            "--home",
            tmp_path,
            "--json",
        )
        told = json.loads(made.stdout)
        assert told["packages"] == ["shop*"]
        listed = ketch("hub", "token", "list", "--home", tmp_path)
        assert told["token"] not in listed.stdout
        assert told["id"] in listed.stdout
        assert "publisher" in listed.stdout
        ended = ketch("hub", "token", "revoke", told["id"], "--home", tmp_path)
        assert "is revoked" in ended.stdout
        assert "revoked" in ketch("hub", "token", "list", "--home", tmp_path).stdout

    @pytest.mark.parametrize(
        "said",
        [
            ("ana", "--role", "root"),
            ("ana", "--role", "anybody"),
            ("",),
            ("a\nb",),
            ("ana", "--days", "0"),
            ("ana", "--packages", "Shop"),
            ("ana", "--packages", "*shop"),
        ],
        ids=str,
    )
    def test_what_makes_no_token_is_told(self, tmp_path: Path, said: Sequence[str]) -> None:
        done = ketch("hub", "token", "create", *said, "--home", tmp_path)
        assert done.returncode == 2, done
        assert "Traceback" not in done.stderr

    def test_the_history_tells_who_let_whom_in(self, tmp_path: Path) -> None:
        with hub(tmp_path) as served:
            token = served.token("ana", Role.VIEWER, ("shop*",))
            admin = served.token("otto")
            with Session(served.url, auth=Bearer(admin)) as session:
                events = HubDesk(session).history()
            assert [event.kind for event in events] == ["token-created"] * 2
            assert token[-43:] not in str(events)


def test_reads_do_not_wait_for_a_client_that_is_slow(tmp_path: Path) -> None:
    """A body that comes byte by byte holds nobody else up."""
    with hub(tmp_path) as served:
        port = int(served.url.rpartition(":")[2])
        lines = []
        for _ in range(40):
            line = socket.create_connection(("127.0.0.1", port), timeout=20)
            head = "POST /api/v1/audit HTTP/1.1\r\nHost: localhost\r\n"
            line.sendall(
                f"{head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{".encode()
            )
            lines.append(line)
        began = time.monotonic()
        answers: list[Any] = []
        asking = [
            threading.Thread(target=lambda: answers.append(served.ask("GET", "/api/v1/routes")))
            for _ in range(20)
        ]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
        assert [answer.status for answer in answers] == [200] * 20
        assert time.monotonic() - began < 10
        for line in lines:
            line.close()


def test_an_answer_waits_for_no_acknowledgement(tmp_path: Path) -> None:
    """Head and body go out one after the other; the client's system waits 40 ms to say so."""
    with hub(tmp_path) as served, Session(served.url) as session:
        durations = []
        for _ in range(20):
            began = time.perf_counter()
            session.request("GET", "/livez")
            durations.append(time.perf_counter() - began)
        assert min(durations) < 0.03


def test_a_reference_is_resolved_as_it_stands(tmp_path: Path) -> None:
    with hub(tmp_path) as served, Session(served.url) as session:
        from ketch.errors import NotFound

        with pytest.raises(NotFound) as problem:
            HubDesk(session).resolve(Reference.parse("shop@prod"))
        assert problem.value.code == "registry/not-found"
