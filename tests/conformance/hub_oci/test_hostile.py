"""Whatever a client sends, or stops sending: no state is left that `fsck` dislikes."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conformance.hub_oci.harness import Served, codes, package, referrer, serving

from ketch.hub.oci import Limits
from ketch.package import Digest, Package, open_package
from ketch.package.oci import IMAGE_INDEX, IMAGE_MANIFEST
from ketch.registry.events import Draft, Kind
from ketch.registry.sql import log
from ketch.store import fsck

CONTENT = bytes(range(256)) * 8192  # two megabytes: several batches
DIGEST = Digest.of(CONTENT)
LONG = 20.0


def raw(hub: Served, head: str, body: bytes = b"", *, person: str = "paul") -> bytes:
    """Send a request as it stands, hang up, and return what came back until then."""
    host, port = hub.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        said = f"{head}\r\nHost: {host}\r\nAuthorization: Bearer {hub.tokens[person]}\r\n\r\n"
        connection.sendall(said.encode() + body)
        connection.settimeout(1)
        try:
            return connection.recv(65536)
        except TimeoutError:
            return b""


def eventually(claim: Callable[[], bool]) -> bool:
    until = time.monotonic() + LONG
    while not claim() and time.monotonic() < until:
        time.sleep(0.02)
    return claim()


def nothing_left(hub: Served) -> bool:
    """Whether the hub holds no upload, neither in memory nor on the disk."""
    folder = hub.store.layout.lock.parent / "uploads"
    temporary = list(hub.store.layout.temporary.iterdir())
    return not hub.bytes.uploads._open and not list(folder.iterdir()) and not temporary


class TestBodies:
    def test_more_than_said(self, hub: Served) -> None:
        """A chunk that is longer than its range: the upload is as it was before."""
        client = hub.as_("paul")
        where = client.begin("shop").headers["Location"]
        parts = (CONTENT[at : at + 100_000] for at in range(0, len(CONTENT), 100_000))
        reply = client.ask("PATCH", where, content=parts, headers={"Content-Range": "0-99"})
        assert codes(reply) == (400, ["SIZE_INVALID"])
        assert client.ask("GET", where).headers["Range"] == "0-0"
        assert client.ask("PUT", f"{where}?digest={DIGEST}", content=CONTENT).status_code == 201

    def test_less_than_said(self, hub: Served) -> None:
        client = hub.as_("paul")
        where = client.begin("shop").headers["Location"]
        client.ask("PATCH", where, content=CONTENT[:50])
        reply = client.ask(
            "PATCH", where, content=iter([b"x" * 10]), headers={"Content-Range": "50-99"}
        )
        assert codes(reply) == (400, ["SIZE_INVALID"])
        assert client.ask("GET", where).headers["Range"] == "0-49"

    def test_a_range_and_a_length_that_differ(self, hub: Served) -> None:
        client = hub.as_("paul")
        where = client.begin("shop").headers["Location"]
        reply = client.ask("PATCH", where, content=b"12345", headers={"Content-Range": "0-99"})
        assert codes(reply) == (400, ["SIZE_INVALID"])

    def test_cut_off_it_goes_on_where_it_was(self, hub: Served) -> None:
        """What arrived stays: the next request adds the rest, and the digest is right."""
        client = hub.as_("paul")
        where = client.begin("shop").headers["Location"]
        head = f"PATCH {where} HTTP/1.1\r\nContent-Length: {len(CONTENT)}"
        raw(hub, head, CONTENT[:1_500_000])
        upload = hub.bytes.uploads._open[where.rpartition("/")[2]]
        assert eventually(lambda: upload.size == 1_500_000 and not upload.is_busy)
        said = client.ask("GET", where).headers["Range"]
        assert said == "0-1499999"
        rest = client.ask("PUT", f"{where}?digest={DIGEST}", content=CONTENT[1_500_000:])
        assert rest.status_code == 201

    def test_cut_off_in_one_piece(self, hub: Served) -> None:
        """Nobody could go on with it, so nothing of it is kept."""
        path = f"/v2/shop/blobs/uploads/?digest={DIGEST}"
        raw(hub, f"POST {path} HTTP/1.1\r\nContent-Length: {len(CONTENT)}", CONTENT[:1_500_000])
        assert eventually(lambda: nothing_left(hub))
        assert hub.store.size(DIGEST) is None

    def test_a_body_that_stops(self, hub: Served) -> None:
        """The last chunk without its end: no blob, and the upload goes on."""
        client = hub.as_("paul")
        where = client.begin("shop").headers["Location"]
        raw(hub, f"PUT {where}?digest={DIGEST} HTTP/1.1\r\nContent-Length: 999999", CONTENT[:9])
        upload = hub.bytes.uploads._open[where.rpartition("/")[2]]
        assert eventually(lambda: upload.size == 9 and not upload.is_busy)
        assert hub.store.size(DIGEST) is None

    @pytest.mark.parametrize(
        "head",
        [
            "PATCH {} HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6",
            "PATCH {} HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
            "PATCH {} HTTP/1.1\r\nContent-Length: -5",
            "PATCH {} HTTP/1.1\r\nContent-Length: 99999999999999999999999",
            "PATCH {} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "PATCH {} HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 5",
        ],
    )
    def test_a_body_that_can_be_read_in_two_ways(self, hub: Served, head: str) -> None:
        where = hub.as_("paul").begin("shop").headers["Location"]
        status = raw(hub, head.format(where), b"5\r\nhello\r\n0\r\n\r\n").split()[1]
        assert status in {b"400", b"413", b"415"}
        assert hub.as_("paul").ask("GET", where).headers["Range"] == "0-0"


class TestTogether:
    def test_two_clients_on_one_upload(self, hub: Served) -> None:
        """One is at work; the other is told, and nothing is mixed."""
        client = hub.as_("paul")
        where = client.begin("shop").headers["Location"]
        went_on = threading.Event()

        def slowly() -> Any:
            yield CONTENT[:1_000_000]
            went_on.wait(LONG)
            yield CONTENT[1_000_000:]

        with ThreadPoolExecutor(1) as pool:
            auth = ("any", hub.tokens["paul"])
            url = f"{hub.address}{where}"
            first = pool.submit(lambda: httpx.patch(url, content=slowly(), auth=auth))
            upload = hub.bytes.uploads._open[where.rpartition("/")[2]]
            assert eventually(lambda: upload.is_busy)
            for method in ("PATCH", "PUT", "DELETE"):
                body = {} if method == "DELETE" else {"content": b"mine"}
                reply = client.ask(method, f"{where}?digest={DIGEST}", **body)
                assert codes(reply) == (409, ["BLOB_UPLOAD_INVALID"])
            went_on.set()
            assert first.result().status_code == 202
        assert client.ask("PUT", f"{where}?digest={DIGEST}").status_code == 201

    def test_the_same_blob_from_twenty_clients(self, hub: Served) -> None:
        with ThreadPoolExecutor(20) as pool:
            replies = list(pool.map(lambda _: _upload(hub, CONTENT), range(20)))
        assert replies == [201] * 20
        assert nothing_left(hub)

    def test_one_version_from_eight_clients(self, hub: Served) -> None:
        """One of them wins, for ever; the others are told both digests."""
        made = [package("shop:1.0.0", description=f"Number {at}.") for at in range(8)]
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda one: _push(hub, one), made))
        won = [one for one, reply in zip(made, replies, strict=True) if reply.status_code == 201]
        [winner] = won
        lost = [reply for reply in replies if reply.status_code != 201]
        assert [codes(reply) for reply in lost] == [(409, ["TAG_INVALID"])] * 7
        assert all(str(winner.digest) in reply.text for reply in lost)
        found = hub.as_("vera").ask("GET", "/v2/shop/manifests/1.0.0")
        assert found.headers["Docker-Content-Digest"] == str(winner.digest)
        tagged = hub.store.resolve("shop:1.0.0")
        assert tagged is not None
        assert tagged.digest == winner.digest

    def test_referrers_from_eight_clients(self, hub: Served) -> None:
        shop = package("shop:1.0.0")
        assert hub.as_("paul").push(shop).status_code == 201
        contents = [b"said by number %d" % at for at in range(24)]
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda one: _attach(hub, shop, one), contents))
        assert replies == [201] * 24
        listed = hub.as_("vera").ask("GET", f"/v2/shop/referrers/{shop.digest}").json()
        assert len(listed["manifests"]) == 24


class TestNames:
    @pytest.mark.parametrize(
        "path",
        [
            "/v2/../../etc/passwd/blobs/x",
            "/v2/shop/blobs/../../../../../../etc/passwd",
            "/v2/shop/blobs/sha256:..%2f..%2f..%2fetc%2fpasswd",
            "/v2/shop/blobs/sha256:" + "A" * 64,
            "/v2/shop/blobs/sha256:" + "0" * 63 + "%00",
            "/v2/shop/blobs/SHA256:" + "0" * 64,
            "/v2/shop/blobs/" + "x" * 5000,
            "/v2/shop/manifests/..%2findex.json",
            "/v2/shop/manifests/%00",
            "/v2/shop/blobs/uploads/..",
            "/v2/shop/blobs/uploads/../../shop/blobs/uploads/x",
            "/v2/shop/blobs/uploads/..%2f..%2findex.json",
            "/v2/%73hop%2f..%2fother/tags/list",
            "/v2/shop%00/tags/list",
            "/v2//tags/list",
            "/v2/shop/referrers/..",
        ],
    )
    def test_no_path_leads_elsewhere(self, hub: Served, path: str) -> None:
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
            reply = raw(hub, f"{method} {path} HTTP/1.1\r\nContent-Length: 0")
            status = int(reply.split()[1])
            assert status in {400, 403, 404, 405}, (method, reply)
            assert b"root:" not in reply
            assert str(hub.folder).encode() not in reply

    def test_no_answer_tells_where_the_hub_keeps_things(self, hub: Served) -> None:
        """A blob that is damaged on the hub's disk: others learn that, and no more."""
        shop = package("shop:1.0.0")
        hub.as_("paul").push(shop)
        path = hub.store.path(shop.digest)
        whole = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(whole.replace(b"1", b"2"))
        reply = hub.as_("vera").ask("GET", "/v2/shop/manifests/1.0.0")
        path.write_bytes(whole)
        assert codes(reply) == (503, ["UNAVAILABLE"])
        assert str(hub.folder) not in reply.text


