"""Every flipped bit is found before a package is used; nothing is answered wrongly.

Small package: every byte of everything that is stored, of its archive, and of the tags.
Large package: 10,000 random bits in 30 MB of model files.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from tests import packages
from tests.faults import harness
from tests.faults.workplace import NEW, Workplace

import ketch
from ketch.cli.main import main
from ketch.errors import DigestMismatch, KetchError
from ketch.package import Attestation, Digest, Package, Reference, open_package, parse_manifest
from ketch.package.code_tar import write_code_tar
from ketch.runtime import Home
from ketch.runtime.layout import lay_out
from ketch.store import (
    LocalStore,
    MemoryStore,
    attach,
    attestations,
    fsck,
    gc,
    read_archive,
    repair,
    write_archive,
)

pytestmark = pytest.mark.faults

NAME = "hello:1.0.0"
SMALL = {
    **packages.files(),
    "code.tar": write_code_tar({"pipeline.py": packages.CODE["pipeline.py"]}),
    "model/weights.bin": b"weights",
}
SHARDS, SHARD_BYTES, FLIPS = 100, 300_000, 3_000 if harness.IS_BRIEF else 10_000


def flips(content: bytes, *masks: int) -> Iterator[bytes]:
    """Yield the content with one bit of each byte flipped, all eight in turn; or as asked."""
    changed = bytearray(content)
    for at in range(len(content)):
        for mask in masks or (1 << at % 8,):
            changed[at] ^= mask
            yield bytes(changed)
            changed[at] ^= mask


@contextmanager
def flipped(path: Path, at: int, mask: int = 0x01) -> Iterator[None]:
    """Change one byte of a file for a while."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    fd = os.open(path, os.O_RDWR)
    try:
        (byte,) = os.pread(fd, 1, at)
        os.pwrite(fd, bytes([byte ^ mask]), at)
        yield
        os.pwrite(fd, bytes([byte]), at)
    finally:
        os.close(fd)
        path.chmod(mode)


def stored(store: LocalStore | MemoryStore) -> Package:
    """Store a small package with an attestation and a tag."""
    package = open_package(packages.put(store, SMALL), store)
    stated = Attestation(NAME, package.digest, True, {"started": "2026-11-01T00:00:00Z"})
    attach(stated, package, store)
    store.tag(NAME, package.descriptor)
    return package


