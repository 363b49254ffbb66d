"""A look at a whole store names everything that is wrong, and stops at nothing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ketch.errors import Finding
from ketch.package.digest import Digest
from ketch.store import LocalStore, fsck, quarantine
from ketch.testing.stores import put_package

WEIGHTS = Digest.of(b"weights")


@pytest.fixture
def tagged(store: LocalStore) -> LocalStore:
    package = put_package(store)
    store.tag("recommender:1.0.0", package)
    store.add_referrer(package.digest, put_package(store, [b"report"], package))
    return store


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def replace_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def codes(store: LocalStore, *, read_data: bool = True) -> set[str]:
    return {finding.code for finding in fsck(store, read_data=read_data).findings}


def manifest(store: LocalStore) -> Path:
    package = store.resolve("recommender:1.0.0")
    assert package is not None
    return store.path(package.digest)


DAMAGES: dict[str, tuple[Callable[[LocalStore], object], set[str]]] = {
    "missing layer": (lambda s: s.path(WEIGHTS).unlink(), {"fsck/missing-blob"}),
    "truncated layer": (
        lambda s: overwrite(s.path(WEIGHTS), b"weight"),
        {"fsck/wrong-hash", "fsck/wrong-size"},
    ),
    "flipped bit": (lambda s: overwrite(s.path(WEIGHTS), b"weightr"), {"fsck/wrong-hash"}),
    "link": (
        lambda s: replace_by_link(s.path(WEIGHTS)),
        {"fsck/wrong-type", "fsck/missing-blob"},
    ),
    "missing manifest": (
        lambda s: manifest(s).unlink(),
        {"fsck/dangling-tag", "fsck/lost-subject"},
    ),
    "damaged manifest": (
        lambda s: overwrite(manifest(s), manifest(s).read_bytes().replace(b'"', b"'")),
        {"fsck/wrong-hash"},
    ),
    "index is no JSON": (
        lambda s: s.layout.index.write_text("{"),
        {"fsck/unreadable-index"},
    ),
    "index is gone": (lambda s: s.layout.index.unlink(), {"fsck/not-a-layout"}),
    "layout file is gone": (lambda s: s.layout.oci_layout.unlink(), {"fsck/not-a-layout"}),
    "digest in the index is none": (
        lambda s: s.layout.index.write_bytes(
            s.layout.index.read_bytes().replace(b'"digest":"sha256:', b'"digest":"sha257:', 1)
        ),
        {"fsck/unreadable-index"},
    ),
    "tag twice": (
        lambda s: s.layout.index.write_bytes(type(s.index())(s.index().entries * 2).to_bytes()),
        {"fsck/duplicate-tag"},
    ),
    "stray file": (
        lambda s: (s.layout.blobs / "notes.txt").write_text("x"),
        {"fsck/stray-file"},
    ),
    "dead writer": (
        lambda s: (s.layout.temporary / "0123").mkdir(),
        {"fsck/stray-temporary"},
    ),
}


def test_sound_store_has_no_findings(tagged: LocalStore) -> None:
    done: list[int] = []
    report = fsck(tagged, progress=done.append)
    assert report.findings == ()
    assert report.is_clean
    assert report.size_bytes == sum(done) > 0
    assert report.blobs == len(list(tagged.digests()))


def test_store_that_was_never_written_is_clean(store: LocalStore) -> None:
    assert fsck(store).findings == ()
    assert not store.root.exists()


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named(name: str, tagged: LocalStore) -> None:
    damage, expected = DAMAGES[name]
    damage(tagged)
    assert codes(tagged) == expected


def test_all_damages_are_found_at_once(tagged: LocalStore) -> None:
    overwrite(tagged.path(WEIGHTS), b"weightr")
    tagged.path(Digest.of(b"report")).unlink()
    (tagged.layout.blobs / "notes.txt").write_text("x")
    (tagged.layout.temporary / "0123").mkdir()
    assert codes(tagged) == {
        "fsck/wrong-hash",
        "fsck/missing-blob",
        "fsck/stray-file",
        "fsck/stray-temporary",
    }


def test_content_is_read_even_when_the_index_is_lost(tagged: LocalStore) -> None:
    overwrite(tagged.path(WEIGHTS), b"weightr")
    tagged.layout.index.write_text("{")
    assert codes(tagged) == {"fsck/wrong-hash", "fsck/unreadable-index"}


def test_quick_look_compares_sizes_only(tagged: LocalStore) -> None:
    overwrite(tagged.path(WEIGHTS), b"weightr")
    assert codes(tagged, read_data=False) == set()
    overwrite(tagged.path(WEIGHTS), b"weight")
    assert codes(tagged, read_data=False) == {"fsck/wrong-size"}


def test_leftovers_do_not_make_a_store_unclean(tagged: LocalStore) -> None:
    (tagged.layout.temporary / "0123").mkdir()
    assert fsck(tagged).is_clean


def test_writer_that_lives_is_no_leftover(tagged: LocalStore) -> None:
    with tagged.incoming():
        assert fsck(tagged).findings == ()


def test_blob_set_aside_is_written_anew(tagged: LocalStore, tmp_path: Path) -> None:
    big = tmp_path / "weights"
    big.write_bytes(bytes(3_000_000))
    os.utime(big, (0, 0))
    stored = tagged.put_files([big])[big]
    overwrite(tagged.path(stored.digest), b"1" * 3_000_000)
    assert tagged.put_files([big])[big] == stored  # not read again, so not noticed
    report = fsck(tagged)
    assert report.damaged == (stored.digest,)
    for digest in report.damaged:
        aside = quarantine(tagged, digest)
        assert aside is not None
        assert aside.read_bytes() == b"1" * 3_000_000
    assert codes(tagged) == {"fsck/quarantined"}
    tagged.put_files([big])
    assert fsck(tagged).is_clean
    assert quarantine(tagged, Digest.of(b"nothing")) is None


def test_finding_says_where_and_what_to_do(tagged: LocalStore) -> None:
    path = tagged.path(WEIGHTS)
    overwrite(path, b"weightr")
    (finding,) = fsck(tagged).findings
    assert isinstance(finding, Finding)
    assert finding.where == str(path)
    assert str(WEIGHTS) in finding.message
    assert "repair" in (finding.hint or "")
