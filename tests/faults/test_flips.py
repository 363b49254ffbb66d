"""Every flipped bit is found before a package is used; nothing is answered wrongly.

Small package: every byte of everything that is stored, its lowest bit and all of its bits.
Large package: 10,000 random bits in 30 MB of model files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from tests import packages

from ketch.errors import DigestMismatch, KetchError, NotFound
from ketch.package import Attestation, Digest, Package, open_package, parse_manifest
from ketch.package.code_tar import write_code_tar
from ketch.runtime.layout import lay_out
from ketch.store import LocalStore, MemoryStore, fsck
from ketch.verify import attach, attestations

pytestmark = pytest.mark.faults

MASKS = (0x01, 0xFF)
NAME = "hello:1.0.0"
SMALL = {
    **packages.files(),
    "code.tar": write_code_tar({"pipeline.py": packages.CODE["pipeline.py"]}),
}
SHARDS, SHARD_BYTES, FLIPS = 30, 1_000_000, 10_000


def flips(content: bytes) -> Iterator[bytes]:
    """Yield the content with each byte changed, in two ways."""
    for at in range(len(content)):
        for mask in MASKS:
            changed = bytearray(content)
            changed[at] ^= mask
            yield bytes(changed)


@contextmanager
def flipped(path: Path, at: int, mask: int) -> Iterator[None]:
    """Change one byte of a file for a while."""
    path.chmod(0o600)
    fd = os.open(path, os.O_RDWR)
    try:
        (byte,) = os.pread(fd, 1, at)
        os.pwrite(fd, bytes([byte ^ mask]), at)
        yield
        os.pwrite(fd, bytes([byte]), at)
    finally:
        os.close(fd)
        path.chmod(0o444)


def attest(package: Package, store: LocalStore | MemoryStore) -> None:
    """Give a package an attestation, so that there is one to damage."""
    stated = Attestation(NAME, package.digest, True, {"started": "2026-11-01T00:00:00Z"})
    attach(stated, package, store)


def load(digest: Digest, store: LocalStore | MemoryStore) -> tuple[Attestation, ...]:
    """Do what must succeed before code of a package runs, and read who vouches for it."""
    open_package(digest, store).verify_bytes()  # the first thing that laying out does
    return attestations(digest, store)


@pytest.fixture
def disk(tmp_path: Path) -> tuple[LocalStore, Package]:
    """A small package with an attestation and a tag, on disk."""
    store = LocalStore(tmp_path / "store")
    package = open_package(packages.put(store, SMALL), store)
    attest(package, store)
    store.tag(NAME, package.descriptor)
    return store, package


def test_every_byte_of_every_blob_and_manifest_before_a_package_loads() -> None:
    store = MemoryStore()
    package = open_package(packages.put(store, SMALL), store)
    attest(package, store)
    current = {package.digest} | {blob.digest for blob in package.artifact.blobs()}
    for one in store.referrers(package.digest):
        current |= {one.digest, *_layers(store, one.digest)}
    missed = []
    for digest in sorted(current):
        content = store.read(digest)
        for changed in flips(content):
            store._blobs[digest] = changed
            try:
                load(package.digest, store)
            except DigestMismatch:
                continue
            missed.append(digest)
        store._blobs[digest] = content
    assert missed == []
    assert len(load(package.digest, store)) == 1


def test_every_byte_on_disk_when_it_is_read(disk: tuple[LocalStore, Package]) -> None:
    store, _ = disk
    missed = []
    for digest in sorted(store.digests()):
        for at in range(store.size(digest) or 0):
            for mask in MASKS:
                with flipped(store.path(digest), at, mask):
                    try:
                        store.read(digest)
                    except DigestMismatch:
                        continue
                    missed.append((digest, at))
    assert missed == []
    assert fsck(store).is_clean


@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_fsck_and_loading_name_the_blob_on_disk(
    disk: tuple[LocalStore, Package], tmp_path: Path, part: float
) -> None:
    store, package = disk
    for number, blob in enumerate(dict.fromkeys(package.artifact.blobs())):
        room = tmp_path / f"room-{number}"
        room.mkdir()
        with flipped(store.path(blob.digest), int(part * (blob.size - 1)), 0x01):
            assert fsck(store).damaged == (blob.digest,)
            with pytest.raises(DigestMismatch) as caught:
                lay_out(open_package(package.digest, store), room)
            assert blob.digest.hex in str(caught.value.where)
            assert list(room.iterdir()) == []


def test_every_byte_of_the_index(disk: tuple[LocalStore, Package]) -> None:
    """A flip in a digest is found; one elsewhere is found, or leads to the same package."""
    store, package = disk
    path = store.layout.index
    content = path.read_bytes()
    start = content.index(package.digest.hex.encode())
    digest_bytes = range(start, start + len(package.digest.hex))
    found = 0
    for number, changed in enumerate(flips(content)):
        path.write_bytes(changed)
        try:
            descriptor = LocalStore(store.root).resolve(NAME)
            if descriptor is None:
                raise NotFound("no such tag")
            assert open_package(descriptor.digest, store).digest == package.digest
            assert number // len(MASKS) not in digest_bytes
        except KetchError:
            found += 1
    path.write_bytes(content)
    assert found > len(digest_bytes) * len(MASKS)
    assert fsck(store).is_clean


def test_ten_thousand_random_bits_of_a_large_package(tmp_path: Path) -> None:
    store, random = LocalStore(tmp_path / "store"), Random(5)
    shards = {f"model/shard-{n}.bin": random.randbytes(SHARD_BYTES) for n in range(SHARDS)}
    package = open_package(packages.put(store, {**SMALL, **shards}), store)
    layers = [package.files[path] for path in shards]
    missed = []
    for number in range(FLIPS):
        layer = random.choice(layers)
        at, mask = random.randrange(layer.size), 1 << random.randrange(8)
        with flipped(store.path(layer.digest), at, mask):
            try:
                # The whole package now and then: hashing 30 MB each time takes minutes.
                if number % 500:
                    store.verify_all([layer.digest])
                else:
                    package.verify_bytes()
            except DigestMismatch as error:
                assert [one.where for one in error.findings] == [str(store.path(layer.digest))]
                continue
            missed.append((layer.digest, at))
    assert missed == []
    package.verify_bytes()


def test_random_bits_of_one_file_of_30_mb(tmp_path: Path) -> None:
    store, random = LocalStore(tmp_path / "store"), Random(5)
    stored = store.put_bytes(random.randbytes(SHARDS * SHARD_BYTES))
    for _ in range(50):
        at, mask = random.randrange(stored.size), 1 << random.randrange(8)
        with flipped(store.path(stored.digest), at, mask), pytest.raises(DigestMismatch):
            store.verify_all([stored.digest])
    store.verify_all([stored.digest])


def _layers(store: MemoryStore, digest: Digest) -> set[Digest]:
    return {blob.digest for blob in parse_manifest(store.read(digest), where="attestation").layers}
