"""A local store: files on a disk that others may read, cut short, or damage."""

import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from ketch.errors import DigestMismatch, ManifestError, NotFound, PackageError
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import Descriptor
from ketch.store import LocalStore
from ketch.testing.stores import put_package

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


class TestOnDisk:
    def test_store_is_an_oci_image_layout(self, store: LocalStore) -> None:
        package = put_package(store)
        store.tag("recommender:1.0.0", package)
        assert json.loads((store.root / "oci-layout").read_bytes()) == {
            "imageLayoutVersion": "1.0.0"
        }
        index = json.loads((store.root / "index.json").read_bytes())
        assert index["schemaVersion"] == 2
        assert index["manifests"] == [
            {
                **package.to_json(),
                "annotations": {"org.opencontainers.image.ref.name": "recommender:1.0.0"},
            }
        ]
        assert (store.root / "blobs" / "sha256" / package.digest.hex).is_file()

    def test_blobs_are_read_only_and_folders_private(self, store: LocalStore) -> None:
        stored = store.put_bytes(b"content")
        assert mode(store.path(stored.digest)) == 0o444
        for folder in (store.root, store.root / "blobs", store.root / "blobs" / "sha256"):
            assert mode(folder) == 0o700

    def test_modes_do_not_depend_on_the_umask(self, store: LocalStore) -> None:
        before = os.umask(0o777)
        try:
            os.umask(0o077)
            stored = store.put_bytes(b"content")
        finally:
            os.umask(before)
        assert mode(store.path(stored.digest)) == 0o444

    def test_reading_an_empty_store_creates_nothing(self, store: LocalStore) -> None:
        assert store.tags() == {}
        assert store.resolve("recommender:1.0.0") is None
        assert list(store.digests()) == []
        assert store.referrers(Digest.of(b"")) == []
        assert store.size(Digest.of(b"")) is None
        store.delete(Digest.of(b""))
        assert not store.root.exists()

    def test_nothing_temporary_is_left(self, store: LocalStore, tmp_path: Path) -> None:
        store.put_files([write_big(tmp_path / "weights")])
        store.put_bytes(b"content")
        assert list(store.layout.temporary.iterdir()) == []
        names = {path.name for path in store.layout.lock.parent.iterdir()}
        assert names <= {"lock", "tmp", "filecache"}

    def test_relative_root_survives_a_change_of_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        store = LocalStore(Path("store"))
        stored = store.put_bytes(b"content")
        monkeypatch.chdir("/")
        assert store.read(stored.digest) == b"content"

    def test_entries_of_other_tools_are_kept(self, store: LocalStore) -> None:
        package = put_package(store)
        foreign = {**package.to_json(), "platform": {"os": "linux"}, "x": 1}
        index = {"schemaVersion": 2, "manifests": [foreign], "annotations": {"a": "b"}}
        store.layout.index.write_text(json.dumps(index))
        store.tag("recommender:1.0.0", package)
        after = json.loads(store.layout.index.read_bytes())
        assert after["manifests"][0] == foreign
        assert after["annotations"] == {"a": "b"}

    def test_index_that_is_none_is_named(self, store: LocalStore) -> None:
        package = put_package(store)
        for content in ("{", "[]", '{"schemaVersion":2,"manifests":[3]}'):
            store.layout.index.write_text(content)
            with pytest.raises(ManifestError) as caught:
                store.tag("recommender:1.0.0", package)
            assert caught.value.code == "store/index"
            assert caught.value.where == str(store.layout.index)
            assert store.layout.index.read_text() == content

    def test_ten_thousand_tags_stay_quick(self, store: LocalStore) -> None:
        package = put_package(store)
        index = store.index()
        entry = index.bind("x", package).entries[0]
        entries = tuple(
            {**entry, "annotations": {"org.opencontainers.image.ref.name": f"p{number}:1.0.0"}}
            for number in range(10_000)
        )
        store.layout.index.write_bytes(type(index)(entries).to_bytes())
        start = time.process_time()
        store.tag("recommender:1.0.0", package)
        assert store.resolve("recommender:1.0.0") == package
        assert time.process_time() - start < 10  # comparing each with each takes minutes
        assert len(store.tags()) == 10_001


