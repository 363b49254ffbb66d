"""A repair sets aside what is wrong and corrects the tags; then everything works again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests import packages

from ketch.package import Attestation, Digest, Package, open_package
from ketch.store import LocalStore, Repaired, attach, attestations, fsck, repair
from ketch.store.index import referrers_tag
from ketch.testing.stores import put_package

NAME = "hello:1.0.0"


def packed(store: LocalStore, started: str = "2026-11-01T00:00:00Z", **changes: bytes) -> Package:
    """Store a package as `ketch pack` does."""
    package = open_package(packages.put(store, {**packages.files(), **changes}), store)
    attach(Attestation(NAME, package.digest, True, {"started": started}), package, store)
    store.tag(NAME, package.descriptor, replace=True)
    return package


@pytest.fixture
def package(store: LocalStore) -> Package:
    """A package with an attestation and a tag."""
    return packed(store)


def damage(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def rename(store: LocalStore, old: str, new: str) -> None:
    content = store.layout.index.read_text()
    assert old in content
    store.layout.index.write_text(content.replace(old, new))


def mended(store: LocalStore) -> Repaired:
    done = repair(store, fsck(store))
    assert fsck(store).is_clean, fsck(store).findings
    return done


def test_a_sound_store_stays_as_it_is(store: LocalStore, package: Package) -> None:
    before = store.layout.index.read_bytes()
    assert mended(store) == Repaired()
    assert store.layout.index.read_bytes() == before
    assert open_package(package.digest, store).reference == NAME


def test_a_store_that_was_never_written_stays_so(store: LocalStore) -> None:
    assert mended(store) == Repaired()
    assert not store.root.exists()


def test_a_damaged_model_is_set_aside_and_stored_anew(store: LocalStore, package: Package) -> None:
    weights = package.files["model/weights.bin"].digest
    damage(store.path(weights))
    done = repair(store, fsck(store))
    assert [path.name for path in done.set_aside] == [f"{weights.hex}.0"]
    assert {one.code for one in fsck(store).findings if one.blocks} == {"fsck/missing-blob"}
    packed(store)
    assert fsck(store).is_clean
    package.verify_bytes()


@pytest.mark.parametrize("which", ["statement", "manifest", "list"])
def test_a_damaged_attestation_does_not_keep_the_package_from_being_verified(
    store: LocalStore, package: Package, which: str
) -> None:
    (kept,) = store.referrers(package.digest)
    again = Attestation(NAME, package.digest, True, {"started": "2026-11-02T00:00:00Z"})
    attach(again, package, store)
    top = store.resolve(referrers_tag(package.digest))
    assert top is not None
    body = json.loads(store.read(kept.digest))
    statement = Digest.parse(body["layers"][0]["digest"])
    chosen = {"statement": statement, "manifest": kept.digest, "list": top.digest}[which]
    damage(store.path(chosen))
    mended(store)
    left = attestations(package.digest, store)
    assert [one.predicate["started"] for one in left][:1] == ["2026-11-02T00:00:00Z"]
    assert len(left) == (2 if which == "list" else 1)
    attach(again, package, store)


def test_a_tag_gets_the_name_of_its_package(store: LocalStore, package: Package) -> None:
    rename(store, '"hello:1.0.0"', '"hello:1.0.1"')
    assert {one.code for one in fsck(store).findings} == {"fsck/wrong-tag"}
    assert mended(store).tags == ("hello:1.0.0", "hello:1.0.1")
    assert store.tags() == {NAME: package.descriptor}


def test_a_tag_that_leads_to_nothing_is_dropped(store: LocalStore, package: Package) -> None:
    store.path(package.digest).unlink()
    repair(store, fsck(store))
    assert store.tags() == {}


def test_what_other_tools_name_keeps_its_name(store: LocalStore, package: Package) -> None:
    other = put_package(store, [b"other"])
    store.tag("other:1", other)
    store.tag("latest", package.descriptor)
    assert mended(store) == Repaired()
    assert set(store.tags()) == {NAME, "latest", "other:1"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"manifests": []}'])
def test_without_an_index_what_was_verified_is_named_again(
    store: LocalStore, package: Package, content: str
) -> None:
    del package
    packages.put(store, {**packages.files(), "README.md": b"never verified"})
    newer = packed(store, "2026-11-03T00:00:00Z", **{"README.md": b"packed again"})
    store.layout.index.write_text(content)
    done = mended(LocalStore(store.root))
    assert [path.name for path in done.set_aside] == ["index.json.0"]
    assert LocalStore(store.root).tags()[NAME].digest == newer.digest
    assert len(attestations(newer.digest, LocalStore(store.root))) == 1


def test_a_tag_with_a_wrong_digest_finds_its_package_again(
    store: LocalStore, package: Package
) -> None:
    rename(store, f'"sha256:{package.digest.hex}"', f'"sha256:{"0" * 64}"')
    mended(store)
    assert store.tags() == {NAME: package.descriptor}


def test_a_package_that_is_lost_is_not_replaced_by_an_older_one_of_its_name(
    store: LocalStore, package: Package
) -> None:
    newer = packed(store, "2026-11-03T00:00:00Z", **{"README.md": b"packed again"})
    damage(store.path(newer.digest))
    repair(store, fsck(store))
    assert store.tags() == {}
    assert open_package(package.digest, store)
