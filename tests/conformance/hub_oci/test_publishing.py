"""A version is published whole, or not at all, wherever the wish comes from."""

from __future__ import annotations

import pytest
from tests.conformance.hub_oci.harness import Served, codes, package

from ketch.errors import NotFound
from ketch.hub.access import Identity, Role
from ketch.hub.oci import publish
from ketch.package import Digest, PackageName
from ketch.store import fsck, gc

PAUL = Identity("paul", Role.PUBLISHER)
SHOP = PackageName("shop")


def test_a_version_of_another_owner_leaves_nothing(hub: Served) -> None:
    hub.as_("paul").push(package("shop:1.0.0"))
    other = package("shop:1.1.0", owner="somebody@else.example")
    assert codes(hub.as_("paul").push(other)) == (409, ["DENIED"])
    assert hub.store.resolve("shop:1.1.0") is None
    ask = hub.as_("vera").ask
    assert ask("GET", "/v2/shop/tags/list").json()["tags"] == ["1.0.0"]
    assert ask("GET", f"/v2/shop/manifests/{other.digest}").status_code == 404


def test_other_bytes_of_a_version_are_not_shown(hub: Served) -> None:
    hub.as_("paul").push(package("shop:1.0.0"))
    other = package("shop:1.0.0", description="Another one.")
    assert hub.as_("paul").push(other).status_code == 409
    reply = hub.as_("vera").ask("GET", f"/v2/shop/manifests/{other.digest}")
    assert codes(reply) == (404, ["MANIFEST_UNKNOWN"])


def test_a_tag_that_nobody_was_promised_gives_way(hub: Served) -> None:
    """Left by a hub that was killed after it tagged and before the registry knew."""
    left, made = package("shop:1.0.0", description="Left."), package("shop:1.0.0")
    client = hub.as_("paul")
    assert client.push(left, str(left.digest)).status_code == 201
    hub.store.tag("shop:1.0.0", left.descriptor)
    assert client.push(made).status_code == 201
    tagged = hub.store.resolve("shop:1.0.0")
    assert tagged is not None
    assert tagged.digest == made.digest


def test_a_version_that_lost_its_tag_gets_it_back(hub: Served) -> None:
    made = package("shop:1.0.0")
    hub.as_("paul").push(made)
    hub.store.untag("shop:1.0.0")
    assert hub.as_("petra").push(made).status_code == 201
    assert hub.store.resolve("shop:1.0.0") is not None
    assert len(hub.registry.history()) == 1, "and the history says it once"


def test_publishing_what_was_put_by_digest(hub: Served) -> None:
    made = package("shop:1.0.0")
    hub.as_("paul").push(made, str(made.digest))
    event = publish(SHOP, made.digest, hub.bytes.desk_of(PAUL), hub.bytes)
    assert (event.actor, event.body["digest"]) == ("paul", str(made.digest))
    reply = hub.as_("vera").ask("GET", "/v2/shop/manifests/1.0.0")
    assert reply.headers["Docker-Content-Digest"] == str(made.digest)
    gc(hub.store, grace_s=-60)
    assert fsck(hub.store).is_clean
    assert hub.as_("vera").ask("GET", "/v2/shop/manifests/1.0.0").status_code == 200


@pytest.mark.parametrize("name", ["shop", "other"])
def test_publishing_what_a_repository_does_not_show(hub: Served, name: str) -> None:
    """Knowing the digest of another team's package is not enough to take it."""
    made = package("theirs:1.0.0")
    hub.as_("paul").push(made, str(made.digest))
    with pytest.raises(NotFound):
        publish(PackageName(name), made.digest, hub.bytes.desk_of(PAUL), hub.bytes)
    with pytest.raises(NotFound):
        publish(SHOP, Digest.of(b"nothing"), hub.bytes.desk_of(PAUL), hub.bytes)


def test_what_was_never_published_is_collected(hub: Served) -> None:
    """And then it is gone for those who ask, too; sent again, it is there again."""
    made = package("shop:1.0.0")
    hub.as_("paul").push(made, str(made.digest))
    gc(hub.store, grace_s=-60)
    assert list(hub.store.digests()) == []
    assert hub.as_("vera").ask("GET", f"/v2/shop/manifests/{made.digest}").status_code == 404
    content = made.source.read(made.digest)
    assert codes(hub.as_("paul").put("shop", "1.0.0", content))[0] == 404
    assert hub.as_("paul").push(made).status_code == 201