def load(digest: Digest, store: LocalStore | MemoryStore) -> tuple[Attestation, ...]:
    """Do what must succeed before code of a package runs, and read who vouches for it."""
    open_package(digest, store).verify_bytes()  # the first thing that laying out does
    return attestations(digest, store)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A ketch home with a small package."""
    made = Home(tmp_path / "home")
    stored(made.store)
    return made


@pytest.fixture
def package(home: Home) -> Package:
    """The small package."""
    return home.open(Reference.parse(NAME))


class TestOfASmallPackage:
    def test_every_byte_of_every_blob_before_it_loads(self) -> None:
        store = MemoryStore()
        package = stored(store)
        current = {package.digest} | {blob.digest for blob in package.artifact.blobs()}
        for one in store.referrers(package.digest):
            body = parse_manifest(store.read(one.digest), where="attestation")
            current |= {one.digest, *(blob.digest for blob in body.layers)}
        code, missed = package.files["code.tar"].digest, []
        for digest in sorted(current):
            content = store.read(digest)
            for at, changed in enumerate(flips(content)):
                store._blobs[digest] = changed
                try:
                    if digest == code and at % 64:  # opening reads none of its ten kilobytes
                        package.verify_bytes()
                    else:
                        load(package.digest, store)
                except DigestMismatch:
                    continue
                missed.append(digest)
            store._blobs[digest] = content
        assert missed == []
        assert len(load(package.digest, store)) == 1

    def test_every_byte_on_disk_when_it_is_read(self, home: Home) -> None:
        store, missed = home.store, []
        for digest in sorted(store.digests()):
            for at in range(store.size(digest) or 0):
                with flipped(store.path(digest), at, 1 << at % 8):
                    try:
                        store.read(digest)
                    except DigestMismatch:
                        continue
                    missed.append((digest, at))
        assert missed == []
        assert fsck(store).is_clean

    @pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
    def test_fsck_and_laying_out_name_the_blob(
        self, home: Home, package: Package, tmp_path: Path, part: float
    ) -> None:
        for blob in {blob.digest: blob for blob in package.artifact.blobs()}.values():
            room = tmp_path / f"room-{blob.digest.short}"
            room.mkdir()
            with flipped(home.store.path(blob.digest), int(part * (blob.size - 1))):
                assert fsck(home.store).damaged == (blob.digest,)
                with pytest.raises(DigestMismatch) as caught:
                    lay_out(open_package(package.digest, home.store), room)
                assert blob.digest.hex in str(caught.value.where)
                assert list(room.iterdir()) == []

    def test_every_byte_of_its_archive(self, home: Home, package: Package, tmp_path: Path) -> None:
        """Headers and padding included: an error, or the same package with all that it had."""
        path, missed, same = tmp_path / "package.tar", [], 0
        write_archive(home.store, package.descriptor, path, name=NAME)
        for at in range(path.stat().st_size):
            store = MemoryStore()
            with flipped(path, at, 1 << at % 8):
                try:
                    found = read_archive(path, store)
                except KetchError:
                    continue
            if len(found.roots) > 1:
                continue  # an error, wherever one package is asked for
            same += 1
            if (
                [(name, top.digest) for name, top in found.roots] != [(NAME, package.digest)]
                or found.referrers != 1
                or len(load(package.digest, store)) != 1
            ):
                missed.append(at)
        assert missed == []
        assert same < path.stat().st_size / 100, "as good as every byte means something"


class TestOfTheTags:
    """``index.json`` is all that nothing hashes."""

    def test_every_byte_leads_to_the_same_package_or_is_told(
        self, home: Home, package: Package
    ) -> None:
        path = home.store.layout.index
        content, untold = path.read_bytes(), []
        needed = {package.digest, *(blob.digest for blob in package.artifact.blobs())}
        for number, changed in enumerate(flips(content, 0x01, 0x20)):
            path.write_bytes(changed)
            damaged = Home(home.path)
            try:
                found = damaged.open(Reference.parse(NAME))
                assert found.digest == package.digest, "another package under this name"
                is_same = len(attestations(found.digest, damaged.store)) == 1
            except KetchError:
                is_same = False
            if not is_same and not fsck(damaged.store, read_data=False).findings:
                untold.append(number)
            try:
                assert not needed & set(gc(damaged.store, grace_s=-60, dry_run=True).blobs)
            except KetchError:
                continue
        assert untold == []

    def test_repair_gives_the_package_back_its_name(self, home: Home, package: Package) -> None:
        path = home.store.layout.index
        content, lost = path.read_bytes(), []
        for number, changed in enumerate(flips(content, 0x01)):
            if number % 5:
                continue
            path.write_bytes(changed)
            store = LocalStore(home.store.root)
            repair(store, fsck(store))
            report = fsck(store)
            assert report.is_clean, report.findings
            store.tag(NAME, package.descriptor)  # as packing again does
            if len(load(package.digest, LocalStore(store.root))) != 1:
                lost.append(number)
            path.write_bytes(content)
        assert lost == []

    def test_a_tag_of_another_version_is_refused(self, home: Home) -> None:
        path = home.store.layout.index
        path.write_bytes(path.read_bytes().replace(b'"hello:1.0.0"', b'"hello:1.0.1"'))
        damaged = Home(home.path)
        with pytest.raises(KetchError) as caught:
            damaged.open(Reference.parse("hello:1.0.1"))
        assert caught.value.code == "store/wrong-tag"
        repair(damaged.store, fsck(damaged.store))
        assert damaged.open(Reference.parse(NAME)).reference == NAME
        assert "hello:1.0.1" not in damaged.store.tags()

    def test_every_byte_of_what_files_hashed_before(self, home: Home, tmp_path: Path) -> None:
        """The cache of digests may be lost; it never makes one file pass for another."""
        paths = [tmp_path / name for name in ("one.bin", "two.bin")]
        for path in paths:
            path.write_bytes(path.name.encode() * 300_000)
            os.utime(path, (0, 0))
        right = home.store.put_files(paths)
        cache = home.store.layout.file_cache
        content = cache.read_bytes()
        for changed in flips(content, 0x01):
            cache.write_bytes(changed)
            assert LocalStore(home.store.root).put_files(paths) == right


class TestOfALargePackage:
    def test_thousands_of_random_bits(self, tmp_path: Path) -> None:
        store, random = LocalStore(tmp_path / "store"), Random(5)
        shards = {f"model/shard-{n}.bin": random.randbytes(SHARD_BYTES) for n in range(SHARDS)}
        package = open_package(packages.put(store, {**SMALL, **shards}), store)
        layers = [package.files[path] for path in shards]
        wrong = []
        for number in range(FLIPS):
            layer = random.choice(layers)
            at, mask = random.randrange(layer.size), 1 << random.randrange(8)
            with flipped(store.path(layer.digest), at, mask):
                # The whole package now and then: hashing 30 MB each time takes minutes.
                found = _named(store, [layer.digest] if number % 500 else _blobs(package))
            if found != [str(store.path(layer.digest))]:
                wrong.append((layer.digest, at, found))
        assert wrong == []
        package.verify_bytes()

    def test_random_bits_of_one_file_of_30_mb(self, tmp_path: Path) -> None:
        store, random = LocalStore(tmp_path / "store"), Random(5)
        kept = store.put_bytes(random.randbytes(SHARDS * SHARD_BYTES))
        for _ in range(30):
            at, mask = random.randrange(kept.size), 1 << random.randrange(8)
            with flipped(store.path(kept.digest), at, mask), pytest.raises(DigestMismatch):
                store.verify_all([kept.digest])
        store.verify_all([kept.digest])


class TestWhatPeopleRun:
    """A packed, verified package in a real home; a bit in the middle of each of its blobs."""

    @pytest.fixture
    def folder(self, workplace: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        made = tmp_path / "place"
        made.mkdir()
        subprocess.run(["cp", "-a", f"{workplace.finished}/.", made], check=True)
        for name, value in workplace.variables(made).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(made)
        return made

    def test_every_command_refuses_what_it_reads(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store = LocalStore(folder / "home" / "store")
        package = open_package(_digest(store), store)
        Path("rows.json").write_text('{"size": 7}')
        unread = {package.files[path].digest for path in package.files if path[:6] == "model/"}
        unread |= {package.files["data/sales/sales.csv"].digest, package.artifact.config.digest}
        for digest in _blobs(package):
            with flipped(store.path(digest), (store.size(digest) or 0) // 2):
                with pytest.raises(DigestMismatch):
                    ketch.load(NEW)
                for verb in ("predict", "verify", "inspect", "fsck"):
                    rows = ["rows.json"] if verb == "predict" else []
                    target = [] if verb == "fsck" else [NEW]
                    status = main([verb, *target, *rows, "--json"])
                    out = json.loads(capsys.readouterr().out)
                    is_read = verb != "inspect" or digest not in unread
                    assert status == int(is_read), (verb, digest, out)
                    assert not is_read or digest.hex in json.dumps(out), (verb, digest)
        assert main(["fsck"]) == 0

    def test_a_damaged_attestation_is_refused_where_it_is_read(self, folder: Path) -> None:
        store = LocalStore(folder / "home" / "store")
        (attested,) = store.referrers(_digest(store))
        body = parse_manifest(store.read(attested.digest), where="attestation")
        for digest in (attested.digest, body.layers[0].digest):
            with flipped(store.path(digest), 40):
                assert [main([verb, NEW]) for verb in ("verify", "inspect")] == [1, 1]

    def test_after_repair_packing_again_makes_everything_right(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store = LocalStore(folder / "home" / "store")
        before = _digest(store)
        for digest in list(store.digests()):
            path = store.path(digest)
            path.chmod(0o600)
            path.write_bytes(path.read_bytes()[:-1] + b"?")
            path.chmod(0o444)
        assert main(["fsck", "--repair"]) == 1
        capsys.readouterr()
        assert main(["pack", "project", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["digest"] == str(before)
        assert main(["fsck"]) == 0
        with ketch.load(NEW) as shop:
            assert shop({"size": 7})


def _digest(store: LocalStore) -> Digest:
    found = store.resolve(NEW)
    assert found is not None
    return found.digest


def _blobs(package: Package) -> list[Digest]:
    """Return every blob of a package, each once."""
    return list(dict.fromkeys(blob.digest for blob in package.artifact.blobs()))


def _named(store: LocalStore, digests: list[Digest]) -> list[str | None] | None:
    """Return the blobs that verification names; ``None`` when it finds nothing wrong."""
    try:
        store.verify_all(digests)
    except DigestMismatch as error:
        return [one.where for one in error.findings]
    return None
