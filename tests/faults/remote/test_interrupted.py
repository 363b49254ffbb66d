"""A push or a pull of 200 MB that is killed goes on where it stopped; the bytes are counted."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import pytest
from tests import packages
from tests.buckets import BUCKET, s3_environment
from tests.conformance.remote.shelf import Shelf
from tests.hubs import Nursery
from tests.remotes import Door, serving

from ketch.package import open_package
from ketch.store import LocalStore, fsck

pytestmark = [pytest.mark.faults, pytest.mark.servers]

KETCH = Path(sys.executable).with_name("ketch")
MB = 1_000_000
SIZE = 200 * MB
LIMIT_S = 180


@dataclass
class Between:
    """A proxy in front of a real server: it counts what passes, and may stop it.

    Attributes:
        port: Where the real server listens.
        sent: Bytes of bodies on their way to the server, by request.
        ranges: What was asked for of blobs.
        got: Bytes of bodies on their way from it.
        in_parts: Whether a body is passed on as it comes, and may be cut in its middle.
        stop_at: Called with the bytes that passed so far in either direction; when it
            returns true nothing more passes.
    """

    port: int
    sent: list[tuple[str, str, int]] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    got: int = 0
    in_parts: bool = False
    stop_at: Callable[[int], bool] = lambda _: False

    @property
    def passed(self) -> int:
        """How many bytes of bodies passed so far, in either direction."""
        return sum(size for *_, size in self.sent) + self.got

    def __call__(self, door: Door) -> None:
        """Pass a request on, and the answer back."""
        length = int(door.headers.get("Content-Length", 0))
        whole = b"" if self.in_parts else door.read()
        body = _parts_of(door, length) if self.in_parts else iter([whole] * (length > 0))
        if (length and self.stop_at(self.passed)) or (not self.in_parts and len(whole) < length):
            door.cut()
            return
        if "/blobs/" in door.path or "/pieces/" in door.path:
            self.ranges += [door.headers.get("Range")] if door.command == "GET" else []
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as server:
            server.putrequest(door.command, door.path, skip_accept_encoding=True, skip_host=True)
            for name, value in door.headers.items():
                server.putheader(name, value)
            server.endheaders()
            for part in body:
                server.send(part)
                self.sent.append((door.command, door.path, len(part)))
                if self.in_parts and self.stop_at(self.passed):
                    door.cut()
                    return
            reply = server.getresponse()
            door.send_response(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in {"connection", "server", "date"}:
                    door.send_header(name, value)
            door.end_headers()
            while door.command != "HEAD" and (part := reply.read1(1 << 16)):
                if self.stop_at(self.passed):
                    door.cut()
                    return
                door.wfile.write(part)
                self.got += len(part)


def _parts_of(door: Door, left: int) -> Iterator[bytes]:
    """Yield a body as it comes in."""
    while left and (part := door.rfile.read1(min(left, 1 << 20))):
        left -= len(part)
        yield part


class Home:
    """A ketch home with a package of 200 MB, and commands in it."""

    def __init__(self, path: Path, more: dict[str, str]) -> None:
        self.path = path
        self.store = LocalStore(path / "store")
        self._environment = {**os.environ, "KETCH_HOME": str(path), **more}
        self._running: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        self._running = subprocess.Popen(
            [KETCH, *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return self._running

    def run(self, *arguments: str) -> str:
        process = self.start(*arguments)
        output, said = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, said.decode()
        return output.decode()

    def kill_after(self, count: int) -> Callable[[int], bool]:
        """Return what kills the running command once so many bytes passed."""
        has_struck = False

        def strike(passed: int) -> bool:
            nonlocal has_struck
            if has_struck or passed < count:
                return False
            has_struck = True
            assert self._running is not None
            self._running.send_signal(signal.SIGKILL)
            return True

        return strike

    def killed(self, *arguments: str) -> None:
        process = self.start(*arguments)
        process.communicate(timeout=LIMIT_S)
        assert process.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """A store with a package whose one large file has 200 MB."""
    store = LocalStore(tmp_path_factory.mktemp("full") / "store")
    contents = packages.files() | {"model/large.bin": os.urandom(SIZE)}
    package = open_package(packages.put(store, contents), store)
    store.tag("hello:1.0.0", package.descriptor)
    return store


@pytest.fixture
def owner(full: LocalStore, tmp_path: Path) -> Home:
    """Somebody who has the package; uploads that were begun are their own."""
    home = Home(tmp_path / "owner", {})
    home.path.mkdir()
    subprocess.run(["cp", "-al", full.root, home.path / "store"], check=True)
    return home


@pytest.fixture
def reader(tmp_path: Path) -> Home:
    """Somebody who wants it."""
    return Home(tmp_path / "reader", {})


@contextmanager
def between(port: int) -> Iterator[tuple[Between, str]]:
    """Put a proxy before a server; yield it and its address."""
    proxy = Between(port)
    with serving(proxy) as server:
        yield proxy, f"127.0.0.1:{server.server_port}"


def whole(home: Home) -> None:
    assert list(home.store.tags()) == ["hello:1.0.0"]
    assert fsck(home.store).is_clean


def test_a_killed_push_goes_on_inside_a_blob(owner: Home) -> None:
    """To a registry that keeps what arrived of a broken chunk, as the specification allows."""
    shelf = Shelf()
    strike = owner.kill_after(90 * MB)
    shelf.on_part = lambda: strike(shelf.received)
    with serving(shelf) as server:
        to = f"oci://127.0.0.1:{server.server_port}/team/hello"
        owner.killed("push", "hello:1.0.0", to)
        assert shelf.manifests == {}, "nothing is visible"
        before = shelf.received
        assert before >= 90 * MB
        owner.run("push", "hello:1.0.0", to)
    package = open_package(next(iter(owner.store.tags().values())).digest, owner.store)
    blobs = {blob.digest: blob.size for blob in package.artifact.blobs()}
    assert shelf.received == sum(blobs.values()), "every byte once"
    assert "1.0.0" in shelf.manifests
    left = (owner.store.root / ".ketch" / "uploads").iterdir()
    assert [path for path in left if path.suffix != ".known"] == []


def test_a_push_killed_between_chunks_goes_on_at_debians_registry(
    owner: Home, reader: Home, registry: str
) -> None:
    """It forgets an upload of which a chunk broke off; what it answered for, it keeps."""
    repository = f"killed/{secrets.token_hex(4)}"
    with between(int(registry.partition(":")[2])) as (proxy, host):
        proxy.stop_at = owner.kill_after(90 * MB)
        owner.killed("push", "hello:1.0.0", f"oci://{host}/{repository}")
        assert sum(size for *_, size in proxy.sent) >= 80 * MB
        owner.run("push", "hello:1.0.0", f"oci://{host}/{repository}")
        passed = sum(size for method, path, size in proxy.sent if "/blobs/" in path)
        package = open_package(next(iter(owner.store.tags().values())).digest, owner.store)
        blobs = {blob.digest: blob.size for blob in package.artifact.blobs()}
        assert passed == sum(blobs.values()), "every byte once"
    reader.run("pull", f"oci://{registry}/{repository}:1.0.0")
    whole(reader)


def test_a_killed_push_to_a_hub_goes_on_inside_a_chunk(
    owner: Home, reader: Home, tmp_path: Path
) -> None:
    """A hub keeps what arrived of a chunk that was cut."""
    with closing(Nursery()) as nursery, nursery.hub(tmp_path / "hub") as served:
        with between(int(served.url.rpartition(":")[2])) as (proxy, host):
            proxy.in_parts, proxy.stop_at = True, owner.kill_after(90 * MB)
            owner.killed("push", "hello:1.0.0", f"http://{host}")
            owner.run("push", "hello:1.0.0", f"http://{host}")
            passed = sum(size for _, path, size in proxy.sent if "/blobs/" in path)
            package = open_package(next(iter(owner.store.tags().values())).digest, owner.store)
            blobs = {blob.digest: blob.size for blob in package.artifact.blobs()}
            assert passed == sum(blobs.values()), "every byte once"
        reader.run("pull", f"{served.url}/hello:1.0.0")
    whole(reader)


def test_a_killed_pull_asks_for_the_rest(owner: Home, reader: Home, registry: str) -> None:
    repository = f"killed/{secrets.token_hex(4)}"
    owner.run("push", "hello:1.0.0", f"oci://{registry}/{repository}")
    with between(int(registry.partition(":")[2])) as (proxy, host):
        proxy.stop_at = reader.kill_after(90 * MB)
        reader.killed("pull", f"oci://{host}/{repository}:1.0.0")
        assert reader.store.tags() == {}
        assert list(reader.store.digests()) == [], "nothing is visible"
        [part] = [
            path.stat().st_size
            for path in reader.store.layout.temporary.glob("*.part")
            if path.stat().st_size > MB
        ]
        assert part > 80 * MB, "what came is on the disk"
        proxy.ranges.clear()
        proxy.got = 0
        reader.run("pull", f"oci://{host}/{repository}:1.0.0")
    assert f"bytes={part}-" in proxy.ranges
    assert SIZE - part <= proxy.got < SIZE - part + MB
    whole(reader)


def test_a_killed_push_to_a_bucket_sends_no_piece_again(owner: Home, reader: Home, s3: str) -> None:
    prefix = f"s3://{BUCKET}/killed/{secrets.token_hex(4)}"
    with between(int(s3.rpartition(":")[2])) as (proxy, host):
        owner._environment |= s3_environment(f"http://{host}")
        proxy.stop_at = owner.kill_after(90 * MB)
        owner.killed("push", "hello:1.0.0", prefix)
        assert sum(size for *_, size in proxy.sent) >= 70 * MB
        assert not [path for _, path, _ in proxy.sent if "/tags/" in path], "nothing is visible"
        owner.run("push", "hello:1.0.0", prefix)
        pieces = [path for _, path, _ in proxy.sent if "/pieces/" in path]
    assert len(pieces) == len(set(pieces)) == -(-SIZE // (16 << 20))
    reader._environment |= s3_environment(s3)
    reader.run("pull", f"{prefix}/hello:1.0.0")
    whole(reader)


def test_a_killed_pull_from_a_bucket_asks_for_the_rest(owner: Home, reader: Home, s3: str) -> None:
    prefix = f"s3://{BUCKET}/killed/{secrets.token_hex(4)}"
    owner._environment |= s3_environment(s3)
    owner.run("push", "hello:1.0.0", prefix)
    with between(int(s3.rpartition(":")[2])) as (proxy, host):
        reader._environment |= s3_environment(f"http://{host}")
        proxy.stop_at = reader.kill_after(150 * MB)
        reader.killed("pull", f"{prefix}/hello:1.0.0")
        assert list(reader.store.digests()) == [], "nothing is visible"
        part = max(path.stat().st_size for path in reader.store.layout.temporary.glob("*.part"))
        assert part > 60 * MB
        proxy.got = 0
        reader.run("pull", f"{prefix}/hello:1.0.0")
    assert SIZE - part <= proxy.got < SIZE - part + MB
    whole(reader)


def test_two_who_pull_the_same_at_once_both_get_it(
    owner: Home, reader: Home, registry: str
) -> None:
    repository = f"both/{secrets.token_hex(4)}"
    owner.run("push", "hello:1.0.0", f"oci://{registry}/{repository}")
    both = [reader.start("pull", f"oci://{registry}/{repository}:1.0.0") for _ in range(2)]
    for process in both:
        _, said = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, said.decode()
    whole(reader)
    assert list(reader.store.layout.temporary.iterdir()) == []


def test_ctrl_c_stops_a_pull_at_once_and_keeps_what_came(
    owner: Home, reader: Home, registry: str
) -> None:
    repository = f"stopped/{secrets.token_hex(4)}"
    owner.run("push", "hello:1.0.0", f"oci://{registry}/{repository}")
    with between(int(registry.partition(":")[2])) as (proxy, host):

        def interrupt(passed: int) -> bool:
            if passed > 50 * MB and reader._running is not None:
                reader._running.send_signal(signal.SIGINT)
                proxy.stop_at = lambda _: False
            return False

        proxy.stop_at = interrupt
        process = reader.start("pull", f"oci://{host}/{repository}:1.0.0")
        _, said = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 130
        assert re.search("stopped", said.decode())
        assert "Traceback" not in said.decode()
        assert proxy.got < 150 * MB
        reader.run("pull", f"oci://{host}/{repository}:1.0.0")
    whole(reader)
