"""The distribution specification 1.1, walked by its table of endpoints, end-1 to end-14.

One class an endpoint; its docstring is the line of the table. Where the specification
leaves a choice, the test says which one was taken.
"""

from __future__ import annotations

import json
import re

import httpx
import pytest
from tests import packages
from tests.conformance.hub_oci.harness import (
    MANIFEST,
    OCTETS,
    Served,
    codes,
    package,
    referrer,
)

from ketch.package import Digest, Package
from ketch.package.attestation import ARTIFACT_TYPE
from ketch.package.oci import IMAGE_INDEX, IMAGE_MANIFEST, MODEL_MANIFEST

BLOB = bytes(range(256)) * 40
DIGEST = Digest.of(BLOB)
NOWHERE = f"sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def shop(shared: Served) -> Package:
    """A package that is published."""
    made = package("shop:1.0.0")
    assert shared.as_("paul").push(made).status_code == 201
    return made


@pytest.fixture(scope="module")
def blob(shop: Package) -> tuple[str, bytes]:
    """The address and the content of a blob of it."""
    layer = shop.files["data/training/events.csv"]
    return f"/v2/shop/blobs/{layer.digest}", shop.source.read(layer.digest)


@pytest.fixture(scope="module")
def versions(shared: Served) -> list[str]:
    """The versions of a package, as the alphabet sorts them."""
    found = [f"0.{minor}.0" for minor in (1, 2, 10, 9)]
    for version in found:
        assert shared.as_("paul").push(package(f"listed:{version}")).status_code == 201
    return sorted(found)


@pytest.fixture(scope="module")
def attached(shared: Served, shop: Package) -> str:
    """The digest of what refers to the package."""
    reply = shared.as_("paul").attach(shop, b"it passed", **{"dev.ketch.tests": "yes"})
    assert reply.status_code == 201, reply.text
    assert reply.headers["OCI-Subject"] == str(shop.digest)
    return str(reply.headers["Docker-Content-Digest"])


def started(hub: Served, person: str = "paul") -> str:
    """Begin an upload; return where it goes on."""
    reply = hub.as_(person).begin("shop")
    assert reply.status_code == 202
    return reply.headers["Location"]


class TestEnd1:
    """GET /v2/ → 200, or 401."""

    def test_whoever_may_use_it_is_welcome(self, shared: Served) -> None:
        assert shared.as_("vera").ask("GET", "/v2/").status_code == 200

    def test_nobody_else_is(self, shared: Served) -> None:
        reply = shared.as_(None).ask("GET", "/v2/")
        assert codes(reply) == (401, ["UNAUTHORIZED"])
        assert reply.headers["WWW-Authenticate"].startswith("Basic realm=")

    def test_a_token_goes_as_a_password_or_as_a_bearer(self, shared: Served) -> None:
        said = {"Authorization": f"Bearer {shared.tokens['vera']}"}
        assert shared.as_(None).ask("GET", "/v2/", headers=said).status_code == 200
        wrong = httpx.get(f"{shared.address}/v2/", auth=("vera", "guessed"))
        assert codes(wrong) == (401, ["UNAUTHORIZED"])


