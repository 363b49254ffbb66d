"""Comparisons beside a package: the newest with each other one, and nothing that only claims."""

from __future__ import annotations

import pytest
from tests.contracts import contract

from ketch.errors import ManifestError
from ketch.package import Comparison, Digest, Package
from ketch.package.attestation import MEDIA_TYPE
from ketch.registry.desk import evidence
from ketch.registry.gates import Evidence, Proof
from ketch.store import Store, attach_comparison, comparisons, referring
from ketch.store.compared import KIND

OLD, OLDER = (Digest.of(name) for name in (b"old", b"older"))


@pytest.fixture
def package() -> Package:
    return contract({"size": "float64"}).package


@pytest.fixture
def store(package: Package) -> Store:
    found: Store = package.source  # type: ignore[assignment] # in memory, as the contract made it
    return found


def said(package: Package, against: Digest, *, passed: bool, at: int) -> Comparison:
    predicate = {"rows": at, "started": f"2026-03-03T12:00:0{at}Z", "duration_s": at / 7}
    return Comparison(package.reference, package.digest, against, passed, predicate)


def test_a_comparison_is_read_as_it_was_written(package: Package) -> None:
    one = said(package, OLD, passed=True, at=1)
    assert Comparison.from_bytes(one.to_bytes()) == one
    later = Comparison(one.name, one.subject, OLD, True, {**one.predicate, "duration_s": 9.0})
    assert later.outcome == one.outcome
    assert said(package, OLDER, passed=True, at=1).outcome != one.outcome
    with pytest.raises(ManifestError):
        Comparison.from_bytes(b'{"_type": "another"}')


def test_the_newest_with_each_other_package_counts(package: Package, store: Store) -> None:
    first = said(package, OLD, passed=True, at=1)
    newest = said(package, OLD, passed=False, at=3)
    other = said(package, OLDER, passed=True, at=2)
    for one in (newest, first, other):
        attach_comparison(one, package, store)
    elsewhere = Comparison("shop:2.0.0", OLD, OLDER, True, newest.predicate)
    for content in (elsewhere.to_bytes(), b"{}"):
        referring.attach(content, package, store, KIND, created="2026-03-03T12:00:09Z")
    assert KIND.media_type == MEDIA_TYPE
    assert comparisons(package.digest, store) == (newest, other)
    assert set(evidence(package.digest, store)) == {
        Evidence(Proof.COMPARISON, False, str(newest.outcome), OLD),
        Evidence(Proof.COMPARISON, True, str(other.outcome), OLDER),
    }
