"""A hub's bytes, served for real, and a client that says exactly what a test wants said."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from tests import packages

from ketch.errors import Refused
from ketch.hub.access import GuardedDesk, Identity, Role
from ketch.hub.app import Hub
from ketch.hub.authority import Authority
from ketch.hub.guard import Names
from ketch.hub.oci import HubBytes, Limits, ZeroCopyProtocol, entries
from ketch.package import (
    Descriptor,
    Digest,
    ImageManifest,
    Package,
    PackageName,
    PackageVersion,
    Stored,
    open_package,
)
from ketch.package.attestation import ARTIFACT_TYPE
from ketch.package.built import Layer, describe, layers_of
from ketch.package.oci import EMPTY_CONFIG, IMAGE_MANIFEST
from ketch.registry import Registry, open_database
from ketch.store import LocalStore, MemoryStore

OCTETS = {"Content-Type": "application/octet-stream"}
MANIFEST = {"Content-Type": IMAGE_MANIFEST}
START_S = 20.0

PEOPLE = {
    "vera": (Role.VIEWER, None),
    "paul": (Role.PUBLISHER, None),
    "petra": (Role.PUBLISHER, None),
    "sam": (Role.PUBLISHER, ("shop",)),
    "olga": (Role.PUBLISHER, ("other*",)),
    "ada": (Role.ADMIN, None),
}


class People:
    """Who comes with which token; how tokens are kept is tested where they are."""

    def exist(self) -> bool:
        return True

    def identify(self, text: str) -> Identity:
        name = text.removeprefix("token-of-")
        if name not in PEOPLE or name == text:
            raise Refused("expected a token of this hub", code="hub/unknown-token")
        return Identity(name, *PEOPLE[name])


@dataclass
class Served:
    """A hub that runs in this process.

    Attributes:
        folder: Its home.
        address: ``http://127.0.0.1:PORT``.
        bytes: What it serves.
        registry: Its registry.
        tokens: The token of each person.
    """

    folder: Path
    address: str
    bytes: HubBytes
    registry: Registry
    tokens: Mapping[str, str]
    clients: dict[str, Client] = field(default_factory=dict)
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def store(self) -> LocalStore:
        return self.bytes.store

    def as_(self, person: str | None) -> Client:
        """Return the client of a person; of nobody, for None."""
        key = person or ""
        with self.turn:
            if key not in self.clients:
                auth = None if person is None else ("any", self.tokens[person])
                made = httpx.Client(base_url=self.address, auth=auth, timeout=30)
                self.clients[key] = Client(made)
            return self.clients[key]


@dataclass
class Client:
    """What one person does, step by step, as the specification names the steps."""

    http: httpx.Client

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        return self.http.request(method, path, **how)

    def begin(self, repository: str, query: str = "") -> httpx.Response:
        return self.ask("POST", f"/v2/{repository}/blobs/uploads/{query}")

    def upload(self, repository: str, content: bytes) -> httpx.Response:
        """Upload a blob in one piece, as most clients do."""
        where = self.begin(repository).headers["Location"]
        return self.ask(
            "PUT", f"{where}?digest={Digest.of(content)}", content=content, headers=OCTETS
        )

    def put(self, repository: str, reference: str, content: bytes) -> httpx.Response:
        return self.ask(
            "PUT", f"/v2/{repository}/manifests/{reference}", content=content, headers=MANIFEST
        )

    def push(
        self, package: Package, tag: str | None = None, *, repository: str | None = None
    ) -> httpx.Response:
        """Push a package: its blobs, then its manifest under its version."""
        name = repository or str(package.manifest.name)
        self.push_blobs(package, name)
        content = package.source.read(package.digest)
        return self.put(name, tag or str(package.manifest.version), content)

    def push_blobs(self, package: Package, repository: str) -> None:
        for blob in {each.digest for each in package.artifact.blobs()}:
            path = f"/v2/{repository}/blobs/{blob}"
            if self.ask("HEAD", path).status_code != 200:
                reply = self.upload(repository, package.source.read(blob))
                assert reply.status_code == 201, reply.text

    def attach(self, subject: Package, content: bytes, **annotations: str) -> httpx.Response:
        """Push something that refers to a package."""
        name = str(subject.manifest.name)
        for blob in (b"{}", content):
            assert self.upload(name, blob).status_code == 201
        manifest = referrer(subject.descriptor, content, **annotations).to_bytes()
        return self.put(name, str(Digest.of(manifest)), manifest)


def referrer(subject: Descriptor, content: bytes, **annotations: str) -> ImageManifest:
    return ImageManifest(
        config=Descriptor(EMPTY_CONFIG, Digest.of(b"{}"), 2),
        layers=(Descriptor("application/vnd.in-toto+json", Digest.of(content), len(content)),),
        artifact_type=ARTIFACT_TYPE,
        subject=subject,
        annotations=annotations,
    )


def package(reference: str, **changes: Any) -> Package:
    """Return a package in memory; ``changes`` are those of its manifest."""
    name, _, version = reference.partition(":")
    said = packages.manifest(name=PackageName(name), version=PackageVersion(version), **changes)
    made = layers_of(packages.sources(manifest=said))
    sample = packages.BESIDE["data/training/events.csv"]
    known = sorted([*made, Layer("data/training/events.csv", sample)], key=lambda one: one.path)
    store, stored = MemoryStore(), dict[str, Stored]()
    for layer in known:
        assert isinstance(layer.content, bytes)
        stored[layer.path] = store.put_bytes(layer.content)
    artifact, config = describe(said, known, stored)
    store.put_bytes(config)
    return open_package(store.put_bytes(artifact.to_bytes()).digest, store)


def codes(reply: httpx.Response) -> tuple[int, list[str]]:
    """Return the status and the codes of an error, which is written as the specification has it."""
    assert reply.headers["Content-Type"] == "application/json", reply.text
    errors = reply.json()["errors"]
    assert all(each["code"] and each["message"] for each in errors)
    return reply.status_code, [each["code"] for each in errors]


@contextmanager
def serving(
    folder: Path,
    limits: Limits | None = None,
    *,
    port: int = 0,
    protocol: Any = ZeroCopyProtocol,
    accelerated: str | None = None,
    **config: Any,
) -> Iterator[Served]:
    """Serve a hub's bytes; the home is made when it is missing, the tokens are the same."""
    store = LocalStore(folder / "store")
    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(f"sqlite:///{folder / 'registry.db'}")
    registry = Registry(database, lambda digest: open_package(digest, store))
    known = People()
    tokens = {name: f"token-of-{name}" for name in PEOPLE}
    hub = HubBytes.open(
        store,
        registry,
        lambda who: GuardedDesk(registry, store, who),
        limits=limits or Limits(reserve_bytes=0),
        accelerated=accelerated,
    )
    pool = ThreadPoolExecutor(4)
    authority = Authority(known, None)  # type: ignore[arg-type]
    app = Hub(entries(hub), authority, names=Names.of("127.0.0.1"), pool=pool)
    listening = socket.create_server(("127.0.0.1", port), backlog=256)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=protocol,
            loop="asyncio",
            lifespan="off",
            log_level="critical",
            timeout_graceful_shutdown=5,
            **config,
        )
    )
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
    thread.start()
    until = time.monotonic() + START_S
    while not server.started and time.monotonic() < until and thread.is_alive():
        time.sleep(0.01)
    assert server.started
    scheme = "https" if "ssl_certfile" in config else "http"
    address = f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"
    served = Served(folder, address, hub, registry, tokens)
    try:
        yield served
    finally:
        for client in served.clients.values():
            client.http.close()
        server.should_exit = True
        thread.join(10)
        listening.close()
        pool.shutdown()
        hub.close()
        database.close()
        gc.collect()  # connections of threads that have ended