class TestManifests:
    @pytest.fixture
    def shop(self, hub: Served) -> Package:
        made = package("shop:1.0.0")
        assert hub.as_("paul").push(made).status_code == 201
        return made

    def body(self, shop: Package, **changes: Any) -> bytes:
        return json.dumps({**json.loads(shop.source.read(shop.digest)), **changes}).encode()

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"null",
            b"[]",
            b"{}",
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"schemaVersion": 2, "schemaVersion": 2}',
            b'{"schemaVersion": 2, "layers": []}',
            b'{"schemaVersion": 1e999}',
        ],
    )
    def test_what_is_no_manifest(self, hub: Served, content: bytes) -> None:
        reply = hub.as_("paul").put("shop", "2.0.0", content)
        assert codes(reply) == (400, ["MANIFEST_INVALID"])

    def test_foreign_layers(self, hub: Served, shop: Package) -> None:
        body = json.loads(shop.source.read(shop.digest))
        body["layers"][0]["urls"] = ["http://127.0.0.1/somewhere"]
        reply = hub.as_("paul").put("shop", "1.0.0", json.dumps(body).encode())
        assert codes(reply) == (400, ["MANIFEST_INVALID"])

    def test_lists_of_manifests(self, hub: Served, shop: Package) -> None:
        entry = shop.descriptor.to_json()
        index = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [entry]}
        for kind in (IMAGE_INDEX, IMAGE_MANIFEST):
            reply = hub.as_("paul").ask(
                "PUT",
                f"/v2/shop/manifests/sha256-{shop.digest.hex}",
                content=json.dumps(index).encode(),
                headers={"Content-Type": kind},
            )
            assert codes(reply) == (400, ["MANIFEST_INVALID"])

    def test_sizes_that_lie(self, hub: Served, shop: Package) -> None:
        body = json.loads(shop.source.read(shop.digest))
        body["layers"][0]["size"] += 1
        reply = hub.as_("paul").put("shop", "1.0.0", json.dumps(body).encode())
        assert codes(reply) == (404, ["MANIFEST_BLOB_UNKNOWN"])

    def test_a_package_that_breaks_its_format(self, hub: Served, shop: Package) -> None:
        body = json.loads(shop.source.read(shop.digest))
        body["layers"] = body["layers"][1:]
        reply = hub.as_("paul").put("shop", "1.0.0", json.dumps(body).encode())
        assert codes(reply) == (400, ["MANIFEST_INVALID"])

    def test_a_package_with_a_subject(self, hub: Served, shop: Package) -> None:
        content = self.body(shop, subject=shop.descriptor.to_json())
        reply = hub.as_("paul").put("shop", str(Digest.of(content)), content)
        assert codes(reply) == (400, ["MANIFEST_INVALID"])

    def test_annotations_that_lie(self, hub: Served, shop: Package) -> None:
        said = {**shop.artifact.annotations, "dev.ketch.package.version": "9.9.9"}
        content = self.body(shop, annotations=said)
        for reference in ("9.9.9", "1.0.0", str(Digest.of(content))):
            reply = hub.as_("paul").put("shop", reference, content)
            assert codes(reply) == (400, ["MANIFEST_INVALID"])

    def test_referrers_without_end(self, tmp_path: Path) -> None:
        """The list of referrers stays readable: who has too many is refused the next."""
        limits = Limits(reserve_bytes=0, referrers=3)
        with serving(tmp_path / "few", limits) as hub:
            shop = package("shop:1.0.0")
            assert hub.as_("paul").push(shop).status_code == 201
            found = [_attach(hub, shop, b"%d" % at) for at in range(5)]
            assert found == [201, 201, 201, 429, 429]
            assert _attach(hub, shop, b"0") == 201, "the same again is no more"
            assert fsck(hub.store).is_clean

    def test_referrers_that_are_too_long_together(self, hub: Served, shop: Package) -> None:
        statuses = []
        for at in range(3):
            long = {"annotations": {"long": "x" * 1_900_000, "number": str(at)}}
            client = hub.as_("paul")
            client.upload("shop", b"{}")
            client.upload("shop", b"said")
            body = {**json.loads(referrer(shop.descriptor, b"said").to_bytes()), **long}
            content = json.dumps(body).encode()
            statuses.append(client.put("shop", str(Digest.of(content)), content).status_code)
        assert statuses == [201, 201, 429]
        listed = hub.as_("vera").ask("GET", f"/v2/shop/referrers/{shop.digest}")
        assert len(listed.json()["manifests"]) == 2

    def test_a_damaged_blob_that_was_there_before(self, hub: Served, shop: Package) -> None:
        """A new version that relies on it is refused: it was hashed again."""
        layer = shop.files["data/training/events.csv"]
        path = hub.store.path(layer.digest)
        whole = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(b"?" * layer.size)
        reply = hub.as_("petra").push(package("shop:1.0.1"))
        path.write_bytes(whole)
        assert reply.status_code == 400
        assert reply.json()["errors"][0]["detail"]["code"] == "package/digest-mismatch"
        assert hub.as_("vera").ask("GET", "/v2/shop/manifests/1.0.1").status_code == 404


