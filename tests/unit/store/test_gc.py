"""Garbage is what no tag leads to, and what is not young."""

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ketch.errors import DigestMismatch, KetchError, NotFound
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, Descriptor
from ketch.store import LocalStore, fsck, gc
from ketch.store.index import Index
from ketch.testing.stores import put_package

WEEK_S = 7 * 24 * 3600.0


def later() -> float:
    return time.time() + WEEK_S


def test_everything_a_tag_leads_to_stays(store: LocalStore) -> None:
    package = put_package(store)
    report = put_package(store, [b"report"], package)
    store.add_referrer(package.digest, report)
    store.add_referrer(report.digest, put_package(store, [b"signature"], report))
    store.tag("recommender:1.0.0", package)
    other = put_package(store, [b"other"])
    listed = store.put_bytes(Index.of([other]).to_bytes())
    store.tag("list:1", Descriptor(IMAGE_INDEX, listed.digest, listed.size))
    before = set(store.digests())
    collected = gc(store, now=later)
    # The first index of referrers of `package` was replaced by none: all are live.
    assert collected.blobs == ()
    assert set(store.digests()) == before
    assert fsck(store).findings == ()


def test_what_no_tag_leads_to_goes(store: LocalStore) -> None:
    kept, dropped = put_package(store), put_package(store, [b"old"])
    store.add_referrer(dropped.digest, put_package(store, [b"report"], dropped))
    store.tag("recommender:1.0.0", kept)
    store.tag("recommender:0.9.0", dropped)
    store.untag("recommender:0.9.0")
    planned = gc(store, now=later, dry_run=True)
    assert store.size(dropped.digest) == dropped.size
    collected = gc(store, now=later)
    assert collected == planned
    assert collected.size_bytes > 0
    assert collected.untagged == (f"sha256-{dropped.digest.hex}",)
    assert set(store.digests()) == {kept.digest, Digest.of(b"weights"), Digest.of(b"{}")}
    assert len(store.index().entries) == 1
    assert fsck(store).findings == ()


def test_what_is_young_stays(store: LocalStore) -> None:
    stored = store.put_bytes(b"content")
    assert gc(store).blobs == ()
    assert gc(store, grace_s=0, now=lambda: time.time() + 1).blobs == (stored.digest,)


def test_what_is_relied_on_is_young_again(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(bytes(3_000_000))
    puts: tuple[Callable[[], Digest], ...] = (
        lambda: store.put_bytes(b"content").digest,
        lambda: store.put_files([path])[path].digest,
        lambda: store.put_files([path], link=True)[path].digest,
    )
    for put in puts:
        digest = put()
        time.sleep(0.05)
        between = time.time()
        time.sleep(0.05)
        assert put() == digest
        assert digest not in gc(store, grace_s=time.time() - between).blobs
        assert store.size(digest) is not None


def test_referrers_of_a_young_subject_stay(store: LocalStore) -> None:
    subject = put_package(store)
    report = put_package(store, [b"report"], subject)
    store.add_referrer(subject.digest, report)
    collected = gc(store)
    assert collected.untagged == ()
    assert store.referrers(subject.digest) == [report]


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(store: LocalStore) -> None:
    store.put_bytes(b"content")
    dead = store.layout.temporary / "dead"
    dead.mkdir()
    (dead / "blob").write_bytes(b"x" * 1000)
    with store.incoming() as incoming:
        incoming.add(io.BytesIO(b"new"), Stored(Digest.of(b"new"), 3))
        collected = gc(store, now=later)
        assert collected.leftovers == (dead,)
        assert not dead.exists()
        incoming.commit()
    assert store.read(Digest.of(b"new")) == b"new"


def test_nothing_goes_while_a_manifest_can_not_be_read(store: LocalStore) -> None:
    package = put_package(store)
    store.tag("recommender:1.0.0", package)
    store.put_bytes(b"garbage")
    before = set(store.digests())
    path = store.path(package.digest)
    path.chmod(0o644)
    path.write_bytes(b"{}")
    with pytest.raises(DigestMismatch):
        gc(store, now=later)
    assert set(store.digests()) == before
    path.unlink()
    with pytest.raises(NotFound):
        gc(store, now=later)
    assert set(store.digests()) == before - {package.digest}


def test_store_that_was_never_written_has_no_garbage(store: LocalStore) -> None:
    assert gc(store, now=later).blobs == ()
    assert not store.root.exists()


def test_tags_never_lead_to_nothing_while_collecting_beside_writers(store: LocalStore) -> None:
    """Without any grace a writer may be refused its tag; what is tagged is whole."""
    stopped = threading.Event()
    store.put_bytes(b"")

    def collect() -> None:
        while not stopped.is_set():
            gc(LocalStore(store.root), grace_s=-WEEK_S)

    collector = threading.Thread(target=collect)
    collector.start()
    tagged, refused = 0, set[str]()
    try:
        for number in range(60):
            try:
                package = put_package(store, [b"%d" % number, b"shared"])
                store.tag(f"p:{number}", package)
                tagged += 1
            except KetchError as error:
                refused.add(error.code)
    finally:
        stopped.set()
        collector.join()
    assert refused <= {"store/incomplete", "store/no-blob", "disk/refused"}
    assert len(store.tags()) == tagged
    report = fsck(store)
    assert report.is_clean, report.findings