class TestEnd2:
    """GET, HEAD /v2/<name>/blobs/<digest> → 200, or 404."""

    def test_bytes(self, shared: Served, blob: tuple[str, bytes]) -> None:
        path, content = blob
        reply = shared.as_("vera").ask("GET", path)
        assert (reply.status_code, reply.content) == (200, content)
        assert reply.headers["Docker-Content-Digest"] == str(Digest.of(content))

    def test_head_tells_the_size(self, shared: Served, blob: tuple[str, bytes]) -> None:
        path, content = blob
        reply = shared.as_("vera").ask("HEAD", path)
        assert (reply.status_code, reply.content) == (200, b"")
        assert reply.headers["Content-Length"] == str(len(content))

    def test_head_knows_no_ranges(self, shared: Served, blob: tuple[str, bytes]) -> None:
        """RFC 9110 §14.2: they are for ``GET`` alone."""
        path, content = blob
        for asked in ("bytes=0-0", "bytes=999999-"):
            reply = shared.as_("vera").ask("HEAD", path, headers={"Range": asked})
            assert reply.status_code == 200
            assert reply.headers["Content-Length"] == str(len(content))

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_unknown(self, shared: Served, shop: Package, method: str) -> None:
        reply = shared.as_("vera").ask(method, f"/v2/shop/blobs/{NOWHERE}")
        assert reply.status_code == 404
        assert method == "HEAD" or codes(reply) == (404, ["BLOB_UNKNOWN"])

    @pytest.mark.parametrize(
        ("asked", "span"),
        [
            ("bytes=0-0", (0, 1)),
            ("bytes=2-5", (2, 6)),
            ("bytes=10-", (10, None)),
            ("bytes=-3", (-3, None)),
            ("bytes=0-999999", (0, None)),
            ("bytes=-999999", (0, None)),
        ],
    )
    def test_part(
        self,
        shared: Served,
        blob: tuple[str, bytes],
        asked: str,
        span: tuple[int, int | None],
    ) -> None:
        path, content = blob
        reply = shared.as_("vera").ask("GET", path, headers={"Range": asked})
        part = content[slice(*span)]
        is_all = part == content
        assert (reply.status_code, reply.content) == (200 if is_all else 206, part)
        if not is_all:
            first = content.index(part)
            said = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
            assert reply.headers["Content-Range"] == said

    @pytest.mark.parametrize("asked", ["bytes=999999-", "bytes=-0", "bytes=888888-999999"])
    def test_no_such_part(self, shared: Served, blob: tuple[str, bytes], asked: str) -> None:
        path, content = blob
        reply = shared.as_("vera").ask("GET", path, headers={"Range": asked})
        assert codes(reply)[0] == 416
        assert reply.headers["Content-Range"] == f"bytes */{len(content)}"

    @pytest.mark.parametrize(
        "asked", ["bytes=1-2,4-5", "lines=1-2", "bytes=5-2", "bytes=a-b", "bytes", "bytes=-"]
    )
    def test_what_is_no_single_range_asks_for_everything(
        self, shared: Served, blob: tuple[str, bytes], asked: str
    ) -> None:
        path, content = blob
        reply = shared.as_("vera").ask("GET", path, headers={"Range": asked})
        assert (reply.status_code, reply.content) == (200, content)

    def test_a_part_only_of_what_was_seen_before(
        self, shared: Served, blob: tuple[str, bytes]
    ) -> None:
        path, content = blob
        ask = shared.as_("vera").ask
        same = {"Range": "bytes=0-0", "If-Range": f'"{Digest.of(content)}"'}
        assert ask("GET", path, headers=same).content == content[:1]
        other = {"Range": "bytes=0-0", "If-Range": '"another"'}
        assert ask("GET", path, headers=other).content == content

    def test_what_a_client_has_is_not_sent_again(
        self, shared: Served, blob: tuple[str, bytes]
    ) -> None:
        path, _ = blob
        ask = shared.as_("vera").ask
        tag = ask("HEAD", path).headers["ETag"]
        for said in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            reply = ask("GET", path, headers={"If-None-Match": said})
            assert (reply.status_code, reply.content) == (304, b"")
        assert ask("GET", path, headers={"If-None-Match": '"other"'}).status_code == 200

    def test_an_empty_blob(self, shared: Served) -> None:
        client = shared.as_("paul")
        assert client.upload("shop", b"").status_code == 201
        reply = client.ask("GET", f"/v2/shop/blobs/{Digest.of(b'')}")
        assert (reply.status_code, reply.content) == (200, b"")


class TestEnd3:
    """GET, HEAD /v2/<name>/manifests/<reference> → 200, or 404."""

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_by_tag_and_by_digest(self, shared: Served, shop: Package, method: str) -> None:
        for reference in ("1.0.0", str(shop.digest)):
            reply = shared.as_("vera").ask(
                method, f"/v2/shop/manifests/{reference}", headers={"Accept": IMAGE_MANIFEST}
            )
            assert reply.status_code == 200
            assert reply.headers["Content-Type"] == IMAGE_MANIFEST
            assert reply.headers["Docker-Content-Digest"] == str(shop.digest)
            assert reply.headers["Content-Length"] == str(shop.manifest_size)
            assert reply.content == (shop.source.read(shop.digest) if method == "GET" else b"")

    @pytest.mark.parametrize("reference", ["9.9.9", "latest", NOWHERE])
    def test_unknown(self, shared: Served, shop: Package, reference: str) -> None:
        reply = shared.as_("vera").ask("GET", f"/v2/shop/manifests/{reference}")
        assert codes(reply) == (404, ["MANIFEST_UNKNOWN"])
        head = shared.as_("vera").ask("HEAD", f"/v2/shop/manifests/{reference}")
        assert head.status_code == 404

    def test_unchanged(self, shared: Served, shop: Package) -> None:
        said = {"If-None-Match": f'"{shop.digest}"'}
        reply = shared.as_("vera").ask("GET", "/v2/shop/manifests/1.0.0", headers=said)
        assert reply.status_code == 304

    def test_a_blob_is_no_manifest(self, shared: Served, shop: Package) -> None:
        layer = shop.files["data/training/events.csv"]
        reply = shared.as_("vera").ask("GET", f"/v2/shop/manifests/{layer.digest}")
        assert codes(reply) == (404, ["MANIFEST_UNKNOWN"])


