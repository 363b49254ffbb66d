"""Attestations travel with their package and say nothing of the machine that made them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.verification import Bench, asks, report_of

from ketch.package import Attestation, Descriptor, Digest, ImageManifest, Package
from ketch.package.attestation import ARTIFACT_TYPE
from ketch.package.oci import EMPTY_CONFIG, IMAGE_MANIFEST
from ketch.runtime import Discreet
from ketch.store import MemoryStore, Standing, attach, attestations, newest_passing, standing
from ketch.verify import ProbeResult, ScenarioResult, attest

EARLY = datetime(2026, 1, 1, tzinfo=UTC)


def stated(package: Package, *, passed: bool = True, at: datetime = EARLY) -> Attestation:
    probe = ProbeResult("twice", passed=passed)
    report = report_of(digest=package.digest, probes=(probe,), started=at)
    return attest(report)


def refer(package: Package, store: MemoryStore, artifact_type: str) -> Digest:
    """Store a referrer without content."""
    config = store.put_bytes(b"{}")
    manifest = ImageManifest(
        config=Descriptor(EMPTY_CONFIG, config.digest, config.size),
        layers=(),
        artifact_type=artifact_type,
        subject=package.descriptor,
    )
    stored = store.put_bytes(manifest.to_bytes())
    listed = Descriptor(IMAGE_MANIFEST, stored.digest, stored.size, artifact_type=artifact_type)
    store.add_referrer(package.digest, listed)
    return stored.digest


def test_what_was_attached_is_read_again_the_newest_first(bench: Bench) -> None:
    package = bench.package()
    first = stated(package)
    second = stated(package, passed=False, at=EARLY + timedelta(seconds=0.5))
    third = stated(package, at=EARLY + timedelta(hours=1))
    for one in (second, third, first):
        attach(one, package, bench.store)
    assert attestations(package.digest, bench.store) == (third, second, first)


def test_of_two_that_began_at_once_the_one_attached_last_is_the_newer(bench: Bench) -> None:
    package = bench.package()
    passed, failed = stated(package), stated(package, passed=False)
    attach(passed, package, bench.store)
    attach(failed, package, bench.store)
    assert attestations(package.digest, bench.store) == (failed, passed)


def test_the_standing_of_a_package_is_what_the_newest_says(bench: Bench) -> None:
    package = bench.package()
    assert standing(package.digest, bench.store) is None
    attach(stated(package), package, bench.store)
    later = EARLY + timedelta(days=1)
    attach(stated(package, passed=False, at=later), package, bench.store)
    assert standing(package.digest, bench.store) == Standing(passed=False, since=later)


def test_other_referrers_say_nothing_about_verification(bench: Bench) -> None:
    package = bench.package()
    refer(package, bench.store, "application/vnd.a.signature")
    assert attestations(package.digest, bench.store) == ()
    assert standing(package.digest, bench.store) is None


def test_a_statement_about_another_package_is_not_believed(bench: Bench) -> None:
    package, other = bench.package(), bench.package("def run(model, rows): return []")
    attach(stated(other), package, bench.store)
    assert attestations(package.digest, bench.store) == ()


def test_what_only_claims_to_be_an_attestation_is_left_out(bench: Bench) -> None:
    package = bench.package()
    attach(stated(package), package, bench.store)
    refer(package, bench.store, ARTIFACT_TYPE)
    assert [one.passed for one in attestations(package.digest, bench.store)] == [True]


def test_the_newest_that_passed_is_the_one_to_compare_with(bench: Bench) -> None:
    package = bench.package()
    assert newest_passing(package.digest, bench.store) is None
    good = stated(package, at=EARLY + timedelta(hours=1))
    for one in (stated(package), good, stated(package, passed=False, at=EARLY + timedelta(days=1))):
        attach(one, package, bench.store)
    assert newest_passing(package.digest, bench.store) == good


def test_neither_paths_nor_secrets_are_attested(bench: Bench) -> None:
    """Package code answers with the values of its variables and its folders."""
    source = """
import os
def features(model, rows):
    return [{"token": os.environ["TOKEN"], "cwd": os.getcwd(), "x": row["x"]} for row in rows]
def run(model, rows):
    if rows[0]["x"] > 2: raise KeyError(rows[0]["token"] + __file__)
    return [{"x": rows[0]["cwd"] + rows[0]["token"]} for _ in rows]
"""
    package = bench.package(
        source,
        asks("answers", {"x": 1}, {"x": "else"}),
        asks("raises", {"x": 3}, {"x": "else"}),
        outputs={"x": "string"},
        steps=("pipeline:features", "pipeline:run"),
    )
    secret = "hunter2-and-more"
    report = bench.verify(package, variables={"TOKEN": secret}, private=frozenset({"TOKEN"}))
    content = attest(report).to_bytes().decode()
    for unsaid in (secret, str(bench.rig.folder), str(bench.rig.environment), "/tmp"):
        assert unsaid not in content
    assert "scratch$TOKEN" in content
    assert "`KeyError`: '$TOKENcode/pipeline.py'" in content


def test_two_attestations_of_one_contract_differ_only_in_times_and_measures(bench: Bench) -> None:
    package = bench.package()
    bodies = []
    for _ in range(2):
        body = json.loads(attest(bench.verify(package)).to_bytes())["predicate"]
        bodies.append({**body, "started": 0, "duration_s": 0, "measured": 0})
    assert bodies[0] == bodies[1]
    assert bodies[0]["lock"].startswith("sha256:")
    layers = {layer["layer"]: layer["active"] for layer in bodies[0]["sandbox"]}
    assert {"session", "limits", "landlock", "seccomp"} <= set(layers)


def test_the_statement_holds_the_traces_of_what_was_answered(bench: Bench) -> None:
    report = bench.verify(bench.package())
    assert [trace.scenario for trace in attest(report).traces] == ["echo"]


def test_a_report_of_nothing_can_be_attested() -> None:
    report = report_of(
        scenarios=(ScenarioResult("a", passed=False, asked=False),), discreet=Discreet()
    )
    attestation = attest(report)
    assert Attestation.from_bytes(attestation.to_bytes()) == attestation
    assert not attestation.passed
    assert MemoryStore().referrers(report.digest) == []
