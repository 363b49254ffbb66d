"""A bucket of Google's storage: what a server of it gives, and what it is asked to take.

No server of it that can be installed takes what the library for object stores sends, which
is the XML API; so the suite of stores does not run here. What is read is read from a server.
What is written is seen as it leaves, against the paragraphs that say what Google does with it.
"""

from __future__ import annotations

import os
import secrets

import obstore.store
import pytest
from tests import packages
from tests.buckets import BUCKET, google_environment, put_google_object
from tests.remotes import Door, serving, variables

from ketch.errors import NotFound
from ketch.package import Descriptor, Digest, open_package
from ketch.remote import Address
from ketch.remote.bucket import Bucket, Seen, open_bucket
from ketch.remote.objects import ObjectStore
from ketch.remote.pieces import PIECE_BYTES
from ketch.schema.parse import canonical_json
from ketch.store import LocalStore
from ketch.store.graph import require_complete

LARGE = os.urandom(PIECE_BYTES + 1000)
TAG = "hello:1.0.0"


@pytest.fixture(scope="module")
def filled(google: str, tmp_path_factory: pytest.TempPathFactory) -> Address:
    """A prefix with a package in it, one file of which lies in pieces."""
    local = LocalStore(tmp_path_factory.mktemp("filled") / "store")
    package = open_package(packages.put(local, packages.files() | {"model/l.bin": LARGE}), local)
    objects = obstore.store.MemoryStore()
    store = ObjectStore(Bucket(objects, "memory"), where="memory")
    store.put_files([local.path(digest) for digest in local.digests()])
    store.tag(TAG, package.descriptor)
    prefix = f"reading/{secrets.token_hex(8)}"
    for page in objects.list():
        for each in page:
            content = bytes(objects.get(each["path"]).bytes())
            put_google_object(google, f"{prefix}/{each['path']}", content)
    return Address.parse(f"gs://{BUCKET}/{prefix}")


@pytest.fixture
def store(filled: Address) -> ObjectStore:
    return ObjectStore(open_bucket(filled), where=str(filled))


def top(store: ObjectStore) -> Descriptor:
    found = store.resolve(TAG)
    assert found is not None
    return found


@pytest.mark.servers
def test_a_package_is_read_whole_from_googles_storage(store: ObjectStore) -> None:
    assert store.names() == [TAG]
    require_complete(store, top(store))
    store.verify_all(list(store.digests()))
    large = Digest.of(LARGE)
    assert large in set(store.digests())
    assert store.size(large) == len(LARGE)
    assert store.read(large) == LARGE


@pytest.mark.servers
@pytest.mark.parametrize("position", [1, PIECE_BYTES - 1, PIECE_BYTES + 1, len(LARGE)])
def test_reading_goes_on_at_any_position(store: ObjectStore, position: int) -> None:
    with store.fetch(Digest.of(LARGE), position) as stream:
        found = b"".join(iter(lambda: stream.read(1 << 20), b""))
    assert found == LARGE[position:]
    small = packages.BESIDE["README.md"]
    with store.fetch(Digest.of(small), min(position, len(small))) as stream:
        assert stream.read(1 << 20) == small[position:]


@pytest.mark.servers
def test_what_is_not_in_googles_storage_is_not_found(store: ObjectStore) -> None:
    absent = Digest.of(b"nobody put this")
    assert store.size(absent) is None
    assert store.resolve("hello:2.0.0") is None
    assert store.referrers(absent) == []
    store.untag("hello:2.0.0")
    with pytest.raises(NotFound), store.fetch(absent):
        pass


@pytest.mark.servers
def test_a_name_that_is_deleted_is_gone(google: str, store: ObjectStore, filled: Address) -> None:
    content = canonical_json(top(store).to_json())
    put_google_object(google, f"{filled.path}/tags/hello:3.0.0", content)
    assert store.names() == [TAG, "hello:3.0.0"]
    store.untag("hello:3.0.0")
    assert store.names() == [TAG]


@pytest.mark.parametrize(
    ("seen", "asked"), [(None, "0"), (Seen(b"before", '"etag"', "17"), "17")], ids=["new", "known"]
)
@pytest.mark.parametrize("status", [200, 412])
def test_a_name_is_written_on_the_condition_that_google_knows(
    seen: Seen | None, asked: str, status: int
) -> None:
    """Request preconditions: a generation, ``0`` for none; else 412, and nothing is written."""

    def answer(door: Door) -> None:
        door.read()
        door.reply(status, ETag='"e"', x_goog_generation="18")

    with serving(answer) as server, variables(**google_environment(server.url)):
        bucket = open_bucket(Address.parse(f"gs://{BUCKET}/x"))
        assert bucket.swap("tags/hello", seen, b"after") is (status == 200)
    [(method, path, headers)] = server.asked
    assert (method, path) == ("PUT", f"/{BUCKET}/x%2Ftags%2Fhello")
    assert {name.lower(): value for name, value in headers.items()}[
        "x-goog-if-generation-match"
    ] == asked
