"""Packages on their way from one store to another."""

from itertools import product
from pathlib import Path

import pytest

from ketch.errors import DigestMismatch, NotFound
from ketch.package.digest import Digest
from ketch.store import Copied, LocalStore, MemoryStore, Store, copy_graph
from ketch.testing.stores import put_package


def stores(tmp_path: Path) -> list[tuple[Store, Store]]:
    return [
        (LocalStore(tmp_path / "a"), MemoryStore()),
        (MemoryStore(), LocalStore(tmp_path / "b")),
        (LocalStore(tmp_path / "c"), LocalStore(tmp_path / "d")),
    ]


def test_whole_graph_arrives_and_is_verified(tmp_path: Path) -> None:
    for source, target in stores(tmp_path):
        package = put_package(source, [b"weights", b"code"])
        report = put_package(source, [b"report"], package)
        source.add_referrer(package.digest, report)
        done: list[int] = []
        found = copy_graph(source, target, package, progress=done.append)
        assert (found.referrers, found.size_bytes) == (1, sum(done))
        target.tag("recommender:1.0.0", package)
        assert target.referrers(package.digest) == [report]
        target.verify_all(list(target.digests()))
        assert copy_graph(source, target, package) == Copied(0, 0, 1)


def test_referrers_stay_behind_when_not_wanted(tmp_path: Path) -> None:
    for source, target in stores(tmp_path):
        package = put_package(source)
        source.add_referrer(package.digest, put_package(source, [b"report"], package))
        assert copy_graph(source, target, package, referrers=False).blobs == 3
        assert target.referrers(package.digest) == []


def test_damage_at_the_source_does_not_travel(tmp_path: Path) -> None:
    source, target = LocalStore(tmp_path / "source"), LocalStore(tmp_path / "target")
    package = put_package(source)
    path = source.path(Digest.of(b"weights"))
    for damaged in (b"WEIGHTS", b"we", b"weights and more"):
        path.chmod(0o644)
        path.write_bytes(damaged)
        with pytest.raises(DigestMismatch):
            copy_graph(source, target, package)
        assert list(target.digests()) == []
    path.unlink()
    with pytest.raises(NotFound):
        copy_graph(source, target, package)
    assert list(target.digests()) == []


def test_blob_of_another_size_at_the_target_is_replaced(tmp_path: Path) -> None:
    source, target = MemoryStore(), LocalStore(tmp_path / "target")
    package = put_package(source)
    path = target.path(target.put_bytes(b"weights").digest)
    for content, size in product([b"we", b"weights and more"], [7]):
        path.chmod(0o644)
        path.write_bytes(content)
        copy_graph(source, target, package)
        assert path.stat().st_size == size
