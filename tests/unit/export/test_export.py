"""What is exported is the package, in forms that others' tools accept."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests import packages

from ketch.errors import DigestMismatch, UsageError
from ketch.export import mlbom, write_folder
from ketch.package import Attestation, Package, open_package
from ketch.package.manifest import DataDeclaration
from ketch.signing import PrivateKey, sign
from ketch.signing.statement import signed_files
from ketch.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def package(store: LocalStore) -> Package:
    return open_package(packages.put(store, packages.files()), store)


class TestFolder:
    def test_holds_every_file_under_its_path(
        self, package: Package, store: LocalStore, tmp_path: Path
    ) -> None:
        done: list[int] = []
        files = write_folder(package, store, tmp_path / "out", progress=done.append)
        found = {
            path.relative_to(tmp_path / "out").as_posix(): sha256(path.read_bytes()).hexdigest()
            for path in (tmp_path / "out").rglob("*")
            if path.is_file()
        }
        assert found == {path: digest.hex for path, digest in signed_files(package).items()}
        assert files == tuple(sorted(found))
        assert sum(done) >= package.size_bytes

    def test_brings_its_signature(
        self, package: Package, store: LocalStore, tmp_path: Path
    ) -> None:
        signature = sign(package, PrivateKey.generate())
        files = write_folder(package, store, tmp_path / "out", signature=signature)
        assert "model.sig" in files
        assert (tmp_path / "out" / "model.sig").read_bytes() == signature.to_bytes()

    @pytest.mark.parametrize("kind", ["file", "folder", "link"])
    def test_takes_nobodys_place(
        self, package: Package, store: LocalStore, tmp_path: Path, kind: str
    ) -> None:
        target = tmp_path / "out"
        if kind == "link":
            target.symlink_to(tmp_path / "nowhere")
        elif kind == "file":
            target.write_text("mine")
        else:
            target.mkdir()
        with pytest.raises(UsageError) as caught:
            write_folder(package, store, target)
        assert caught.value.code == "export/exists"

    def test_of_a_damaged_package_does_not_appear(
        self, package: Package, store: LocalStore, tmp_path: Path
    ) -> None:
        blob = store.layout.blob(package.files["model/weights.bin"].digest)
        blob.chmod(0o600)
        blob.write_bytes(b"damage")
        with pytest.raises(DigestMismatch):
            write_folder(package, store, tmp_path / "out")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


class TestBillOfMaterials:
    @pytest.fixture
    def measured(self, package: Package) -> Attestation:
        return Attestation(
            package.reference, package.digest, True, {"metrics": {"auc": 0.81, "rows": 3}}
        )

    def test_keeps_the_published_schema(self, package: Package, measured: Attestation) -> None:
        for bill in (
            mlbom(package, measured, ketch="1.0"),
            mlbom(package, None, ketch="1.0"),
            mlbom(replace(package, manifest=bare(package)), None, ketch="1.0"),
        ):
            validator = JsonStrictValidator(SchemaVersion.V1_6)
            assert validator.validate_str(json.dumps(bill)) is None

    def test_lists_what_the_package_is_made_of(
        self, package: Package, measured: Attestation
    ) -> None:
        bill: Any = mlbom(package, measured, ketch="1.0")
        model = bill["metadata"]["component"]
        assert model["type"] == "machine-learning-model"
        assert model["hashes"] == [{"alg": "SHA-256", "content": package.digest.hex}]
        assert [part["purl"] for part in bill["components"] if part["type"] == "library"] == [
            "pkg:pypi/six@1.16.0"
        ]
        (data,) = [part for part in bill["components"] if part["type"] == "data"]
        assert data["data"][0]["contents"] == {"url": "s3://shop/events/"}
        card = model["modelCard"]
        assert card["quantitativeAnalysis"]["performanceMetrics"] == [
            {"type": "auc", "value": "0.81"},
            {"type": "rows", "value": "3"},
        ]
        assert {"format": "age: int64, nullable"} in card["modelParameters"]["inputs"]
        refs = {part["bom-ref"] for part in bill["components"]}
        assert set(bill["dependencies"][0]["dependsOn"]) == refs

    def test_is_the_same_for_the_same_package(
        self, package: Package, measured: Attestation
    ) -> None:
        once, again = (mlbom(package, measured, ketch="1.0") for _ in range(2))
        assert once == again
        assert "timestamp" not in json.dumps(once)


def bare(package: Package) -> Any:
    data = DataDeclaration("events", "s3://shop/a b/ü", version="2026-01")
    return replace(package.manifest, data=(data,), description="")
