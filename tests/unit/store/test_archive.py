"""A package as one file, written the same everywhere."""

import errno
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from ketch.errors import DigestMismatch, NotFound, Unavailable, UsageError
from ketch.package.digest import Digest
from ketch.package.oci import Descriptor
from ketch.store import LocalStore, MemoryStore, Store, fsck, read_archive, write_archive
from ketch.testing.stores import put_package

NAME = "recommender:1.0.0"


def package_with_referrers(store: Store, *, in_order: bool = True) -> Descriptor:
    package = put_package(store, [b"weights", b"code" * 5000])
    reports = [put_package(store, [layer], package) for layer in (b"first", b"second")]
    for report in reports if in_order else reversed(reports):
        store.add_referrer(package.digest, report)
    store.add_referrer(reports[0].digest, put_package(store, [b"signature"], reports[0]))
    return package


def test_archive_is_the_same_from_every_store(tmp_path: Path) -> None:
    stores: tuple[Store, ...] = (LocalStore(tmp_path / "store"), MemoryStore())
    paths = [tmp_path / "local.tar", tmp_path / "memory.tar"]
    for in_order, store, path in zip((True, False), stores, paths, strict=True):
        write_archive(store, package_with_referrers(store, in_order=in_order), path, name=NAME)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_archive_holds_regular_files_without_times_or_owners(
    store: LocalStore, tmp_path: Path
) -> None:
    write_archive(store, package_with_referrers(store), tmp_path / "a.tar", name=NAME)
    with tarfile.open(tmp_path / "a.tar") as tar:
        members = tar.getmembers()
    names = [member.name for member in members]
    assert names == sorted(names)
    assert names[-2:] == ["index.json", "oci-layout"]
    assert {(m.mtime, m.mode, m.uid, m.gid, m.uname, m.gname) for m in members} == {
        (0, 0o644, 0, 0, "", "")
    }
    assert all(member.isreg() for member in members)


def test_archive_comes_back_with_all_that_refers_to_it(store: LocalStore, tmp_path: Path) -> None:
    package = package_with_referrers(store)
    done: list[int] = []
    write_archive(store, package, tmp_path / "a.tar", name=NAME, progress=done.append)
    for target in (LocalStore(tmp_path / "other"), MemoryStore()):
        for _ in range(2):
            found = read_archive(tmp_path / "a.tar", target)
            assert found.roots == (
                (
                    NAME,
                    Descriptor(
                        package.media_type, package.digest, package.size, {}, package.artifact_type
                    ),
                ),
            )
            assert found.referrers == 3
        assert found.size_bytes == sum(done) - 0
        assert target.tags() == {}
        target.tag(NAME, package)
        assert {each.digest for each in target.referrers(package.digest)} == {
            each.digest for each in store.referrers(package.digest)
        }
        target.verify_all(list(target.digests()))
    assert fsck(LocalStore(tmp_path / "other")).findings == ()


def test_archive_without_referrers_or_name(store: LocalStore, tmp_path: Path) -> None:
    package = package_with_referrers(store)
    write_archive(store, package, tmp_path / "a.tar", referrers=False)
    target = MemoryStore()
    found = read_archive(tmp_path / "a.tar", target)
    assert found.roots == ((None, package),)
    assert found.referrers == 0
    assert len(list(target.digests())) == 4


def test_archive_is_a_layout_that_tar_unpacks(store: LocalStore, tmp_path: Path) -> None:
    package = package_with_referrers(store)
    write_archive(store, package, tmp_path / "a.tar", name=NAME)
    (tmp_path / "layout").mkdir()
    with tarfile.open(tmp_path / "a.tar") as tar:
        tar.extractall(tmp_path / "layout")
    unpacked = LocalStore(tmp_path / "layout")
    assert unpacked.resolve(NAME) == package
    assert len(unpacked.referrers(package.digest)) == 2
    assert fsck(unpacked).findings == ()


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs tar")
@pytest.mark.parametrize("form", ["ustar", "gnu", "pax"])
def test_layouts_packed_by_tar_are_read(form: str, store: LocalStore, tmp_path: Path) -> None:
    package = put_package(store)
    store.tag(NAME, package)
    folder = tmp_path / "layout"
    shutil.copytree(store.root, folder, ignore=shutil.ignore_patterns(".ketch"))
    command = f"tar -c --format={form} -f {tmp_path / 'a.tar'} -C {folder} ."
    assert os.system(command) == 0
    found = read_archive(tmp_path / "a.tar", MemoryStore())
    assert [(name, root.digest) for name, root in found.roots] == [(NAME, package.digest)]


def test_damaged_blob_is_not_archived(store: LocalStore, tmp_path: Path) -> None:
    package = put_package(store)
    path = store.path(Digest.of(b"weights"))
    for content in (b"WEIGHTS", b"weights and more", b"we"):
        path.chmod(0o644)
        path.write_bytes(content)
        with pytest.raises(DigestMismatch):
            write_archive(store, package, tmp_path / "a.tar")
        assert sorted(each.name for each in tmp_path.iterdir()) == ["store"]
    path.unlink()
    with pytest.raises(NotFound):
        write_archive(store, package, tmp_path / "a.tar")


def test_archive_appears_whole_or_not_at_all(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = put_package(store)
    (tmp_path / "a.tar").write_bytes(b"before")

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(Unavailable, match=r"a\.tar"):
        write_archive(store, package, tmp_path / "a.tar")
    assert (tmp_path / "a.tar").read_bytes() == b"before"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.tar", "store"]


def test_folder_that_is_missing_is_named(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write_archive(store, put_package(store), tmp_path / "no" / "a.tar")
    assert str(tmp_path / "no") in str(caught.value.where)
