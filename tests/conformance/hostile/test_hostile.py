"""Hostile bytes are refused: with a code, in time, and without a trace on the machine."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import packages
from tests.conformance.hostile import corpus
from tests.conformance.hostile.corpus import CASES, IN_PACKAGES
from tests.conformance.hostile.ground import (
    REF_NAME,
    RIGHT,
    Case,
    Ground,
    archive,
    bomb,
    entry,
    index_of,
    layout,
    referrer,
    require_short,
    right_blobs,
    within,
)

from ketch.cli.main import main
from ketch.errors import KetchError
from ketch.package import Digest, open_package
from ketch.package.oci import IMAGE_INDEX
from ketch.runtime import Home
from ketch.schema.parse import canonical_json
from ketch.store import LocalStore, MemoryStore, attestations, fsck, gc, read_archive
from ketch.store.attested import PASSED

LONGEST_S = 10.0


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """A store and a room, with files around them that nobody may touch."""
    made = Ground(tmp_path / "outside", LocalStore(tmp_path / "outside" / "home" / "store"))
    made.room.mkdir(parents=True)
    for path in ("etc/passwd", "evil", "home/evil.py", "home/run/pipeline.py", "home/store.bak/x"):
        file = made.outside / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("untouched")
    monkeypatch.chdir(made.outside / "home" / "run")
    before = made.snapshot()
    yield made
    assert made.snapshot() == before, "something outside was touched"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_it_is_refused(case: Case, ground: Ground) -> None:
    with pytest.raises(KetchError) as caught, within(LONGEST_S):
        case.attack(ground)
    assert case.expects(caught.value.code), f"{caught.value.code}: {caught.value.message}"
    require_short(caught.value)
    assert list(ground.room.iterdir()) == [], "something was laid out"
    _assert_clean(ground)


@pytest.mark.parametrize("case", corpus.ARCHIVES, ids=[case.name for case in corpus.ARCHIVES])
def test_of_a_hostile_archive_nothing_is_kept(case: Case, ground: Ground) -> None:
    with pytest.raises(KetchError):
        case.attack(ground)
    assert list(ground.store.digests()) == []
    assert ground.store.tags() == {}
    assert isinstance(ground.store, LocalStore)
    assert not gc(ground.store, grace_s=-60, dry_run=True).leftovers


@pytest.mark.parametrize("case", IN_PACKAGES, ids=[case.name for case in IN_PACKAGES])
def test_a_hostile_package_is_refused_from_an_archive_too(case: Case, tmp_path: Path) -> None:
    packed = MemoryStore()
    ground = Ground(tmp_path / "packed", packed)
    ground.room.mkdir(parents=True)
    with pytest.raises(KetchError):
        case.attack(ground)
    contents = [packed._blobs[digest] for digest in packed.digests()]  # the manifest comes last
    travelling = tmp_path / "evil.tar"
    travelling.write_bytes(layout(contents, index_of(entry(contents[-1]))))
    target = Ground(tmp_path / "target", MemoryStore())
    target.room.mkdir(parents=True)
    with pytest.raises(KetchError), within(LONGEST_S):
        target.import_archive(travelling)
    assert list(target.room.iterdir()) == []


def test_the_package_and_the_archive_that_the_cases_change_are_right(ground: Ground) -> None:
    """Otherwise a refusal would prove nothing."""
    digest = ground.put(packages.files())
    ground.read(digest)
    assert open_package(digest, ground.store).reference == "hello:1.0.0"
    for path in sorted(ground.room.iterdir(), reverse=True):
        path.rename(ground.room.parent.parent / "store" / path.name)
    archive(corpus._packed)(ground)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "link to nothing", "nothing"])
def test_what_is_no_file_is_no_archive(kind: str, ground: Ground, tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "device":
            path = Path("/dev/zero")
        case "link to nothing":
            path.symlink_to(tmp_path / "nothing")
    with pytest.raises(KetchError), within(LONGEST_S):
        ground.import_archive(path)


def test_a_large_blob_that_is_called_a_manifest_is_not_read_into_memory(ground: Ground) -> None:
    zeros = bytes(64 << 20)
    top = {**entry(zeros), "size": 100}
    path = ground.room / "evil.tar"
    path.write_bytes(layout([zeros], index_of(top)))
    del zeros
    with pytest.raises(KetchError) as caught, within(LONGEST_S, more_bytes=32 << 20):
        ground.import_archive(path)
    path.unlink()
    assert caught.value.code == "store/blob-too-large"
    assert list(ground.store.digests()) == []


def test_what_a_stranger_attaches_keeps_nobody_from_using_a_package(ground: Ground) -> None:
    """Anybody can attach something to a package; only what is an attestation is read."""
    blobs, top = right_blobs()
    subject = entry(top)
    statements = [b"", b"[]", b"not JSON", bytes(5_000_000), b'{"_type":"x"}', bomb(100_000)]
    strangers = [referrer(subject, each) for each in statements]
    strangers.append(referrer(subject, b"x", b"y", artifact_type="application/vnd.evil.v1"))
    listed = canonical_json(
        index_of(*(entry(each, annotations={PASSED: "true"}) for each in strangers))
    )
    name = f"sha256-{Digest.of(top).hex}"
    tops = [subject, entry(listed, IMAGE_INDEX, annotations={REF_NAME: name})]
    path = ground.room / "packed.tar"
    path.write_bytes(
        layout([*blobs, *strangers, *statements, b"x", b"y", b"{}", listed], index_of(*tops))
    )
    with within(LONGEST_S):
        assert read_archive(path, ground.store).referrers == len(strangers)
        path.unlink()
        assert attestations(Digest.of(top), ground.store) == ()
        ground.read(Digest.of(top))
    _assert_clean(ground)


ESCAPES = "\x1b[2J\x9b31m\u202e\x07evil\r\x00"


def test_what_a_package_says_does_nothing_to_the_terminal(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    params = canonical_json({"params": {f"word{ESCAPES}": ESCAPES}}) + b"\n"
    readme = f"# hello {ESCAPES}\n".encode()
    changed = {**RIGHT, "ketch/params.json": params, "README.md": readme}
    digest = packages.put(home.store, changed)
    home.store.tag("hello:1.0.0", open_package(digest, home.store).descriptor)
    for arguments in (["inspect", "hello:1.0.0"], ["list"], ["inspect", f"hello:{ESCAPES}"]):
        main(arguments)
        shown = "".join(capsys.readouterr())
        assert "hello" in shown
        assert all(letter.isprintable() or letter == "\n" for letter in shown), arguments


def _assert_clean(ground: Ground) -> None:
    assert isinstance(ground.store, LocalStore)
    report = fsck(ground.store)
    assert report.is_clean, report.findings


def test_no_two_cases_have_one_name() -> None:
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []
    assert len(CASES) >= 90