class TestEnd4:
    """POST /v2/<name>/blobs/uploads/ → 202; with ?digest= and the bytes → 201, or 400."""

    def test_begin(self, shared: Served) -> None:
        reply = shared.as_("paul").begin("shop")
        assert (reply.status_code, reply.content) == (202, b"")
        assert re.fullmatch(r"/v2/shop/blobs/uploads/[0-9a-f]{32}", reply.headers["Location"])
        assert reply.headers["Range"] == "0-0"

    def test_all_at_once(self, shared: Served) -> None:
        reply = shared.as_("paul").ask(
            "POST", f"/v2/shop/blobs/uploads/?digest={DIGEST}", content=BLOB, headers=OCTETS
        )
        assert reply.status_code == 201
        assert reply.headers["Location"] == f"/v2/shop/blobs/{DIGEST}"
        assert reply.headers["Docker-Content-Digest"] == str(DIGEST)
        assert shared.as_("paul").ask("GET", reply.headers["Location"]).content == BLOB

    def test_other_bytes_than_said(self, shared: Served) -> None:
        reply = shared.as_("paul").ask(
            "POST", f"/v2/shop/blobs/uploads/?digest={NOWHERE}", content=BLOB
        )
        assert codes(reply) == (400, ["DIGEST_INVALID"])

    def test_viewers_upload_nothing(self, shared: Served) -> None:
        assert codes(shared.as_("vera").begin("shop")) == (403, ["DENIED"])


class TestEnd5:
    """PATCH /v2/<name>/blobs/uploads/<reference> → 202, or 404, or 416."""

    def test_in_chunks(self, shared: Served) -> None:
        client, where = shared.as_("paul"), started(shared)
        for first in range(0, len(BLOB), 4000):
            part = BLOB[first : first + 4000]
            last = first + len(part) - 1
            reply = client.ask(
                "PATCH", where, content=part, headers={"Content-Range": f"{first}-{last}"}
            )
            assert (reply.status_code, reply.headers["Range"]) == (202, f"0-{last}")
            where = reply.headers["Location"]
        assert client.ask("PUT", f"{where}?digest={DIGEST}").status_code == 201

    def test_as_a_stream(self, shared: Served) -> None:
        client, where = shared.as_("paul"), started(shared)
        parts = (BLOB[at : at + 1000] for at in range(0, len(BLOB), 1000))
        reply = client.ask("PATCH", where, content=parts, headers=OCTETS)
        assert (reply.status_code, reply.headers["Range"]) == (202, f"0-{len(BLOB) - 1}")
        assert client.ask("PUT", f"{where}?digest={DIGEST}").status_code == 201

    @pytest.mark.parametrize("said", ["1000-1999", "0-99", "600-599", "bytes 500-600/900", "x"])
    def test_out_of_order(self, shared: Served, said: str) -> None:
        client, where = shared.as_("paul"), started(shared)
        first = client.ask("PATCH", where, content=BLOB[:500], headers={"Content-Range": "0-499"})
        assert first.status_code == 202
        reply = client.ask("PATCH", where, content=BLOB[:100], headers={"Content-Range": said})
        assert codes(reply) == (416, ["BLOB_UPLOAD_INVALID"])
        assert (reply.headers["Location"], reply.headers["Range"]) == (where, "0-499")
        rest = client.ask(
            "PUT",
            f"{where}?digest={DIGEST}",
            content=BLOB[500:],
            headers={"Content-Range": f"500-{len(BLOB) - 1}"},
        )
        assert rest.status_code == 201, "and the upload goes on"

    def test_unknown(self, shared: Served) -> None:
        path = f"/v2/shop/blobs/uploads/{'0' * 32}"
        reply = shared.as_("paul").ask("PATCH", path, content=b"x")
        assert codes(reply) == (404, ["BLOB_UPLOAD_UNKNOWN"])


