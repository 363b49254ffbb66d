"""What hangs together, and what only pretends to."""

import pytest

from ketch.errors import ManifestError
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, Descriptor
from ketch.store import MemoryStore
from ketch.store.graph import walk
from ketch.store.index import Index
from ketch.testing.stores import put_package


def list_of(store: MemoryStore, *descriptors: Descriptor) -> Descriptor:
    stored = store.put_bytes(Index.of(descriptors).to_bytes())
    return Descriptor(IMAGE_INDEX, stored.digest, stored.size)


def test_parts_come_before_what_points_to_them() -> None:
    store = MemoryStore()
    package = put_package(store, [b"a", b"b"])
    top = list_of(store, package, put_package(store, [b"a", b"c"]))
    order = [each.digest for each in walk([top], store.read)]
    assert order[-1] == top.digest
    assert order.index(Digest.of(b"b")) < order.index(package.digest)
    assert len(order) == len(set(order))


def test_blob_that_is_both_a_layer_and_a_manifest_is_followed() -> None:
    store = MemoryStore()
    inner = put_package(store, [b"hidden"])
    outer = put_package(store, [store.read(inner.digest)])
    found = {each.digest for each in walk([list_of(store, outer, inner)], store.read)}
    assert Digest.of(b"hidden") in found


def test_endless_lists_of_lists_are_refused() -> None:
    store = MemoryStore()
    top = put_package(store)
    for _ in range(10):
        top = list_of(store, top)
    with pytest.raises(ManifestError, match="levels"):
        list(walk([top], store.read))


def test_two_sizes_of_one_blob_are_refused() -> None:
    store = MemoryStore()
    package = put_package(store)
    other = Descriptor(package.media_type, package.digest, package.size + 1)
    with pytest.raises(ManifestError, match="one size"):
        list(walk([list_of(store, package, other)], store.read))


def test_manifest_larger_than_any_registry_takes_is_not_read() -> None:
    huge = Descriptor(IMAGE_INDEX, Digest.of(b""), 5 * 1024 * 1024)

    def refuse(_: Digest) -> bytes:
        raise AssertionError("read")

    with pytest.raises(ManifestError, match="at most"):
        list(walk([huge], refuse))