class TestMany:
    def test_ten_thousand_tags(self, hub: Served) -> None:
        """Listed in order, page by page, and quickly; the answers are of one size."""
        shop = package("shop:1.0.0")
        hub.as_("paul").push(shop)
        here = open_package(shop.digest, hub.store)
        _publish_many(hub, here, 10_000)
        client, found = hub.as_("vera"), list[str]()
        began = time.monotonic()
        path = "/v2/shop/tags/list"
        while path:
            reply = client.ask("GET", path)
            assert len(reply.json()["tags"]) <= 1_000
            found += reply.json()["tags"]
            path = reply.headers.get("Link", "").partition(">")[0][1:]
        assert len(found) == 10_001
        assert found == sorted(found)
        assert time.monotonic() - began < LONG

    def test_uploads_are_counted(self, tmp_path: Path) -> None:
        limits = Limits(reserve_bytes=0, uploads=5, uploads_each=3)
        with serving(tmp_path / "few", limits) as hub:
            began = [hub.as_("paul").begin("shop") for _ in range(4)]
            assert [one.status_code for one in began] == [202, 202, 202, 429]
            assert codes(began[3]) == (429, ["TOOMANYREQUESTS"])
            assert "Retry-After" in began[3].headers
            others = [hub.as_("petra").begin("shop").status_code for _ in range(3)]
            assert others == [202, 202, 429]
            hub.as_("paul").ask("DELETE", began[0].headers["Location"])
            assert hub.as_("petra").begin("shop").status_code == 202

    def test_uploads_are_weighed(self, tmp_path: Path) -> None:
        limits = Limits(reserve_bytes=0, upload_bytes=3_000_000, blob_bytes=2_500_000)
        with serving(tmp_path / "few", limits) as hub:
            client = hub.as_("paul")
            first, second = (client.begin("shop").headers["Location"] for _ in range(2))
            assert client.ask("PATCH", first, content=CONTENT).status_code == 202
            reply = client.ask("PATCH", second, content=CONTENT)
            assert codes(reply) == (429, ["TOOMANYREQUESTS"])
            reply = client.ask("PATCH", first, content=CONTENT)
            assert codes(reply)[0] in {413, 429}
            assert client.ask("PUT", f"{first}?digest={DIGEST}").status_code in {201, 400}

    def test_a_blob_that_is_too_large(self, tmp_path: Path) -> None:
        with serving(tmp_path / "few", Limits(reserve_bytes=0, blob_bytes=1_000)) as hub:
            client = hub.as_("paul")
            where = client.begin("shop").headers["Location"]
            reply = client.ask("PATCH", where, content=b"x" * 1_001)
            assert codes(reply) == (413, ["SIZE_INVALID"])
            parts = (b"x" * 400 for _ in range(3))
            assert codes(client.ask("PATCH", where, content=parts)) == (413, ["SIZE_INVALID"])


def _upload(hub: Served, content: bytes) -> int:
    auth = ("any", hub.tokens["paul"])
    with httpx.Client(base_url=hub.address, auth=auth, timeout=60) as http:
        where = http.post("/v2/shop/blobs/uploads/").headers["Location"]
        return http.put(f"{where}?digest={Digest.of(content)}", content=content).status_code


def _push(hub: Served, made: Package) -> httpx.Response:
    return hub.as_("paul").push(made)


def _attach(hub: Served, shop: Package, content: bytes) -> int:
    return hub.as_("paul").attach(shop, content).status_code


def _publish_many(hub: Served, like: Package, count: int) -> None:
    """Record versions as the registry would, without ten thousand packages of bytes."""
    with hub.registry.database.writing() as session:
        for number in range(count):
            body = {
                "name": "shop",
                "version": f"2.{number}.0",
                "digest": str(Digest.of(b"%d" % number)),
                "owner": like.manifest.owner,
                "size_bytes": 1,
                "description": "",
                "route": None,
            }
            log.append(
                session,
                Draft(Kind.PUBLISHED, "package:shop", body),
                actor="ana",
                now=hub.registry._clock(),
            )
