"""The bytes of a hub under every fault: killed anywhere, a full disk, a failing one."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.conformance.hub_oci.harness import Served, codes, package, serving
from tests.faults import harness
from tests.faults.hub_oci import writer

from ketch.hub.oci import Limits
from ketch.package import Digest, Reference, open_package
from ketch.registry import Registry, check_registry, open_database
from ketch.store import LocalStore, fsck

pytestmark = pytest.mark.faults

WRITER = Path(writer.__file__)
KETCH = Path(sys.executable).with_name("ketch")
SYNCS = ("fsync", "syncfs")
"""Ours; SQLite uses ``fdatasync``, and goes on when a folder or a checkpoint does not sync."""

CONTENT = random.Random(7).randbytes(12_000_000)  # no secret
DIGEST = Digest.of(CONTENT)


def check(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 - as the harness calls it
    """Say what is wrong with a hub: its store, its registry, or what it promised."""
    home = folder / "hub"
    store = LocalStore(home / "store")
    wrong = [f"{f.code} at {f.where}: {f.message}" for f in fsck(store).findings if f.blocks]
    if not (home / "registry.db").exists():
        return [*wrong, "nothing was begun"] if finished else wrong
    database = open_database(f"sqlite:///{home / 'registry.db'}")
    try:
        registry = Registry(database, lambda digest: open_package(digest, store))
        wrong += [str(one) for one in check_registry(database).findings if one.blocks]
        for version in registry.versions().items:
            open_package(version.digest, store).verify_bytes()
            tag = store.resolve(version.reference)
            if tag is None or tag.digest != version.digest:
                wrong.append(f"{version.reference} is published, and the store could collect it")
        if finished:
            published = registry.resolve(Reference.parse(writer.NAME)).digest
            if len(store.referrers(published)) != 1:
                wrong.append("what refers to it is not there")
    finally:
        database.close()
    return wrong


@pytest.fixture
def work() -> harness.Work:
    return harness.Work(
        argv=lambda folder: [sys.executable, WRITER, folder],
        check=check,
        caches=("/shelves.db", "registry.db-wal", "registry.db-shm", "/.ketch/uploads/"),
    )


@pytest.mark.usefixtures("supervised")
class TestEverywhere:
    def test_killed_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        assert harness.kill_everywhere(work, tmp_path, most=10) == []

    def test_refused_by_a_full_disk_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        calls = ("write", "pwrite64", "rename", "mkdir", *SYNCS)
        problems = harness.refuse_everywhere(work, tmp_path, calls=calls, error="ENOSPC", most=6)
        assert problems == []

    def test_refused_sync_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        problems = harness.refuse_everywhere(work, tmp_path, calls=SYNCS, error="EIO", most=6)
        assert problems == []


@contextmanager
def real_hub(home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``ketch hub`` as people do; yield it, and where it listens."""
    command = [str(KETCH), "hub", "--home", str(home), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        try:
            yield process, json.loads(line)["listening"]
        finally:
            process.kill()


@pytest.mark.parametrize("chunk", [700_000, pytest.param(3_000_000, marks=pytest.mark.thorough)])
def test_a_hub_that_is_killed_again_and_again_during_an_upload(tmp_path: Path, chunk: int) -> None:
    """The client asks how far it is and goes on there; the digest is right in the end."""
    home, where, kills = tmp_path / "hub", "", 0
    moment = random.Random(chunk)  # no secret
    while True:
        with real_hub(home) as (process, url), httpx.Client(base_url=url, timeout=20) as client:
            if not where:
                where = client.post("/v2/shop/blobs/uploads/").headers["Location"]
            reply = client.get(where)
            assert reply.status_code == 204, "the upload outlives the hub"
            sent = int(reply.headers["Range"].partition("-")[2]) + 1
            sent = 0 if sent == 1 else sent
            end = moment.uniform(0.0, 0.05)
            try:
                if kills < 8:
                    threading.Timer(end, process.kill).start()
                while sent < len(CONTENT):
                    part = CONTENT[sent : sent + chunk]
                    said = {"Content-Range": f"{sent}-{sent + len(part) - 1}"}
                    assert client.patch(where, content=part, headers=said).status_code == 202
                    sent += len(part)
                if kills < 8:
                    time.sleep(1)
                    raise httpx.ReadError("it was to be killed")
                assert client.put(f"{where}?digest={DIGEST}").status_code == 201
                break
            except httpx.TransportError:
                kills += 1
                process.wait(10)
    store = LocalStore(home / "store")
    assert store.read(DIGEST) == CONTENT
    assert fsck(store).is_clean
    assert list((home / "store" / ".ketch" / "uploads").iterdir()) == []


def test_a_version_that_was_acknowledged_outlives_the_hub(tmp_path: Path) -> None:
    """Killed the moment after the answer; the next hub serves the same."""
    home = tmp_path / "hub"
    shop = package("shop:1.0.0")
    with real_hub(home) as (process, url), httpx.Client(base_url=url, timeout=20) as client:
        for blob in {one.digest for one in shop.artifact.blobs()}:
            query = f"?digest={blob}"
            content = shop.source.read(blob)
            assert client.post(f"/v2/shop/blobs/uploads/{query}", content=content).is_success
        headers = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
        manifest = shop.source.read(shop.digest)
        reply = client.put("/v2/shop/manifests/1.0.0", content=manifest, headers=headers)
        process.kill()
        assert reply.status_code == 201, reply.text
    with real_hub(home) as (process, url), httpx.Client(base_url=url, timeout=20) as client:
        assert client.get("/v2/shop/manifests/1.0.0").content == manifest
        for blob in {one.digest for one in shop.artifact.blobs()}:
            assert Digest.of(client.get(f"/v2/shop/blobs/{blob}").content) == blob


def test_a_hub_that_stops_lets_an_upload_end(tmp_path: Path) -> None:
    home = tmp_path / "hub"
    with real_hub(home) as (process, url), httpx.Client(base_url=url, timeout=20) as client:
        where = client.post("/v2/shop/blobs/uploads/").headers["Location"]

        def slowly() -> Iterator[bytes]:
            yield CONTENT[:5_000_000]
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            yield CONTENT[5_000_000:]

        reply = client.put(f"{where}?digest={DIGEST}", content=slowly())
        assert reply.status_code == 201
        assert process.wait(20) == 0
    assert LocalStore(home / "store").size(DIGEST) == len(CONTENT)


class TestDisk:
    """A disk that is full answers 507 with a code, and shows nothing by half."""

    @pytest.mark.parametrize("size_kib", [1_000, 3_000, 6_000, 9_000, 12_500, 20_000])
    def test_of_any_size(self, tmp_path: Path, size_kib: int) -> None:
        disk = tmp_path / "disk"
        with harness.small_disk(disk, size_kib):
            try:
                with serving(disk / "hub", Limits(reserve_bytes=0)) as hub:
                    status = _pushed(hub)
                    if status == 201:
                        assert hub.store.size(DIGEST) == len(CONTENT)
                    else:
                        assert hub.store.size(DIGEST) is None
            except OSError:
                status = 0  # too small for the database of a registry
            assert status != 201 or size_kib > 12_000
            assert fsck(LocalStore(disk / "hub" / "store")).is_clean
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
            with serving(disk / "hub", Limits(reserve_bytes=0)) as hub:
                assert _pushed(hub) == 201, "and the same again is right when there is room"
            assert fsck(LocalStore(disk / "hub" / "store")).is_clean

    def test_uploads_leave_room_for_the_registry(self, tmp_path: Path) -> None:
        """Whatever is uploaded, a version that is there can still be published."""
        disk = tmp_path / "disk"
        with (
            harness.small_disk(disk, 24_000),
            serving(disk / "hub", Limits(reserve_bytes=8_000_000)) as hub,
        ):
            shop = package("shop:1.0.0")
            hub.as_("paul").push_blobs(shop, "shop")
            assert _pushed(hub) in {201, 507}
            reply = _filled(hub)
            assert codes(reply) == (507, ["UNAVAILABLE"])
            assert reply.json()["errors"][0]["detail"]["code"] == "disk/full"
            assert str(disk) not in reply.text
            content = shop.source.read(shop.digest)
            assert hub.as_("paul").put("shop", "1.0.0", content).status_code == 201

    def test_an_upload_goes_on_when_there_is_room_again(self, tmp_path: Path) -> None:
        disk = tmp_path / "disk"
        with harness.small_disk(disk, 6_000), serving(disk / "hub") as hub:
            client = hub.as_("paul")
            where = client.begin("shop").headers["Location"]
            reply = client.ask("PATCH", where, content=CONTENT)
            assert codes(reply) == (507, ["UNAVAILABLE"])
            sent = int(client.ask("GET", where).headers["Range"].partition("-")[2]) + 1
            assert 0 < sent < len(CONTENT)
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
            rest = client.ask("PUT", f"{where}?digest={DIGEST}", content=CONTENT[sent:])
            assert rest.status_code == 201
            assert hub.store.read(DIGEST) == CONTENT


def _pushed(hub: Served) -> int:
    """Push something large; return the status of what was refused, or of the end."""
    client = hub.as_("petra")
    begun = client.begin("shop")
    if begun.status_code != 202:
        assert codes(begun) == (507, ["UNAVAILABLE"])
        return begun.status_code
    where = begun.headers["Location"]
    reply = client.ask("PUT", f"{where}?digest={DIGEST}", content=CONTENT)
    if reply.status_code != 201:
        assert codes(reply) == (507, ["UNAVAILABLE"]), reply.text
        client.ask("DELETE", where)
    return reply.status_code


def _filled(hub: Served) -> httpx.Response:
    """Upload until the hub takes no more; return what it says then."""
    for number in range(100):
        where = hub.as_("petra").begin("shop").headers["Location"]
        content = os.urandom(1_000_000) + bytes([number])
        reply = hub.as_("petra").ask("PATCH", where, content=content)
        if reply.status_code != 202:
            return reply
    raise AssertionError("it took everything")