class TestEnd6:
    """PUT /v2/<name>/blobs/uploads/<reference>?digest=<digest> → 201, or 404, or 400."""

    def test_in_one_piece(self, shared: Served) -> None:
        reply = shared.as_("paul").upload("shop", BLOB)
        assert reply.status_code == 201
        assert reply.headers["Location"] == f"/v2/shop/blobs/{DIGEST}"

    def test_with_the_last_chunk(self, shared: Served) -> None:
        client, where = shared.as_("paul"), started(shared)
        client.ask("PATCH", where, content=BLOB[:100], headers={"Content-Range": "0-99"})
        reply = client.ask("PUT", f"{where}?digest={DIGEST}", content=BLOB[100:])
        assert reply.status_code == 201

    def test_out_of_order(self, shared: Served) -> None:
        client, where = shared.as_("paul"), started(shared)
        reply = client.ask(
            "PUT", f"{where}?digest={DIGEST}", content=b"x", headers={"Content-Range": "7-7"}
        )
        assert codes(reply) == (416, ["BLOB_UPLOAD_INVALID"])

    @pytest.mark.parametrize(
        "query", ["", "?digest=", "?digest=sha256:abc", f"?digest=sha512:{'0' * 128}"]
    )
    def test_without_a_digest(self, shared: Served, query: str) -> None:
        client, where = shared.as_("paul"), started(shared)
        reply = client.ask("PUT", f"{where}{query}", content=BLOB)
        assert codes(reply) == (400, ["DIGEST_INVALID"])
        assert client.ask("GET", where).status_code == 204, "and the upload goes on"

    def test_wrong_digest_ends_the_upload(self, shared: Served) -> None:
        client, where = shared.as_("paul"), started(shared)
        reply = client.ask("PUT", f"{where}?digest={NOWHERE}", content=BLOB)
        assert codes(reply) == (400, ["DIGEST_INVALID"])
        assert codes(client.ask("GET", where)) == (404, ["BLOB_UPLOAD_UNKNOWN"])


