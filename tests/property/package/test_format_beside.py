"""The package format, sentences 29 and 30: attestations, stores and packages in one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests import packages
from tests.packages import Body, replaced_json
from tests.property.package.agreement import RIGHT, raw
from tests.property.package.second.builder import build_archive, build_package
from tests.property.package.second.reader import (
    files_of_archive,
    files_of_folder,
    read_attestation,
    read_layout,
    read_package,
)
from tests.property.package.second.texts import Broken

from ketch.errors import KetchError
from ketch.package import Attestation, Descriptor, Digest, ImageManifest, Package, open_package
from ketch.package.oci import EMPTY_CONFIG, IMAGE_MANIFEST
from ketch.schema.parse import canonical_json
from ketch.store import LocalStore, MemoryStore, attach, attestations, read_archive, write_archive

KIND = "application/vnd.ketch.attestation.v1+json"


class TestSentence29:
    """An attestation MUST be a manifest of its own: its `subject` is the package, its `artifactType`
    `application/vnd.ketch.attestation.v1+json`, and its one layer, of media type
    `application/vnd.in-toto+json`, an in-toto Statement 1.0 of `predicateType`
    `dev.ketch/verification/v1` about that digest alone, whose predicate has `passed`, a boolean, and
    `traces`, a list as in 24; adding one MUST NOT change the package, and a reader MUST ignore
    what only claims to be one.
    """

    def test_the_builder_obeys(self) -> None:
        store, package = _stored()
        before = {digest: store.read(digest) for digest in store.digests()}
        attach(_attestation(package), package, store)
        assert {digest: store.read(digest) for digest in before} == before
        assert open_package(package.digest, store).artifact == package.artifact
        (descriptor,) = store.referrers(package.digest)
        manifest = json.loads(store.read(descriptor.digest))
        assert manifest["subject"]["digest"] == str(package.digest)
        assert manifest["artifactType"] == KIND
        (layer,) = manifest["layers"]
        statement = json.loads(store.read(Digest.parse(layer["digest"])))
        assert layer["mediaType"] == "application/vnd.in-toto+json"
        assert statement["_type"] == "https://in-toto.io/Statement/v1"
        assert statement["subject"] == [
            {"name": "hello:1.0.0", "digest": {"sha256": package.digest.hex}}
        ]

    def test_both_readers_find_it_again(self) -> None:
        store, package = _stored()
        attach(_attestation(package), package, store)
        assert attestations(package.digest, store) == (_attestation(package),)
        (descriptor,) = store.referrers(package.digest)
        predicate = read_attestation(str(descriptor.digest), str(package.digest), raw(store))
        assert predicate["passed"] is True
        assert predicate["traces"] == [packages.TRACE.to_json()]

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            (("_type",), "https://in-toto.io/Statement/v0.1"),
            (("predicateType",), "https://slsa.dev/provenance/v1"),
            (("subject",), []),
            (("predicate", "passed"), 1),
            (("predicate", "traces"), {}),
            (("predicate", "traces", 0, "steps", 0, "rows"), "1"),
        ],
        ids=str,
    )
    def test_another_statement_does_not_count(
        self, place: tuple[str | int, ...], value: object
    ) -> None:
        store, package = _stored()
        content = replaced_json(_attestation(package).to_bytes(), *place, value=value)
        descriptor = _keep(store, package, [content])
        assert attestations(package.digest, store) == ()
        with pytest.raises(Broken):
            read_attestation(str(descriptor.digest), str(package.digest), raw(store))

    def test_one_about_another_package_does_not_count(self) -> None:
        store, package = _stored()
        other = Attestation("hello:1.0.0", Digest.of(b"other"), True, {"started": "2026"})
        descriptor = _keep(store, package, [other.to_bytes()])
        assert attestations(package.digest, store) == ()
        with pytest.raises(Broken):
            read_attestation(str(descriptor.digest), str(package.digest), raw(store))

    @pytest.mark.parametrize("layers", [0, 2])
    def test_one_without_its_one_layer_does_not_count(self, layers: int) -> None:
        store, package = _stored()
        descriptor = _keep(store, package, [_attestation(package).to_bytes()] * layers)
        assert attestations(package.digest, store) == ()
        with pytest.raises(Broken):
            read_attestation(str(descriptor.digest), str(package.digest), raw(store))

    def test_one_whose_layer_is_of_another_type_does_not_count(self) -> None:
        store, package = _stored()
        content = _attestation(package).to_bytes()
        descriptor = _keep(store, package, [content], media_type="application/json")
        assert attestations(package.digest, store) == ()
        with pytest.raises(Broken):
            read_attestation(str(descriptor.digest), str(package.digest), raw(store))

    def test_a_right_one_beside_a_wrong_one_counts(self) -> None:
        store, package = _stored()
        _keep(store, package, [b"{}"])
        attach(_attestation(package), package, store)
        _keep(store, package, [b"[]"])
        assert attestations(package.digest, store) == (_attestation(package),)

    def test_a_statement_of_another_kind_is_not_one(self) -> None:
        store, package = _stored()
        _keep(store, package, [b"{}"], kind="application/vnd.example.signature")
        assert attestations(package.digest, store) == ()


class TestSentence30:
    """A store MUST be an OCI image layout (image specification 1.1), and a package in one file a
    plain tar of one; its `index.json` names a package `NAME:VERSION` in
    `org.opencontainers.image.ref.name`, and the index of what refers to `sha256:HEX` `sha256-HEX`.
    """

    def test_the_second_reader_reads_a_store(self, tmp_path: Path) -> None:
        store = LocalStore(tmp_path)
        package = _in(store)
        store.tag(package.reference, package.descriptor)
        _found(files_of_folder(tmp_path), package)

    def test_the_second_reader_reads_a_package_in_one_file(self, tmp_path: Path) -> None:
        store, file = MemoryStore(), tmp_path / "hello.oci.tar"
        package = _in(store)
        write_archive(store, package.descriptor, file, name=package.reference)
        _found(files_of_archive(file.read_bytes()), package)

    def test_ketch_reads_what_the_second_builder_writes(self, tmp_path: Path) -> None:
        digest, blobs = build_package(RIGHT)
        file = tmp_path / "second.tar"
        file.write_bytes(build_archive(digest, blobs, "hello:1.0.0"))
        store = LocalStore(tmp_path / "store")
        ((name, root),) = read_archive(file, store).roots
        assert (name, str(root.digest)) == ("hello:1.0.0", digest)
        package = open_package(root.digest, store)
        package.verify_bytes()
        assert package.manifest == packages.manifest()
        assert {path: package.read(path) for path in package.files} == RIGHT

    @pytest.mark.parametrize(
        "broken",
        [
            lambda files: files.pop("oci-layout"),
            lambda files: files.pop("index.json"),
            lambda files: files.update({"index.json": b"{}"}),
            lambda files: files.update({"blobs/sha256/more": b""}),
            lambda files: files.pop(max(files)),
        ],
    )
    def test_a_file_that_holds_no_layout_is_refused(self, tmp_path: Path, broken: object) -> None:
        digest, blobs = build_package(RIGHT)
        files = files_of_archive(build_archive(digest, blobs, "hello:1.0.0"))
        broken(files)  # type: ignore[operator] # a function of the list above
        file = tmp_path / "broken.tar"
        file.write_bytes(_tar(files))
        with pytest.raises(KetchError):
            read_archive(file, LocalStore(tmp_path / "store"))


def _found(files: dict[str, bytes], package: Package) -> None:
    """Require that the second reader finds a package and its attestation in a layout."""
    blob, named, referrers = read_layout(files)
    assert named == {"hello:1.0.0": str(package.digest)}
    assert read_package(named["hello:1.0.0"], blob) == RIGHT
    (attestation,) = referrers[str(package.digest)]
    assert read_attestation(attestation, str(package.digest), blob)["passed"]


def _in(store: LocalStore | MemoryStore) -> Package:
    """Return a package with an attestation, in a store."""
    package = open_package(packages.put(store, RIGHT), store)
    attach(_attestation(package), package, store)
    return package


def _stored() -> tuple[MemoryStore, Package]:
    store = MemoryStore()
    return store, open_package(packages.put(store, RIGHT), store)


def _attestation(package: Package) -> Attestation:
    predicate = {"started": "2026-11-01T00:00:00Z"}
    return Attestation(package.reference, package.digest, True, predicate, (packages.TRACE,))


def _keep(
    store: MemoryStore,
    package: Package,
    contents: list[bytes],
    kind: str = KIND,
    media_type: str = "application/vnd.in-toto+json",
) -> Descriptor:
    """Store a manifest that refers to a package, whatever its layers hold."""
    empty = store.put_bytes(b"{}")
    layers = [store.put_bytes(content) for content in contents]
    manifest = ImageManifest(
        config=Descriptor(EMPTY_CONFIG, empty.digest, empty.size),
        layers=tuple(Descriptor(media_type, layer.digest, layer.size) for layer in layers),
        artifact_type=kind,
        subject=package.descriptor,
    )
    kept = store.put_bytes(manifest.to_bytes())
    descriptor = Descriptor(IMAGE_MANIFEST, kept.digest, kept.size, artifact_type=kind)
    store.add_referrer(package.digest, descriptor)
    return descriptor


def _tar(files: dict[str, bytes]) -> bytes:
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_the_right_body_is_canonical() -> None:
    """Otherwise a changed manifest above would differ in more than the change."""
    store = MemoryStore()
    digest = packages.put(store, RIGHT)
    body: Body = json.loads(store.read(digest))
    assert canonical_json(body) == store.read(digest)
