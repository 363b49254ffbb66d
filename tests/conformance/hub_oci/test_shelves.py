"""Nobody reads a byte through a repository that does not show it to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import packages
from tests.conformance.hub_oci.harness import Served, codes, package, referrer, serving

from ketch.package import Attestation, Digest, Package, open_package
from ketch.store import attach

SECRET = b"weights of the other team" * 100


@pytest.fixture(scope="module")
def shop(shared: Served) -> Package:
    made = package("shop:1.0.0")
    assert shared.as_("paul").push(made).status_code == 201
    return made


def status(hub: Served, person: str, repository: str, digest: Digest) -> int:
    """Ask for a blob; GET and HEAD agree."""
    path = f"/v2/{repository}/blobs/{digest}"
    found = {hub.as_(person).ask(method, path).status_code for method in ("GET", "HEAD")}
    [one] = found
    return one


def test_a_blob_is_read_through_its_own_repository_only(shared: Served, shop: Package) -> None:
    layer = shop.files["data/training/events.csv"].digest
    assert status(shared, "vera", "shop", layer) == 200
    assert status(shared, "vera", "other", layer) == 404
    assert status(shared, "ada", "other", layer) == 404, "not even by an admin"


def test_a_manifest_is_read_through_its_own_repository_only(shared: Served, shop: Package) -> None:
    reply = shared.as_("vera").ask("GET", f"/v2/other/manifests/{shop.digest}")
    assert codes(reply) == (404, ["MANIFEST_UNKNOWN"])


def test_a_fresh_upload_is_shown_to_whoever_sent_it(shared: Served) -> None:
    assert shared.as_("paul").upload("shop", SECRET).status_code == 201
    digest = Digest.of(SECRET)
    assert status(shared, "paul", "shop", digest) == 200
    assert status(shared, "petra", "shop", digest) == 404
    assert status(shared, "vera", "shop", digest) == 404
    assert status(shared, "paul", "other", digest) == 404


def test_naming_a_blob_in_a_manifest_does_not_show_it(shared: Served, shop: Package) -> None:
    """Else whoever knows a digest would read what others uploaded."""
    content = b"what petra alone has" * 50
    assert shared.as_("petra").upload("shop", content).status_code == 201
    client = shared.as_("paul")
    client.upload("shop", b"{}")
    manifest = referrer(shop.descriptor, content).to_bytes()
    reply = client.put("shop", str(Digest.of(manifest)), manifest)
    assert codes(reply) == (404, ["MANIFEST_BLOB_UNKNOWN"])
    assert "found nothing" in reply.json()["errors"][0]["message"]
    assert status(shared, "paul", "shop", Digest.of(content)) == 404


def test_mounting_does_not_show_what_another_may_not_read(shared: Served) -> None:
    content = b"what petra has, not published" * 50
    shared.as_("petra").upload("shop", content)
    for person in ("paul", "sam", "ada"):
        reply = shared.as_(person).begin("shop", f"?mount={Digest.of(content)}&from=shop")
        assert reply.status_code == 202
    assert status(shared, "paul", "shop", Digest.of(content)) == 404


def test_a_limited_token_sees_its_packages_only(shared: Served, shop: Package) -> None:
    for path in ("tags/list", "manifests/1.0.0", f"manifests/{shop.digest}"):
        assert shared.as_("sam").ask("GET", f"/v2/shop/{path}").status_code == 200
        there = shared.as_("olga").ask("GET", f"/v2/shop/{path}")
        nowhere = shared.as_("olga").ask("GET", f"/v2/no-such/{path}")
        assert codes(there) == codes(nowhere) == (403, ["DENIED"])
    listed = shared.as_("olga").ask("GET", "/v2/_catalog").json()
    assert listed == {"repositories": []}
    assert shared.as_("sam").ask("GET", "/v2/_catalog").json() == {"repositories": ["shop"]}


def test_an_upload_belongs_to_whoever_began_it(shared: Served) -> None:
    where = shared.as_("paul").begin("shop").headers["Location"]
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        reply = shared.as_("petra").ask(method, f"{where}?digest={Digest.of(b'')}")
        assert codes(reply) == (404, ["BLOB_UPLOAD_UNKNOWN"])
        elsewhere = shared.as_("paul").ask(method, where.replace("/shop/", "/store/"))
        assert codes(elsewhere) == (404, ["BLOB_UPLOAD_UNKNOWN"])
    assert shared.as_("paul").ask("GET", where).status_code == 204


def test_what_was_published_elsewhere_is_shown_too(shared: Served) -> None:
    """Packed and published at the hub's own machine: no request of this API told of it."""
    digest = packages.put(shared.store, packages.files())
    made = open_package(digest, shared.store)
    shared.store.tag(made.reference, made.descriptor)
    layer = made.files["model/weights.bin"].digest
    assert status(shared, "vera", "hello", layer) == 404, "nothing published yet"
    shared.registry.publish(made, actor="ana")
    assert status(shared, "vera", "hello", layer) == 200
    reply = shared.as_("vera").ask("GET", "/v2/hello/manifests/1.0.0")
    assert reply.headers["Docker-Content-Digest"] == str(digest)
    assert shared.as_("vera").ask("GET", "/v2/hello/tags/list").json()["tags"] == ["1.0.0"]


def test_what_was_attached_elsewhere_is_shown_too(shared: Served, shop: Package) -> None:
    here = open_package(shop.digest, shared.store)
    said = Attestation(here.reference, here.digest, passed=True, predicate={"started": "2026"})
    descriptor = attach(said, here, shared.store)
    listed = shared.as_("vera").ask("GET", f"/v2/shop/referrers/{shop.digest}").json()
    assert str(descriptor.digest) in {one["digest"] for one in listed["manifests"]}
    manifest = shared.as_("vera").ask("GET", f"/v2/shop/manifests/{descriptor.digest}")
    assert manifest.status_code == 200
    [layer] = manifest.json()["layers"]
    assert status(shared, "vera", "shop", Digest.parse(layer["digest"])) == 200
    other = shared.as_("vera").ask("GET", f"/v2/other/manifests/{descriptor.digest}")
    assert other.status_code == 404


def test_what_is_shown_can_be_learned_again(tmp_path: Path) -> None:
    """The file of shelves is lost: what is published is found in registry and store."""
    made = package("shop:1.0.0")
    with serving(tmp_path / "hub") as hub:
        hub.as_("paul").push(made)
        hub.as_("paul").attach(made, b"passed")
    for file in (tmp_path / "hub" / "store" / ".ketch").glob("shelves.db*"):
        file.unlink()
    with serving(tmp_path / "hub") as hub:
        layer = made.files["data/training/events.csv"].digest
        assert status(hub, "vera", "shop", layer) == 200
        listed = hub.as_("vera").ask("GET", f"/v2/shop/referrers/{made.digest}").json()
        [found] = listed["manifests"]
        reply = hub.as_("vera").ask("GET", f"/v2/shop/manifests/{found['digest']}")
        assert status(hub, "vera", "shop", Digest.of(b"passed")) == 200
        assert reply.status_code == 200
        assert hub.as_("petra").push(made).status_code == 201
