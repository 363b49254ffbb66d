"""Proving a folder, an archive and a stored package."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ketch.authoring import Options, Silent, pack, prove, target_package
from ketch.authoring.prove import references
from ketch.env import LOCK_FILE
from ketch.errors import NotFound, Refused, UsageError
from ketch.runtime import Home
from ketch.store import attestations

Shop = Callable[..., Path]


def test_a_folder_is_proved_without_being_named_or_changed(shop: Shop, home: Home) -> None:
    folder = shop()
    report = prove(str(folder), home=home)
    assert report.passed
    assert home.store.tags() == {}
    assert len(attestations(report.digest, home.store)) == 1
    assert not (folder / LOCK_FILE).exists()


def test_a_folder_that_breaks_its_contract_gets_no_attestation(shop: Shop, home: Home) -> None:
    folder = shop(scenarios=[{"inputs": {"size": 3}, "expected": {"twice": 7}}])
    report = prove(str(folder), home=home)
    assert not report.passed
    assert attestations(report.digest, home.store) == ()


def test_a_stored_package_is_proved_by_its_name_and_by_its_digest(shop: Shop, home: Home) -> None:
    digest = pack(shop(), home=home, verified=False).package.digest
    for target in ("shop:1.0.0", f"shop@{digest}"):
        assert prove(target, home=home).digest == digest
    assert len(attestations(digest, home.store)) == 2


def test_an_archive_is_proved_where_nothing_else_is(shop: Shop, home: Home, tmp_path: Path) -> None:
    digest = pack(shop(), home=home, verified=False, archive=tmp_path / "a.tar").package.digest
    report = prove(str(tmp_path / "a.tar"), home=Home(tmp_path / "elsewhere"))
    assert (report.passed, report.digest) == (True, digest)


def test_metrics_are_computed_where_the_sample_is_at_hand(shop: Shop, home: Home) -> None:
    more = '[evaluate]\nrun = "evaluate:run"\n[data.seen]\nsource = "s3://x"\nsample = "seen.csv"\n'
    evaluate = "def run(predict, data):\n    return {'rows': len(open(data['seen']).readlines())}\n"
    folder = shop(more=more, files={"seen.csv": "a\n1\n", "evaluate.py": evaluate})
    assert prove(str(folder), home=home).metrics == {"rows": 2}
    pack(folder, home=home, verified=False)
    stored = prove("shop:1.0.0", home=home)
    assert stored.metrics == {}
    assert any("not at hand" in note for note in stored.notes)


def test_a_folder_with_faults_is_refused(shop: Shop, home: Home) -> None:
    folder = shop()
    (folder / "README.md").unlink()
    with pytest.raises(Refused):
        prove(str(folder), home=home)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("nowhere/", "package/no-folder"),
        ("./nowhere", "package/no-folder"),
        ("gone.tar", "package/no-folder"),
        ("shop:9.9", "package/not-found"),
        (f"shop@sha256:{'0' * 64}", "store/no-blob"),
    ],
)
def test_what_is_not_there_is_said_so(home: Home, target: str, code: str) -> None:
    with pytest.raises(NotFound) as caught:
        target_package(target, home, Options(), Silent())
    assert caught.value.code == code


def test_an_archive_of_nothing_means_no_package(home: Home, tmp_path: Path) -> None:
    content = {
        "index.json": b'{"schemaVersion":2,"manifests":[]}',
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
    }
    with tarfile.open(tmp_path / "empty.tar", "w") as tar:
        for name, body in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    with pytest.raises(UsageError) as caught:
        target_package(str(tmp_path / "empty.tar"), home, Options(), Silent())
    assert (caught.value.code, caught.value.where) == ("archive/several", f"{tmp_path}/empty.tar")


def test_a_bare_name_is_a_choice_that_nobody_made(shop: Shop, home: Home) -> None:
    pack(shop(), home=home, verified=False)
    with pytest.raises(UsageError):
        target_package("shop", home, Options(), Silent())


def test_earlier_traces_of_the_same_package_come_first_and_only_of_what_passed(
    shop: Shop, home: Home
) -> None:
    folder = shop()
    old = pack(folder, home=home).package
    toml = folder / "ketch.toml"
    toml.write_text(toml.read_text().replace("1.0.0", "1.1.0"))
    code = folder / "pipeline.py"
    code.write_text(code.read_text().replace("model * ", "0 + model * "))
    new = pack(folder, home=home).package
    (own, other) = references(new, home)
    assert own == attestations(new.digest, home.store)[0].traces
    assert other == attestations(old.digest, home.store)[0].traces
    assert references(old, home) == [other, own]
    code.write_text(code.read_text().replace("model * ", "1 + model * "))
    broken = pack(folder, home=home)
    assert not broken.verified
    assert len(references(broken.package, home)) == 2


def test_a_change_is_held_against_the_version_before_it(shop: Shop, home: Home) -> None:
    """Not against a later one, which may have changed the same thing."""
    folder = shop()
    toml, code = folder / "ketch.toml", folder / "pipeline.py"
    promised, written = toml.read_text(), code.read_text()

    def make(version: str, step: str) -> None:
        toml.write_text(promised.replace("1.0.0", version).replace("double", step))
        code.write_text(written.replace("double", step))

    traces = []
    for version, step in (("1.0.0", "one"), ("1.2.0", "two"), ("1.3.0", "three")):
        make(version, step)
        packed = pack(folder, home=home).package
        traces.append(attestations(packed.digest, home.store)[0].traces)
    assert len(set(map(repr, traces))) == 3
    make("1.1.0", "double")
    change, _ = target_package(str(folder), home, Options(), Silent())
    assert references(change, home) == traces
