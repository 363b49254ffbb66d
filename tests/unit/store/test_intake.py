"""Files of a user on their way into a store."""

import errno
import os
import stat
import time
from pathlib import Path

import pytest

from ketch.errors import DigestMismatch, NotFound, Unavailable
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.store import LocalStore, durable
from ketch.store import intake as intake_module

BIG = 3 * 1024 * 1024


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def age(path: Path, seconds: float = 10) -> None:
    """Make a file old enough for the file cache."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def write_big(path: Path, content: bytes = b"weights") -> Path:
    path.write_bytes((content * (BIG // len(content) + 1))[:BIG])
    return path


class TestPutFiles:
    def test_large_file_is_copied_exactly(self, store: LocalStore, tmp_path: Path) -> None:
        path = tmp_path / "weights"
        path.write_bytes(os.urandom(70 * 1024 * 1024 + 12345))
        stored = store.put_files([path])[path]
        store.verify_all([stored.digest])
        assert stored.size == path.stat().st_size

    def test_clone_is_hashed_where_the_filesystem_can_share_blocks(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write_big(tmp_path / "weights")

        def clone(source: int, target: int) -> bool:
            durable.write_all(target, os.pread(source, BIG, 0))
            return True

        monkeypatch.setattr(durable, "clone", clone)
        stored = store.put_files([path])[path]
        assert stored == Stored(Digest.of(path.read_bytes()), BIG)
        store.verify_all([stored.digest])

    def test_unchanged_file_is_not_read_again(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths = [write_big(tmp_path / "a"), write_big(tmp_path / "b", b"other")]
        (tmp_path / "c").write_bytes(b"small")
        paths.append(tmp_path / "c")
        for path in paths:
            age(path)
        first = store.put_files(paths)

        def refuse(*_: object) -> None:
            raise AssertionError("read")

        monkeypatch.setattr(intake_module._Intake, "_take_unknown", refuse)
        done: list[int] = []
        assert LocalStore(store.root).put_files(paths, progress=done.append) == first
        assert sum(done) == sum(stored.size for stored in first.values())

    def test_file_changed_within_the_clocks_grain_is_read_again(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        path = tmp_path / "params"
        path.write_bytes(b"one")
        seen = path.stat()
        store.put_files([path])
        path.write_bytes(b"two")
        os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        assert store.put_files([path])[path].digest == Digest.of(b"two")

    def test_lost_or_damaged_file_cache_is_harmless(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        path = write_big(tmp_path / "weights")
        age(path)
        first = store.put_files([path])
        for content in (b"", b"\xff\x00", b"\x81\xa1a\x01"):
            store.layout.file_cache.write_bytes(content)
            assert store.put_files([path]) == first

    def test_file_cache_is_not_believed_when_the_blob_is_gone(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        path = write_big(tmp_path / "weights")
        age(path)
        stored = store.put_files([path])[path]
        store.delete(stored.digest)
        assert store.put_files([path])[path] == stored
        store.verify_all([stored.digest])

    def test_large_file_that_is_stored_is_hashed_not_copied(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, again = write_big(tmp_path / "a"), write_big(tmp_path / "b")
        stored = store.put_files([first])[first]

        def refuse(*_: object) -> None:
            raise AssertionError("copied")

        monkeypatch.setattr(intake_module, "copy_hashed", refuse)
        assert store.put_files([again])[again] == stored

    def test_large_file_that_looks_stored_but_differs_is_copied(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        first, other = write_big(tmp_path / "a"), write_big(tmp_path / "b")
        with other.open("r+b") as file:
            file.seek(5000)
            file.write(b"difference")
        done: list[int] = []
        stored = store.put_files([first])[first]
        found = store.put_files([other], progress=done.append)[other]
        assert found.digest != stored.digest
        assert sum(done) == BIG
        store.verify_all([found.digest])

    def test_file_that_grows_while_read_is_refused(self, store: LocalStore, tmp_path: Path) -> None:
        for size in (1000, BIG, 70 * 1024 * 1024):
            path = tmp_path / "weights"
            path.write_bytes(bytes(size))

            def grow(_: int, path: Path = path) -> None:
                with path.open("ab") as file:
                    file.write(b"more")

            with pytest.raises(Unavailable) as caught:
                store.put_files([path], progress=grow)
            assert caught.value.code == "store/file-changed"
            assert caught.value.where == str(path)
            assert list(store.digests()) == []

    def test_file_that_shrinks_while_read_is_refused(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        path = tmp_path / "weights"
        path.write_bytes(bytes(70 * 1024 * 1024))
        with pytest.raises(Unavailable) as caught:
            store.put_files([path], progress=lambda _: os.truncate(path, 100))
        assert caught.value.code == "store/file-changed"

    def test_error_in_one_file_stops_the_others(self, store: LocalStore, tmp_path: Path) -> None:
        paths = [write_big(tmp_path / str(number)) for number in range(40)]
        (tmp_path / "39").unlink()
        with pytest.raises(NotFound, match="expected a file"):
            store.put_files(paths)
        assert list(store.digests()) == []
        assert list(store.layout.temporary.iterdir()) == []

    def test_error_of_the_progress_callback_reaches_the_caller(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        def fail(_: int) -> None:
            raise RuntimeError("stop")

        paths = [write_big(tmp_path / "a"), write_big(tmp_path / "b", b"other")]
        with pytest.raises(RuntimeError, match="stop"):
            store.put_files(paths, progress=fail)
        assert list(store.digests()) == []

    def test_many_small_files_are_synced_in_one_call(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        paths = [tmp_path / str(number) for number in range(200)]
        for number, path in enumerate(paths):
            path.write_bytes(b"%d" % number)
        stored = store.put_files(paths)
        store.verify_all([each.digest for each in stored.values()])
        assert len(stored) == 200

    def test_named_pipe_does_not_hang(self, store: LocalStore, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(Exception, match="regular file"):
            store.put_files([tmp_path / "pipe"])


class TestLink:
    def test_linked_file_is_the_blob(self, store: LocalStore, tmp_path: Path) -> None:
        for path in (write_big(tmp_path / "weights"), tmp_path / "small"):
            if not path.exists():
                path.write_bytes(b"small")
            before = mode(path)
            stored = store.put_files([path], link=True)[path]
            assert store.path(stored.digest).samefile(path)
            assert mode(path) == before
            assert store.put_files([path], link=True)[path] == stored

    def test_file_changed_through_its_link_is_found(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        path = write_big(tmp_path / "weights")
        stored = store.put_files([path], link=True)[path]
        with path.open("r+b") as file:
            file.write(b"x")
        with pytest.raises(DigestMismatch):
            store.verify_all([stored.digest])

    def test_file_of_another_filesystem_is_copied(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

        monkeypatch.setattr(os, "link", refuse)
        path, done = write_big(tmp_path / "weights"), list[int]()
        stored = store.put_files([path], link=True, progress=done.append)[path]
        assert not store.path(stored.digest).samefile(path)
        assert sum(done) == BIG
