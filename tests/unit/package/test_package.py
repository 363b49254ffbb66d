"""A package in a store: what a reader is given, and what it is told when bytes are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import packages
from tests.packages import replaced_json

from ketch.errors import DigestMismatch, ManifestError, NotFound, PackageError
from ketch.package import Digest, Package, open_package
from ketch.package.layers import MAX_TABLE_BYTES
from ketch.runtime.layout import lay_out
from ketch.schema.parse import canonical_json
from ketch.store import LocalStore, MemoryStore

RIGHT = packages.files()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def package(store: MemoryStore) -> Package:
    return open_package(packages.put(store, RIGHT), store)


def test_everything_that_was_declared_is_there(package: Package) -> None:
    assert package.manifest == packages.manifest()
    assert package.reference == "hello:1.0.0"
    assert [scenario.name for scenario in package.scenarios] == ["one", "refused"]
    assert package.traces == (packages.TRACE,)
    assert package.profiles == {"training": packages.PROFILE}
    assert package.lock == packages.LOCK
    assert package.code() == packages.CODE
    assert package.samples == {"training": "data/training/events.csv"}


def test_files_below_a_folder_are_named_without_it(package: Package) -> None:
    assert sorted(package.under("model/")) == ["more/weights.bin", "weights.bin"]
    assert package.under("nothing/") == {}


def test_a_blob_that_serves_two_files_counts_once(store: MemoryStore) -> None:
    twice = {**RIGHT, "model/again.bin": RIGHT["model/weights.bin"]}
    package = open_package(packages.put(store, twice), store)
    assert package.size_bytes == sum(len(store.read(each)) for each in store.digests())


def test_a_file_that_is_not_there_cannot_be_read(package: Package) -> None:
    with pytest.raises(ManifestError, match=r"model/none\.bin"):
        package.read("model/none.bin")


def test_a_file_that_is_too_large_is_read_in_place_only(store: MemoryStore) -> None:
    body = packages.body(RIGHT)
    index = sorted(RIGHT).index("model/weights.bin")
    body["layers"][index]["size"] = 64 * 1024 * 1024 + 1
    package = open_package(packages.put(store, RIGHT, body), store)
    with pytest.raises(ManifestError, match="at most"):
        package.read("model/weights.bin")


def test_a_package_that_is_not_there_is_not_found(store: MemoryStore) -> None:
    with pytest.raises(NotFound):
        open_package(Digest.of(b"nothing"), store)


def test_any_other_blob_is_no_package(store: MemoryStore) -> None:
    for content in (b"", b"{}", b"text", bytes(100), RIGHT["ketch/package.json"]):
        with pytest.raises(PackageError):
            open_package(store.put_bytes(content).digest, store)


def test_a_large_blob_is_no_manifest_and_is_not_read_to_its_end(store: MemoryStore) -> None:
    with pytest.raises(PackageError) as caught:
        open_package(store.put_bytes(bytes(5 * 1024 * 1024)).digest, store)
    assert caught.value.code == "store/blob-too-large"


def test_every_damaged_blob_is_named(store: MemoryStore, package: Package) -> None:
    damaged = [Digest.of(RIGHT[path]) for path in ("model/weights.bin", "docs/card.md")]
    for digest in damaged:
        store._blobs[digest] = b"other"
    with pytest.raises(DigestMismatch) as caught:
        package.verify_bytes()
    assert {finding.where for finding in caught.value.findings} == {str(one) for one in damaged}


def test_every_wrong_size_is_named(store: MemoryStore) -> None:
    body = packages.body(RIGHT)
    for path in ("model/weights.bin", "README.md"):
        body["layers"][sorted(RIGHT).index(path)]["size"] += 1
    package = open_package(packages.put(store, RIGHT, body), store)
    with pytest.raises(DigestMismatch) as caught:
        package.verify_bytes()
    assert len(caught.value.findings) == 2


def test_nothing_is_laid_out_of_a_package_with_a_damaged_byte(
    tmp_path: Path, store: MemoryStore, package: Package
) -> None:
    """Not even the code, when a document that nobody runs is damaged."""
    store._blobs[Digest.of(RIGHT["docs/card.md"])] = b"other"
    with pytest.raises(DigestMismatch):
        lay_out(package, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_large_files_are_linked_and_code_is_copied(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    package = open_package(packages.put(store, RIGHT), store)
    room = tmp_path / "room"
    room.mkdir()
    layout = lay_out(package, room)
    weights = Digest.of(RIGHT["model/weights.bin"])
    assert (layout.model / "weights.bin").samefile(store.path(weights))
    found = {
        path.relative_to(layout.code).as_posix(): path.read_bytes()
        for path in layout.code.rglob("*.py")
    }
    assert found == packages.CODE


def test_a_sample_that_is_not_shipped_is_no_layer(store: MemoryStore) -> None:
    table = {"source": "s3://shop/", "sample": "samples/events.csv", "ship": False}
    contents = {**RIGHT, "ketch/data.json": canonical_json({"data": {"training": table}})}
    del contents["data/training/events.csv"]
    assert open_package(packages.put(store, contents), store).samples == {}


@pytest.mark.parametrize("profile", [None, 3, [], {}, {"format": "ketch-profile/2"}])
def test_a_profile_that_is_none_is_told(store: MemoryStore, profile: object) -> None:
    path = "ketch/data.json"
    changed = replaced_json(RIGHT[path], "data", "training", "profile", value=profile)
    package = open_package(packages.put(store, {**RIGHT, path: changed}), store)
    with pytest.raises(PackageError) as caught:
        _ = package.profiles
    assert caught.value.code == "package/profile"


def test_a_lock_that_is_no_text_is_told(store: MemoryStore) -> None:
    contents = {**RIGHT, "ketch/requirements.lock": b"\xff\xfe"}
    package = open_package(packages.put(store, contents), store)
    with pytest.raises(ManifestError, match="UTF-8"):
        _ = package.lock


def test_a_table_may_be_as_large_as_a_manifest(store: MemoryStore) -> None:
    path = "ketch/package.json"
    changed = replaced_json(RIGHT[path], "package", "description", value="x")
    padded = changed.replace(b'"x"', b'"' + b"x" * (MAX_TABLE_BYTES - len(changed) + 1) + b'"')
    assert len(padded) == MAX_TABLE_BYTES
    open_package(packages.put(store, {**RIGHT, path: padded}), store)
    with pytest.raises(ManifestError, match=str(MAX_TABLE_BYTES)):
        open_package(packages.put(store, {**RIGHT, path: padded + b"\n"}), store)


def test_what_is_wrong_with_a_table_is_told_all_at_once(store: MemoryStore) -> None:
    path = "ketch/package.json"
    table = {"name": "No Name", "version": "one", "owner": 3}
    changed = replaced_json(RIGHT[path], "package", value=table)
    with pytest.raises(ManifestError) as caught:
        open_package(packages.put(store, {**RIGHT, path: changed}), store)
    assert len(caught.value.findings) == 3


def test_a_package_of_a_later_format_says_what_to_do(store: MemoryStore) -> None:
    path = "ketch/package.json"
    changed = replaced_json(RIGHT[path], "format", value="2")
    with pytest.raises(ManifestError) as caught:
        open_package(packages.put(store, {**RIGHT, path: changed}), store)
    assert caught.value.code == "package/format-version"
    assert "upgrade" in str(caught.value.hint)