class TestDamage:
    def test_truncated_blob_is_replaced_by_storing_again(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        big = write_big(tmp_path / "weights")
        age(big)
        puts: tuple[Callable[[], Stored], ...] = (
            lambda: store.put_bytes(b"content"),
            lambda: store.put_files([big])[big],
        )
        for put in puts:
            stored = put()
            path = store.path(stored.digest)
            path.chmod(0o644)
            os.truncate(path, stored.size - 1)
            assert put() == stored
            store.verify_all([stored.digest])

    def test_small_blob_with_other_content_is_replaced(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        path = tmp_path / "params"
        path.write_bytes(b"content")
        stored = store.put_bytes(b"content")
        for put in (lambda: store.put_bytes(b"content"), lambda: store.put_files([path])):
            blob = store.path(stored.digest)
            blob.chmod(0o644)
            blob.write_bytes(b"CONTENT")
            put()
            assert store.read(stored.digest) == b"content"

    def test_every_flipped_byte_is_found_and_the_blob_named(self, store: LocalStore) -> None:
        content = bytes(range(64))
        stored = store.put_bytes(content)
        path = store.path(stored.digest)
        path.chmod(0o644)
        for position in range(len(content)):
            flipped = bytearray(content)
            flipped[position] ^= 1
            path.write_bytes(flipped)
            with pytest.raises(DigestMismatch) as caught:
                store.verify_all([stored.digest])
            assert caught.value.where == str(path)
            with pytest.raises(DigestMismatch):
                store.read(stored.digest)

    def test_verifying_names_every_bad_blob(self, store: LocalStore) -> None:
        good, bad, gone = (store.put_bytes(content) for content in (b"good", b"bad", b"gone"))
        path = store.path(bad.digest)
        path.chmod(0o644)
        path.write_bytes(b"BAD")
        store.delete(gone.digest)
        with pytest.raises(DigestMismatch) as caught:
            store.verify_all([good.digest, gone.digest, bad.digest])
        found = {(finding.code, finding.where) for finding in caught.value.findings}
        assert found == {
            ("package/digest-mismatch", str(path)),
            ("store/no-blob", str(store.layout.blob(gone.digest))),
        }

    def test_link_in_place_of_a_blob_is_not_followed(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        stored = store.put_bytes(b"content")
        (tmp_path / "outside").write_bytes(b"content")
        path = store.path(stored.digest)
        path.unlink()
        path.symlink_to(tmp_path / "outside")
        with pytest.raises(PackageError) as caught:
            store.read(stored.digest)
        assert caught.value.code == "store/not-a-blob"
        assert store.size(stored.digest) is None
        with pytest.raises(NotFound):
            store.path(stored.digest)
        store.put_bytes(b"content")
        assert not path.is_symlink()
        assert store.read(stored.digest) == b"content"

    def test_pipe_in_place_of_a_blob_does_not_hang(self, store: LocalStore) -> None:
        stored = store.put_bytes(b"content")
        path = store.path(stored.digest)
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(PackageError):
            store.read(stored.digest)


class TestConcurrency:
    def test_processes_do_not_lose_each_others_tags(self, store: LocalStore) -> None:
        package = put_package(store)
        script = (
            "import sys; from pathlib import Path\n"
            "from ketch.store.local import LocalStore\n"
            "from ketch.package.oci import Descriptor\n"
            "import json\n"
            "store = LocalStore(Path(sys.argv[1]))\n"
            "package = Descriptor.from_json(json.loads(sys.argv[2]), where='argv')\n"
            "for number in range(10): store.tag(f'p{sys.argv[3]}:{number}', package)\n"
        )
        with running(
            [
                [sys.executable, "-c", script, store.root, json.dumps(package.to_json()), str(n)]
                for n in range(4)
            ]
        ) as statuses:
            assert statuses == [0] * 4
        assert len(store.tags()) == 40

    def test_threads_may_store_the_same_file_at_once(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        path = write_big(tmp_path / "weights")
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: store.put_files([path])[path], range(8)))
        assert len(set(found)) == 1
        store.verify_all([found[0].digest])

    def test_reader_sees_the_old_index_or_the_new(self, store: LocalStore) -> None:
        packages = [put_package(store, [bytes([number])]) for number in range(2)]
        store.tag("a:1", packages[0])
        stopped = threading.Event()

        def write() -> None:
            for number in range(200):
                store.tag("a:1", packages[number % 2], replace=True)
            stopped.set()

        writer = threading.Thread(target=write)
        writer.start()
        other = LocalStore(store.root)
        while not stopped.is_set():
            assert other.resolve("a:1") in packages
        writer.join()
        assert other.resolve("a:1") == store.resolve("a:1")


@contextmanager
def running(commands: list[list[str | Path]]) -> Iterator[list[int]]:
    processes = [subprocess.Popen(command) for command in commands]
    yield [process.wait(timeout=60) for process in processes]


def test_descriptor_comes_back_with_its_annotations(store: LocalStore) -> None:
    package = put_package(store)
    annotated = Descriptor(
        package.media_type, package.digest, package.size, {"a": "b"}, package.artifact_type
    )
    store.tag("recommender:1.0.0", annotated)
    assert store.resolve("recommender:1.0.0") == annotated