class TestEnd7:
    """PUT /v2/<name>/manifests/<reference> → 201, or 404."""

    def test_a_version(self, shared: Served) -> None:
        made = package("shop:2.0.0")
        reply = shared.as_("paul").push(made)
        assert reply.status_code == 201
        assert reply.headers["Location"] == f"/v2/shop/manifests/{made.digest}"
        assert reply.headers["Docker-Content-Digest"] == str(made.digest)

    def test_the_same_again(self, shared: Served, shop: Package) -> None:
        assert shared.as_("petra").push(shop).status_code == 201

    def test_other_bytes_are_refused_with_both_digests(self, shared: Served, shop: Package) -> None:
        other = package("shop:1.0.0", description="Another one.")
        reply = shared.as_("paul").push(other)
        assert codes(reply) == (409, ["TAG_INVALID"])
        message = reply.json()["errors"][0]["message"]
        assert str(shop.digest) in message
        assert str(other.digest) in message
        found = shared.as_("vera").ask("GET", "/v2/shop/manifests/1.0.0")
        assert found.headers["Docker-Content-Digest"] == str(shop.digest)

    def test_by_digest_it_is_there_but_not_published(self, shared: Served) -> None:
        made = package("shop:3.0.0")
        reply = shared.as_("paul").push(made, str(made.digest))
        assert reply.status_code == 201
        ask = shared.as_("vera").ask
        assert ask("GET", f"/v2/shop/manifests/{made.digest}").status_code == 200
        assert ask("GET", "/v2/shop/manifests/3.0.0").status_code == 404
        assert "3.0.0" not in ask("GET", "/v2/shop/tags/list").json()["tags"]

    def test_missing_blobs_are_all_named(self, shared: Served) -> None:
        made = package("empty:1.0.0")
        reply = shared.as_("paul").put("empty", "1.0.0", made.source.read(made.digest))
        digests = {str(each.digest) for each in made.artifact.blobs()}
        assert codes(reply) == (404, ["MANIFEST_BLOB_UNKNOWN"] * len(digests))
        assert {each["detail"]["digest"] for each in reply.json()["errors"]} == digests

    def test_wrong_digest(self, shared: Served, shop: Package) -> None:
        reply = shared.as_("paul").put("shop", NOWHERE, shop.source.read(shop.digest))
        assert codes(reply) == (400, ["DIGEST_INVALID"])

    def test_too_large(self, shared: Served) -> None:
        reply = shared.as_("paul").put("shop", "4.0.0", b" " * (4 * 1024 * 1024 + 1))
        assert codes(reply) == (413, ["SIZE_INVALID"])

    @pytest.mark.parametrize("tag", ["1.0.1", "latest", "1.0", "prod"])
    def test_a_tag_is_the_version(self, shared: Served, shop: Package, tag: str) -> None:
        assert codes(shared.as_("paul").push(shop, tag)) == (400, ["TAG_INVALID"])

    def test_a_repository_is_the_name(self, shared: Served, shop: Package) -> None:
        reply = shared.as_("paul").push(shop, repository="store")
        assert codes(reply) == (400, ["NAME_INVALID"])

    def test_other_artifacts(self, shared: Served, shop: Package) -> None:
        body = json.loads(shop.source.read(shop.digest))
        body["artifactType"] = "application/vnd.example+json"
        reply = shared.as_("paul").put("shop", "1.0.0", json.dumps(body).encode())
        assert codes(reply) == (400, ["MANIFEST_INVALID"])
        assert reply.json()["errors"][0]["detail"]["code"] == "oci/not-a-package"

    def test_indexes(self, shared: Served) -> None:
        index = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": []}
        reply = shared.as_("paul").ask(
            "PUT",
            "/v2/shop/manifests/1.0.0",
            content=json.dumps(index).encode(),
            headers={"Content-Type": IMAGE_INDEX},
        )
        assert codes(reply) == (400, ["MANIFEST_INVALID"])


class TestEnd8:
    """GET /v2/<name>/tags/list → 200, or 404; with ?n=<integer>&last=<tag> in pages."""

    def test_all(self, shared: Served, versions: list[str]) -> None:
        reply = shared.as_("vera").ask("GET", "/v2/listed/tags/list")
        assert reply.json() == {"name": "listed", "tags": versions}
        assert "Link" not in reply.headers

    @pytest.mark.parametrize("most", [1, 2, 3, 4])
    def test_pages(self, shared: Served, versions: list[str], most: int) -> None:
        found: list[str] = []
        path = f"/v2/listed/tags/list?n={most}"
        while path:
            reply = shared.as_("vera").ask("GET", path)
            assert len(reply.json()["tags"]) <= most
            found += reply.json()["tags"]
            link = reply.headers.get("Link")
            path = link[1 : link.index(">")] if link else ""
            assert link is None or link.endswith('; rel="next"')
        assert found == versions

    def test_from_anywhere(self, shared: Served, versions: list[str]) -> None:
        reply = shared.as_("vera").ask("GET", "/v2/listed/tags/list?last=0.1.5")
        assert reply.json()["tags"] == [one for one in versions if one > "0.1.5"]

    def test_none_at_all(self, shared: Served, versions: list[str]) -> None:
        reply = shared.as_("vera").ask("GET", "/v2/listed/tags/list?n=0")
        assert (reply.status_code, reply.json()["tags"]) == (200, [])

    @pytest.mark.parametrize("most", ["-1", "x", "1e3", "\u0663", ""])
    def test_no_number(self, shared: Served, versions: list[str], most: str) -> None:
        reply = shared.as_("vera").ask("GET", "/v2/listed/tags/list", params={"n": most})
        assert codes(reply)[0] == 400

    def test_unknown(self, shared: Served) -> None:
        reply = shared.as_("vera").ask("GET", "/v2/nothing/tags/list")
        assert codes(reply) == (404, ["NAME_UNKNOWN"])

    def test_repositories(self, shared: Served, versions: list[str], shop: Package) -> None:
        ask = shared.as_("vera").ask
        assert {"listed", "shop"} <= set(ask("GET", "/v2/_catalog").json()["repositories"])
        first = ask("GET", "/v2/_catalog?n=1")
        assert first.json() == {"repositories": ["listed"]}
        rest = ask("GET", first.headers["Link"].split(">")[0][1:])
        assert rest.json()["repositories"] == ["shop"]


