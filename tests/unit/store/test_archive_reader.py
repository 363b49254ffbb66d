"""Archives that nobody vouches for: every one of these is refused, and leaves no trace."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ketch.errors import DigestMismatch, KetchError, NotFound, PackageError
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, Descriptor
from ketch.store import LocalStore, MemoryStore, read_archive, write_archive
from ketch.store.index import Index, referrers_tag
from ketch.testing.stores import put_package

Members = dict[str, bytes]


def good_members() -> Members:
    store = MemoryStore()
    package = put_package(store)
    report = put_package(store, [b"report"], package)
    store.add_referrer(package.digest, report)
    members = {f"blobs/sha256/{d.hex}": store.read(d) for d in store.digests()}
    index = Index().bind("recommender:1.0.0", package)
    listed = store.resolve(referrers_tag(package.digest))
    assert listed is not None
    index = index.bind(referrers_tag(package.digest), listed)
    return {
        **members,
        "index.json": index.to_bytes(),
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
    }


def packed(members: Members, **fields: bytes | str) -> bytes:
    """Return an archive; ``fields`` change the header of its first member."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for number, (name, content) in enumerate(members.items()):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in fields.items() if number == 0 else ():
                setattr(info, field, value)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def blob(content: bytes) -> str:
    return f"blobs/sha256/{Digest.of(content).hex}"


def huge(size: int, name: str = "oci-layout") -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(2048)


def with_entry(**entry: object) -> Members:
    members = good_members()
    body = json.loads(members["index.json"])
    body["manifests"][0].update(entry)
    return {**members, "index.json": json.dumps(body).encode()}


def without(name: str) -> Members:
    members = good_members()
    del members[name]
    return members


def link(kind: bytes, **fields: str) -> bytes:
    return packed({"blobs/sha256/" + "0" * 64: b"", **good_members()}, type=kind, **fields)


def with_referrer_of_a_stranger() -> Members:
    store = MemoryStore()
    stranger = put_package(store, [b"stranger"])
    report = put_package(store, [b"lie"], stranger)
    members = {f"blobs/sha256/{d.hex}": store.read(d) for d in store.digests()}
    del members[f"blobs/sha256/{stranger.digest.hex}"]
    listed = Index.of([report]).to_bytes()
    descriptor = Descriptor(IMAGE_INDEX, Digest.of(listed), len(listed))
    good = good_members()
    index = Index.parse(good["index.json"], where="index.json")
    index = index.bind(referrers_tag(stranger.digest), descriptor)
    return {**good, **members, blob(listed): listed, "index.json": index.to_bytes()}


