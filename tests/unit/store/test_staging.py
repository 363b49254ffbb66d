"""What a disk can do to those who write on it."""

import errno
import os
import time
from pathlib import Path

import pytest

from ketch.errors import Unavailable
from ketch.store import LocalStore
from ketch.store.locks import locked
from ketch.testing.stores import put_package

BIG = 3 * 1024 * 1024


def age(path: Path, seconds: float = 10) -> None:
    """Make a file old enough for the file cache."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def write_big(path: Path, content: bytes = b"weights") -> Path:
    path.write_bytes((content * (BIG // len(content) + 1))[:BIG])
    return path


class TestTroubleWithTheDisk:
    @pytest.mark.parametrize(
        ("number", "code"),
        [
            (errno.ENOSPC, "disk/full"),
            (errno.EDQUOT, "disk/full"),
            (errno.EIO, "disk/io-error"),
            (errno.EROFS, "disk/not-permitted"),
            (errno.EMFILE, "disk/refused"),
        ],
    )
    def test_trouble_is_told_in_words(
        self,
        store: LocalStore,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        number: int,
        code: str,
    ) -> None:
        path = write_big(tmp_path / "weights")
        store.put_bytes(b"before")

        def refuse(*_: object) -> int:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", refuse)
            for put in (lambda: store.put_files([path]), lambda: store.put_bytes(b"content")):
                with pytest.raises(Unavailable) as caught:
                    put()
                assert caught.value.code == code
                assert caught.value.where == str(store.root)
        assert len(list(store.digests())) == 1
        assert list(store.layout.temporary.iterdir()) == []
        store.verify_all([store.put_files([path])[path].digest])

    def test_source_that_can_not_be_read_is_named_and_not_the_store(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write_big(tmp_path / "weights")

        def refuse(*_: object) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "preadv", refuse)
        with pytest.raises(Unavailable) as caught:
            store.put_files([path])
        assert (caught.value.code, caught.value.where) == ("disk/io-error", str(path))

    def test_short_writes_are_written_on(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write_big(tmp_path / "weights")
        real = os.write
        monkeypatch.setattr(os, "write", lambda fd, content: real(fd, content[:100_001]))
        stored = store.put_files([path])[path]
        store.verify_all([stored.digest])

    def test_nothing_is_committed_after_a_failed_sync(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, package = write_big(tmp_path / "weights"), put_package(store)
        before = set(store.digests())

        def refuse(fd: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fsync", refuse)
        for act in (
            lambda: store.put_bytes(b"content"),
            lambda: store.put_files([path]),
            lambda: store.tag("recommender:1.0.0", package),
        ):
            with pytest.raises(Unavailable) as caught:
                act()
            assert caught.value.code == "disk/io-error"
            assert "fsck" in (caught.value.hint or "")
        assert set(store.digests()) == before
        assert store.tags() == {}

    def test_lock_held_for_too_long_is_reported(
        self, store: LocalStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.put_bytes(b"content")
        with (
            locked(store.layout.lock, exclusive=True),
            pytest.raises(Unavailable) as caught,
            locked(store.layout.lock, exclusive=False, wait_s=0.01),
        ):
            pass
        assert caught.value.code == "store/busy"