class TestEnd9And10:
    """DELETE of a manifest or a blob → 202, 404, or 405: a version is for ever, so 405."""

    def test_nothing_is_deleted(self, shared: Served, shop: Package) -> None:
        layer = shop.files["data/training/events.csv"]
        for path in ("manifests/1.0.0", f"manifests/{shop.digest}", f"blobs/{layer.digest}"):
            for person in ("paul", "ada"):
                reply = shared.as_(person).ask("DELETE", f"/v2/shop/{path}")
                assert codes(reply) == (405, ["UNSUPPORTED"])
                assert "GET" in reply.headers["Allow"]
            assert shared.as_("vera").ask("GET", f"/v2/shop/{path}").status_code == 200


class TestEnd11:
    """POST /v2/<name>/blobs/uploads/?mount=<digest>&from=<other_name> → 201, or 202."""

    def test_from_where_one_may_read(self, shared: Served, blob: tuple[str, bytes]) -> None:
        digest = Digest.of(blob[1])
        client = shared.as_("paul")
        reply = client.begin("mounted", f"?mount={digest}&from=shop")
        assert (reply.status_code, reply.headers["Location"]) == (
            201,
            f"/v2/mounted/blobs/{digest}",
        )
        assert client.ask("GET", reply.headers["Location"]).content == blob[1]

    def test_from_where_one_may_not(self, shared: Served, blob: tuple[str, bytes]) -> None:
        reply = shared.as_("olga").begin("other", f"?mount={Digest.of(blob[1])}&from=shop")
        assert reply.status_code == 202
        assert shared.as_("olga").ask("GET", reply.headers["Location"]).status_code == 204

    @pytest.mark.parametrize(
        "query",
        [f"?mount={NOWHERE}&from=shop", "?mount=sha256:x&from=shop", f"?mount={DIGEST}&from=.."],
    )
    def test_what_is_not_there(self, shared: Served, shop: Package, query: str) -> None:
        assert shared.as_("paul").begin("mounted", query).status_code == 202

    def test_without_saying_from_where(self, shared: Served, blob: tuple[str, bytes]) -> None:
        """Allowed, not demanded: nobody searches all repositories for a client."""
        assert shared.as_("paul").begin("m2", f"?mount={Digest.of(blob[1])}").status_code == 202