BAD_BYTES: dict[str, tuple[Callable[[], bytes], str | None]] = {
    "empty file": (lambda: b"", "truncated"),
    "text": (lambda: b"hello" * 1000, "header"),
    "a few words": (lambda: b"[package]\n", "header"),
    "gzip": (lambda: gzip.compress(packed(good_members())), "compressed"),
    "zstd": (lambda: b"\x28\xb5\x2f\xfd" + bytes(600), "compressed"),
    "zip": (lambda: b"PK\x03\x04" + bytes(600), "header"),
    "nothing but the end": (lambda: bytes(1024), "not-a-layout"),
    "cut in a header": (lambda: packed(good_members())[:700], "truncated"),
    "cut in a body": (lambda: packed(good_members())[: 512 + 1], "truncated"),
    "no end": (
        lambda: packed(good_members()).rstrip(b"\0").ljust(9216, b"\0")[: 9216 // 512 * 512],
        None,
    ),
    "one block of end": (lambda: bytes(512), "truncated"),
    "bytes after the end": (lambda: packed(good_members()) + b"x", "trailing-bytes"),
    "archive after the end": (lambda: packed(good_members()) * 2, "trailing-bytes"),
    "endless end": (lambda: packed(good_members()) + bytes(2_000_000), "trailing-bytes"),
    "wrong checksum": (lambda: b"x" + packed(good_members())[1:], "header"),
    "symbolic link": (lambda: link(tarfile.SYMTYPE, linkname="/etc/passwd"), "member-type"),
    "hard link": (lambda: link(tarfile.LNKTYPE, linkname="oci-layout"), "member-type"),
    "device": (lambda: link(tarfile.CHRTYPE), "member-type"),
    "block device": (lambda: link(tarfile.BLKTYPE), "member-type"),
    "named pipe": (lambda: link(tarfile.FIFOTYPE), "member-type"),
    "sparse file": (lambda: link(tarfile.GNUTYPE_SPARSE), "member-type"),
    "contiguous file": (lambda: link(tarfile.CONTTYPE), "member-type"),
    "unknown type": (lambda: link(b"Z"), "member-type"),
    "long name": (lambda: packed({"x" * 200: b"", **good_members()}), "member-type"),
    "enormous size": (lambda: huge(1 << 60), "too-large"),
    "negative size": (lambda: huge(-1), "header"),
    "more than the file": (lambda: huge(1 << 20, "index.json"), "truncated"),
}

BAD_MEMBERS: dict[str, tuple[Callable[[], Members], str]] = {
    "path out of the folder": (lambda: {"../evil": b"", **good_members()}, "name"),
    "absolute path": (lambda: {"/etc/evil": b"", **good_members()}, "name"),
    "path with dots inside": (lambda: {"blobs/../evil": b"", **good_members()}, "name"),
    "doubled slash": (lambda: {"blobs//sha256/" + "0" * 64: b"", **good_members()}, "name"),
    "upper case hex": (lambda: {"blobs/sha256/" + "A" * 64: b"", **good_members()}, "name"),
    "short hex": (lambda: {"blobs/sha256/" + "a" * 63: b"", **good_members()}, "name"),
    "other algorithm": (lambda: {"blobs/sha512/" + "a" * 64: b"", **good_members()}, "name"),
    "another file": (lambda: {"manifest.json": b"[]", **good_members()}, "name"),
    "newline in a name": (lambda: {"oci-layout\n": b"", **good_members()}, "name"),
    "not ASCII": (lambda: {"é": b"", **good_members()}, "name"),
    "our own folder": (lambda: {".ketch/lock": b"", **good_members()}, "name"),
    "a name twice": (lambda: {"./oci-layout": b"{}", **good_members()}, "duplicate"),
    "no oci-layout": (lambda: without("oci-layout"), "not-a-layout"),
    "no index": (lambda: without("index.json"), "not-a-layout"),
    "a layout of the future": (
        lambda: {**good_members(), "oci-layout": b'{"imageLayoutVersion":"2.0.0"}'},
        "not-a-layout",
    ),
    "no layout object": (lambda: {**good_members(), "oci-layout": b"3"}, "not-a-layout"),
    "a missing layer": (lambda: without(blob(b"weights")), "incomplete"),
    "a missing referrer's layer": (lambda: without(blob(b"report")), "incomplete"),
    "a referrer of a stranger": (with_referrer_of_a_stranger, "foreign-referrer"),
    "a huge index": (
        lambda: (
            {"index.json": b" " * 5_000_000, **good_members()} | {"index.json": b" " * 5_000_000}
        ),
        "too-large",
    ),
}

BAD_DOCUMENTS: dict[str, Callable[[], Members]] = {
    "index is no JSON": lambda: {**good_members(), "index.json": b"{"},
    "index has a member twice": lambda: {
        **good_members(),
        "index.json": b'{"schemaVersion":2,"manifests":[],"manifests":[]}',
    },
    "index is a list": lambda: {**good_members(), "index.json": b"[]"},
    "index is deep": lambda: {**good_members(), "index.json": b"[" * 100_000},
    "wrong size in the index": lambda: with_entry(size=3),
    "negative size in the index": lambda: with_entry(size=-1),
    "digest is a path": lambda: with_entry(digest="sha256:../../../etc/passwd"),
    "digest is no text": lambda: with_entry(digest=3),
    "other algorithm": lambda: with_entry(digest="md5:" + "0" * 32),
    "a layer is called a manifest": lambda: with_entry(digest=str(Digest.of(b"weights")), size=7),
    "manifest is nowhere": lambda: with_entry(digest=f"sha256:{'0' * 64}"),
}


def refuse(content: bytes, tmp_path: Path) -> KetchError:
    (tmp_path / "bad.tar").write_bytes(content)
    errors: list[KetchError] = []
    for target in (LocalStore(tmp_path / "store"), MemoryStore()):
        with pytest.raises(KetchError) as caught:
            read_archive(tmp_path / "bad.tar", target)
        errors.append(caught.value)
        assert list(target.digests()) == []
        assert target.tags() == {}
    assert errors[0].code == errors[1].code
    assert all(str(each.where).startswith(str(tmp_path / "bad.tar")) for each in errors)
    assert all(each.hint for each in errors)
    left = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    allowed = {"bad.tar", "store/index.json", "store/oci-layout", "store/.ketch/lock"}
    assert {str(path) for path in left} <= allowed
    return errors[0]


def test_the_good_archive_is_good(tmp_path: Path) -> None:
    (tmp_path / "good.tar").write_bytes(packed(good_members()))
    found = read_archive(tmp_path / "good.tar", LocalStore(tmp_path / "store"))
    assert [name for name, _ in found.roots] == ["recommender:1.0.0"]
    assert found.referrers == 1


@pytest.mark.parametrize("name", BAD_BYTES)
def test_bytes_that_are_no_strict_archive_are_refused(name: str, tmp_path: Path) -> None:
    make, code = BAD_BYTES[name]
    error = refuse(make(), tmp_path)
    assert isinstance(error, PackageError)
    assert error.code.startswith("archive/")
    assert code is None or error.code == f"archive/{code}"


@pytest.mark.parametrize("name", BAD_MEMBERS)
def test_members_of_no_layout_are_refused(name: str, tmp_path: Path) -> None:
    make, code = BAD_MEMBERS[name]
    assert refuse(packed(make()), tmp_path).code == f"archive/{code}"


@pytest.mark.parametrize("name", BAD_DOCUMENTS)
def test_documents_that_can_not_be_read_are_refused(name: str, tmp_path: Path) -> None:
    error = refuse(packed(BAD_DOCUMENTS[name]()), tmp_path)
    assert error.http_status in {400, 404, 422}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_an_archive_that_was_cut_is_told_as_one(share: float, tmp_path: Path) -> None:
    """Wherever it ends, also where a blob would be larger than all of the file."""
    members = {**good_members(), blob(b"w" * 100_000): b"w" * 100_000}
    good = packed(dict(sorted(members.items())))
    error = refuse(good[: int(len(good) * share)], tmp_path)
    assert error.code == "archive/truncated"
    assert "copy it again" in str(error.hint)


def test_every_flipped_byte_of_content_is_found(tmp_path: Path) -> None:
    good = packed(good_members())
    original = MemoryStore()
    (tmp_path / "a.tar").write_bytes(good)
    roots = read_archive(tmp_path / "a.tar", original).roots
    accepted, told = 0, []
    for position in range(0, len(good), 7):
        flipped = bytearray(good)
        flipped[position] ^= 0x10
        (tmp_path / "a.tar").write_bytes(flipped)
        target = MemoryStore()
        try:
            found = read_archive(tmp_path / "a.tar", target)
        except KetchError as damage:
            told.append((damage.where, damage.hint))
            continue
        # Padding means nothing; and a name in index.json is not hashed, its digest is.
        accepted += 1
        assert {root.digest for _, root in found.roots} >= {root.digest for _, root in roots}
        assert set(target.digests()) <= set(original.digests())
    assert accepted > 0
    assert all(str(where).startswith(str(tmp_path / "a.tar")) and hint for where, hint in told)


def test_wrong_content_is_found_also_when_the_blob_is_there_already(tmp_path: Path) -> None:
    members = good_members()
    target = LocalStore(tmp_path / "store")
    target.put_bytes(b"weights")
    (tmp_path / "a.tar").write_bytes(packed({**members, blob(b"weights"): b"WEIGHTS"}))
    with pytest.raises(DigestMismatch):
        read_archive(tmp_path / "a.tar", target)
    assert len(list(target.digests())) == 1


def test_blobs_that_nothing_leads_to_are_left_out(tmp_path: Path) -> None:
    members = {**good_members(), blob(b"ballast"): b"ballast"}
    (tmp_path / "a.tar").write_bytes(packed(members))
    target = LocalStore(tmp_path / "store")
    read_archive(tmp_path / "a.tar", target)
    assert target.size(Digest.of(b"ballast")) is None


def test_size_of_an_archive_can_be_limited(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(packed(good_members()))
    with pytest.raises(PackageError) as caught:
        read_archive(tmp_path / "a.tar", MemoryStore(), max_bytes=100)
    assert caught.value.code == "archive/too-large"


def test_extended_header_may_state_a_size_and_times_only(tmp_path: Path) -> None:
    def with_header(**headers: str) -> Path:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, content in good_members().items():
                info = tarfile.TarInfo(name)
                info.size, info.pax_headers = len(content), headers
                tar.addfile(info, io.BytesIO(content))
        path = tmp_path / "a.tar"
        path.write_bytes(buffer.getvalue())
        return path

    assert read_archive(with_header(mtime="1.5"), MemoryStore()).referrers == 1
    for headers in ({"path": "evil"}, {"GNU.sparse.major": "1"}, {"linkpath": "x"}):
        with pytest.raises(PackageError) as caught:
            read_archive(with_header(**headers), MemoryStore())
        assert caught.value.code == "archive/header"


def test_file_that_is_missing_or_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_archive(tmp_path / "no.tar", MemoryStore())
    with pytest.raises(KetchError):
        read_archive(tmp_path, MemoryStore())


def test_archive_written_by_ketch_is_read_in_any_order(tmp_path: Path) -> None:
    store = MemoryStore()
    package = put_package(store)
    write_archive(store, package, tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as tar:
        members = {m.name: tar.extractfile(m) for m in tar.getmembers()}
        contents = {name: file.read() for name, file in members.items() if file}
    (tmp_path / "b.tar").write_bytes(packed(dict(reversed(contents.items()))))
    assert read_archive(tmp_path / "b.tar", MemoryStore()).roots[0][1] == package
