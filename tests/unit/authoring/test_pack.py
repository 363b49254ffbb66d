"""Packing: what is stored, what is named, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ketch.authoring import Packed, init, pack, prove
from ketch.env import LOCK_FILE
from ketch.errors import Refused
from ketch.runtime import Home, Predictor
from ketch.store import attestations, read_archive

Shop = Callable[..., Path]


def test_a_package_that_keeps_its_contract_is_named_and_attested(shop: Shop, home: Home) -> None:
    packed = pack(shop(), home=home)
    assert packed.verified
    assert home.store.tags()["shop:1.0.0"].digest == packed.package.digest
    (attestation,) = attestations(packed.package.digest, home.store)
    assert attestation.passed
    with Predictor(packed.package, home) as predict:
        assert predict({"size": 4}) == {"twice": 8.0}


def test_a_package_that_breaks_its_contract_is_not_named(shop: Shop, home: Home) -> None:
    folder = shop(scenarios=[{"inputs": {"size": 3}, "expected": {"twice": 7}}])
    packed = pack(folder, home=home, archive=folder / "out.tar")
    assert not packed.verified
    assert packed.report is not None
    assert not packed.report.passed
    assert home.store.tags() == {}
    assert attestations(packed.package.digest, home.store) == ()
    assert packed.archive is None
    assert not (folder / "out.tar").exists()


def test_an_unverified_package_is_named_and_says_what_it_is(shop: Shop, home: Home) -> None:
    packed = pack(shop(), home=home, verified=False)
    assert packed.report is None
    assert not packed.verified
    assert "shop:1.0.0" in home.store.tags()
    assert attestations(packed.package.digest, home.store) == ()
    assert not home.environments.keys()


def test_the_lock_is_written_once_and_used_from_then_on(shop: Shop, home: Home) -> None:
    folder = shop()
    first = pack(folder, home=home, verified=False)
    before = (folder / LOCK_FILE).stat()
    second = pack(folder, home=home)
    assert (folder / LOCK_FILE).stat() == before
    assert first.package.digest == second.package.digest
    assert second.left_out == first.left_out == ()


def test_a_refused_folder_leaves_the_store_as_it_was(shop: Shop, home: Home) -> None:
    folder = shop()
    pack(folder, home=home)
    before = home.store.tags()
    (folder / "README.md").unlink()
    with pytest.raises(Refused):
        pack(folder, home=home)
    assert home.store.tags() == before


def test_packing_a_name_again_is_told(shop: Shop, home: Home) -> None:
    folder = shop()
    first = pack(folder, home=home)
    assert pack(folder, home=home).findings == ()
    (folder / "README.md").write_text("Another text.\n")
    second = pack(folder, home=home)
    (finding,) = second.findings
    assert finding.code == "package/replaced"
    assert first.package.digest.short in finding.message
    assert second.package.digest.short in finding.message


def test_what_ships_and_what_stays_is_told(shop: Shop, home: Home) -> None:
    folder = shop(files={"train.py": "", "notebooks/one.ipynb": "{}", "docs/how.md": "How.\n"})
    packed = pack(folder, home=home, verified=False)
    assert set(packed.files) == {"pipeline.py", "README.md", "docs/how.md", "model/factor.json"}
    assert packed.files["docs/how.md"] == 5
    assert packed.left_out == ("notebooks/", "train.py")


def test_the_json_has_what_other_programs_rely_on(shop: Shop, home: Home) -> None:
    packed = pack(shop(files={"train.py": ""}), home=home)
    body = packed.to_json()
    assert (body["name"], body["version"], body["verified"]) == ("shop", "1.0.0", True)
    assert body["digest"] == str(packed.package.digest)
    assert body["size_bytes"] == packed.package.size_bytes > 0
    assert body["components"] == {k: str(v) for k, v in packed.package.components.items()}
    assert (body["findings"], body["left_out"], body["archive"]) == ([], ["train.py"], None)
    assert body["files"] == packed.files


def test_an_archive_holds_the_package_and_its_attestation(
    shop: Shop, home: Home, tmp_path: Path
) -> None:
    packed = pack(shop(), home=home, archive=tmp_path / "shop.tar")
    elsewhere = Home(tmp_path / "elsewhere")
    read_archive(tmp_path / "shop.tar", elsewhere.store)
    (attestation,) = attestations(packed.package.digest, elsewhere.store)
    assert attestation.passed


def test_paths_may_be_text(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are written in a notebook."""
    monkeypatch.chdir(tmp_path)
    assert init("gauge").path == Path("gauge")
    packed = pack("gauge", home=home, archive="gauge.tar")
    assert packed.archive == Path("gauge.tar")
    for target in ("gauge", Path("gauge"), "gauge.tar", Path("gauge.tar")):
        assert prove(target, home=home).digest == packed.package.digest


def test_models_are_linked_only_when_asked(shop: Shop, home: Home) -> None:
    from ketch.authoring import Options

    folder = shop()
    inode = (folder / "model" / "factor.json").stat().st_ino

    def stored(packed: Packed) -> int:
        digest = packed.package.files["model/factor.json"].digest
        return (home.path / "store" / "blobs" / "sha256" / digest.hex).stat().st_ino

    assert stored(pack(folder, home=home, verified=False)) != inode
    (folder / "model" / "factor.json").write_text("3")
    inode = (folder / "model" / "factor.json").stat().st_ino
    linked = pack(folder, home=home, verified=False, options=Options(link=True))
    assert stored(linked) == inode