class TestEnd12:
    """GET /v2/<name>/referrers/<digest>[?artifactType=] → 200, or 404, or 400."""

    def test_listed(self, shared: Served, shop: Package, attached: str) -> None:
        reply = shared.as_("vera").ask("GET", f"/v2/shop/referrers/{shop.digest}")
        assert (reply.status_code, reply.headers["Content-Type"]) == (200, IMAGE_INDEX)
        body = reply.json()
        assert (body["schemaVersion"], body["mediaType"]) == (2, IMAGE_INDEX)
        [found] = body["manifests"]
        assert found["digest"] == attached
        assert found["artifactType"] == ARTIFACT_TYPE
        assert found["annotations"] == {"dev.ketch.tests": "yes"}

    def test_filtered(self, shared: Served, shop: Package, attached: str) -> None:
        ask, path = shared.as_("vera").ask, f"/v2/shop/referrers/{shop.digest}"
        wanted = ask("GET", path, params={"artifactType": ARTIFACT_TYPE})
        assert len(wanted.json()["manifests"]) == 1
        assert wanted.headers["OCI-Filters-Applied"] == "artifactType"
        assert ask("GET", path, params={"artifactType": "x/y"}).json()["manifests"] == []

    def test_of_nothing(self, shared: Served, shop: Package) -> None:
        """A registry with referrers never answers 404: nothing refers to it."""
        reply = shared.as_("vera").ask("GET", f"/v2/shop/referrers/{NOWHERE}")
        assert (reply.status_code, reply.json()["manifests"]) == (200, [])

    def test_no_digest(self, shared: Served) -> None:
        reply = shared.as_("vera").ask("GET", "/v2/shop/referrers/1.0.0")
        assert codes(reply) == (400, ["DIGEST_INVALID"])

    def test_fetched_with_all_that_it_names(
        self, shared: Served, shop: Package, attached: str
    ) -> None:
        ask = shared.as_("vera").ask
        manifest = ask("GET", f"/v2/shop/manifests/{attached}").json()
        [layer] = manifest["layers"]
        assert ask("GET", f"/v2/shop/blobs/{layer['digest']}").content == b"it passed"

    def test_what_refers_to_a_referrer(self, shared: Served, shop: Package, attached: str) -> None:
        client = shared.as_("paul")
        content = client.ask("GET", f"/v2/shop/manifests/{attached}").content
        subject = referrer(shop.descriptor, b"it passed", **{"dev.ketch.tests": "yes"})
        assert subject.to_bytes() == content
        client.upload("shop", b"signed")
        pointer = type(shop.descriptor)(IMAGE_MANIFEST, Digest.of(content), len(content))
        signature = referrer(pointer, b"signed").to_bytes()
        assert client.put("shop", str(Digest.of(signature)), signature).status_code == 201
        found = shared.as_("vera").ask("GET", f"/v2/shop/referrers/{attached}").json()
        assert [one["digest"] for one in found["manifests"]] == [str(Digest.of(signature))]

    def test_viewers_attach_nothing(self, shared: Served, shop: Package) -> None:
        manifest = referrer(shop.descriptor, b"x").to_bytes()
        reply = shared.as_("vera").put("shop", str(Digest.of(manifest)), manifest)
        assert codes(reply) == (403, ["DENIED"])

    def test_subject_that_is_not_here(self, shared: Served) -> None:
        """Allowed by the specification, but not here: a hub keeps what is about its packages."""
        elsewhere = package("shop:7.7.7")
        manifest = referrer(elsewhere.descriptor, b"x").to_bytes()
        reply = shared.as_("paul").put("shop", str(Digest.of(manifest)), manifest)
        assert codes(reply) == (400, ["MANIFEST_INVALID"])
        assert reply.json()["errors"][0]["detail"]["code"] == "oci/no-subject"

    def test_no_tag_for_what_refers(self, shared: Served, shop: Package, attached: str) -> None:
        content = shared.as_("paul").ask("GET", f"/v2/shop/manifests/{attached}").content
        assert codes(shared.as_("paul").put("shop", "1.0.1", content)) == (400, ["TAG_INVALID"])


class TestEnd13And14:
    """GET and DELETE /v2/<name>/blobs/uploads/<reference> → 204, or 404."""

    def test_how_far_it_is(self, shared: Served) -> None:
        client, where = shared.as_("paul"), started(shared)
        client.ask("PATCH", where, content=BLOB[:300])
        reply = client.ask("GET", where)
        assert (reply.status_code, reply.headers["Range"]) == (204, "0-299")
        assert reply.headers["Location"] == where

    def test_cancelled(self, shared: Served) -> None:
        client, where = shared.as_("paul"), started(shared)
        assert client.ask("DELETE", where).status_code == 204
        assert codes(client.ask("GET", where)) == (404, ["BLOB_UPLOAD_UNKNOWN"])
        assert codes(client.ask("DELETE", where)) == (404, ["BLOB_UPLOAD_UNKNOWN"])


def test_a_wrong_method_is_told_the_right_ones(shared: Served) -> None:
    reply = shared.as_("paul").ask("PATCH", "/v2/shop/manifests/1.0.0")
    assert codes(reply) == (405, ["UNSUPPORTED"])
    assert "PUT" in reply.headers["Allow"]


@pytest.mark.parametrize("name", ["Shop", "a/b", "-shop", "shop..x", "s" * 65, "%2e%2e", "sh op"])
def test_a_name_that_no_package_has(shared: Served, name: str) -> None:
    reply = shared.as_("vera").ask("GET", f"/v2/{name}/tags/list")
    assert codes(reply) == (400, ["NAME_INVALID"])


def test_every_answer_is_what_a_browser_leaves_alone(
    shared: Served, blob: tuple[str, bytes]
) -> None:
    reply = shared.as_("vera").ask("GET", blob[0])
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Content-Disposition"] == "attachment"


def test_packages_of_tests_are_packages() -> None:
    """Else the tests above would refuse them for another reason."""
    made = package("shop:1.0.0")
    assert made.artifact.artifact_type == MODEL_MANIFEST
    assert packages.BESIDE["data/training/events.csv"] == made.read("data/training/events.csv")
    assert MANIFEST["Content-Type"] == IMAGE_MANIFEST
