"""A cache of digests that forgets rather than lie."""

import os
import time
from pathlib import Path

from ketch.package.digest import Digest
from ketch.store.filecache import MAX_ENTRIES, RACY_NS, FileCache

DIGEST = Digest.of(b"content")


def learn(path: Path, file: Path, *, hashed_ns: int | None = None) -> None:
    cache = FileCache(path)
    at = time.time_ns() + RACY_NS if hashed_ns is None else hashed_ns
    cache.learn(file.stat(), DIGEST, hashed_ns=at + 1)
    cache.save(temporary=path.with_name("scratch"))


def test_unchanged_file_is_recognised(tmp_path: Path) -> None:
    file, path = tmp_path / "weights", tmp_path / "cache"
    file.write_bytes(b"content")
    learn(path, file)
    assert FileCache(path).lookup(file.stat()) == DIGEST


def test_file_with_anything_changed_is_not(tmp_path: Path) -> None:
    file, path = tmp_path / "weights", tmp_path / "cache"
    file.write_bytes(b"content")
    learn(path, file)
    seen = file.stat()
    file.chmod(0o600)
    assert FileCache(path).lookup(file.stat()) is None
    learn(path, file)
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1))
    assert FileCache(path).lookup(file.stat()) is None
    other = tmp_path / "other"
    other.write_bytes(b"content")
    assert FileCache(path).lookup(other.stat()) is None


def test_young_file_is_not_remembered(tmp_path: Path) -> None:
    file, path = tmp_path / "weights", tmp_path / "cache"
    file.write_bytes(b"content")
    modified = file.stat().st_mtime_ns
    for hashed_ns in (modified, modified + RACY_NS - 2, modified - 10**12):
        learn(path, file, hashed_ns=hashed_ns)
        assert FileCache(path).lookup(file.stat()) is None
    learn(path, file, hashed_ns=modified + RACY_NS)
    assert FileCache(path).lookup(file.stat()) == DIGEST


def test_two_writers_keep_what_both_learnt(tmp_path: Path) -> None:
    path, files = tmp_path / "cache", [tmp_path / "a", tmp_path / "b"]
    caches = [FileCache(path), FileCache(path)]
    for cache, file in zip(caches, files, strict=True):
        file.write_bytes(b"content")
        cache.learn(file.stat(), DIGEST, hashed_ns=time.time_ns() + 2 * RACY_NS)
        cache.save(temporary=tmp_path / "scratch")
    assert [FileCache(path).lookup(file.stat()) for file in files] == [DIGEST, DIGEST]


def test_cache_that_can_not_be_written_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"content")
    cache = FileCache(tmp_path / "no" / "cache")
    cache.learn(file.stat(), DIGEST, hashed_ns=time.time_ns() + 2 * RACY_NS)
    cache.save(temporary=tmp_path / "no" / "scratch")


def test_cache_does_not_grow_for_ever() -> None:
    assert MAX_ENTRIES * 100 < 16 * 1024 * 1024
