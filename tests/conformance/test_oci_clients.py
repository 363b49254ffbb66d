"""Other people's OCI clients carry packages, and a package's digest never changes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import oras.client
import pytest

import ketch
from ketch.authoring import prove
from ketch.package import Digest, Package, Reference, open_package
from ketch.package.oci import IMAGE_MANIFEST
from ketch.runtime import Home
from ketch.store import fsck, read_archive, write_archive

pytestmark = pytest.mark.servers

PIPELINE = "def run(_, rows):\n    return [{'size': len(row['name'])} for row in rows]\n"
ROW = {"name": "Zoë"}
NAME = "shop:1.0.0"

Skopeo = Callable[..., None]


@dataclass(frozen=True)
class Shop:
    """A package in a store, and what skopeo calls it."""

    home: Home
    package: Package

    @property
    def source(self) -> str:
        return f"oci:{self.home.store.root}:{NAME}"

    @property
    def digest(self) -> str:
        return str(self.package.digest)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Shop:
    """A verified package with a model file of a megabyte."""
    folder = author(
        tmp_path_factory.mktemp("shop"),
        PIPELINE,
        inputs='name = "string"',
        outputs='size = "int64"',
        scenarios=[{"inputs": ROW, "expected": {"size": 3}}],
        files={"model/deep/weights.bin": bytes(range(256)) * 4096, "docs/more.md": "More.\n"},
    )
    home = Home(tmp_path_factory.mktemp("shop-home"))
    packed = ketch.pack(folder, home=home)
    assert packed.verified
    return Shop(home, packed.package)


@pytest.fixture(scope="session")
def skopeo(require_program: Callable[[str, str], Path]) -> Skopeo:
    """``skopeo copy SOURCE TARGET``, without transport security: all is on this machine."""
    program = require_program("skopeo", "skopeo")

    def copy(source: str, target: str) -> None:
        plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
        command: list[str | Path] = [
            program,
            "--insecure-policy",
            "copy",
            "--quiet",
            *plain,
            source,
            target,
        ]
        subprocess.run(command, check=True, timeout=60)

    return copy


def remote_digest(registry: str, repository: str, tag: str) -> str:
    """Return what the registry says the digest of a tag is, which the bytes bear out."""
    host, _, port = registry.partition(":")
    connection = HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request(
            "GET", f"/v2/{repository}/manifests/{tag}", headers={"Accept": IMAGE_MANIFEST}
        )
        reply = connection.getresponse()
        content = reply.read()
    finally:
        connection.close()
    assert reply.status == 200, content
    said = reply.headers["Docker-Content-Digest"]
    assert str(Digest.of(content)) == said
    return said


def layout_digest(layout: Path, name: str) -> str:
    """Return the digest that an OCI image layout gives a name."""
    index = json.loads((layout / "index.json").read_text())
    key = "org.opencontainers.image.ref.name"
    [found] = [one for one in index["manifests"] if one.get("annotations", {}).get(key) == name]
    return str(found["digest"])


def test_skopeo_carries_a_package_to_a_registry_and_back(
    shop: Shop, skopeo: Skopeo, registry: str, tmp_path: Path
) -> None:
    remote = f"docker://{registry}/carried/shop:1.0.0"
    skopeo(shop.source, remote)
    assert remote_digest(registry, "carried/shop", "1.0.0") == shop.digest
    skopeo(remote, f"oci:{tmp_path / 'layout'}:{NAME}")
    assert layout_digest(tmp_path / "layout", NAME) == shop.digest


def test_a_store_that_skopeo_wrote_to_is_a_store(
    shop: Shop, skopeo: Skopeo, registry: str, home: Home
) -> None:
    """The package that came through a registry opens, is whole, and answers."""
    remote = f"docker://{registry}/through/shop:1.0.0"
    skopeo(shop.source, remote)
    home.path.mkdir()
    skopeo(remote, f"oci:{home.store.root}:{NAME}")
    arrived = Home(home.path)
    assert arrived.open(Reference.parse(NAME)).digest == shop.package.digest
    assert fsck(arrived.store).is_clean
    with ketch.load(NAME, home=home.path) as predictor:
        assert predictor(ROW) == {"size": 3}


def test_skopeo_adds_to_a_store_that_holds_others(
    shop: Shop,
    skopeo: Skopeo,
    home: Home,
    tmp_path: Path,
    author: Callable[..., Path],
) -> None:
    other = author(
        tmp_path / "other",
        PIPELINE,
        name="other",
        inputs='name = "string"',
        outputs='size = "int64"',
        scenarios=[{"inputs": ROW, "expected": {"size": 3}}],
    )
    mine = ketch.pack(other, home=home).package
    skopeo(shop.source, f"oci:{home.store.root}:{NAME}")
    arrived = Home(home.path)
    named = {name: tag.digest for name, tag in arrived.store.tags().items()}
    assert named == {"other:1.0.0": mine.digest, NAME: shop.package.digest}
    assert arrived.store.referrers(mine.digest), "the attestation is still found"
    assert fsck(arrived.store).is_clean


def test_skopeo_reads_an_archive_of_ketch(
    shop: Shop, skopeo: Skopeo, registry: str, tmp_path: Path
) -> None:
    archive = tmp_path / "shop.tar"
    write_archive(shop.home.store, shop.package.descriptor, archive, name=NAME)
    skopeo(f"oci-archive:{archive}:{NAME}", f"docker://{registry}/archive/shop:1.0.0")
    assert remote_digest(registry, "archive/shop", "1.0.0") == shop.digest
    skopeo(f"oci-archive:{archive}:{NAME}", f"oci:{tmp_path / 'layout'}:x")
    assert layout_digest(tmp_path / "layout", "x") == shop.digest


def test_skopeo_reads_an_archive_that_pack_wrote(
    author: Callable[..., Path], home: Home, skopeo: Skopeo, tmp_path: Path
) -> None:
    folder = author(
        tmp_path / "shop",
        PIPELINE,
        inputs='name = "string"',
        outputs='size = "int64"',
        scenarios=[{"inputs": ROW, "expected": {"size": 3}}],
    )
    packed = ketch.pack(folder, home=home, archive=tmp_path / "shop.tar")
    skopeo(f"oci-archive:{packed.archive}:{NAME}", f"oci:{tmp_path / 'layout'}:x")
    assert layout_digest(tmp_path / "layout", "x") == str(packed.package.digest)


@pytest.mark.parametrize("named", [f":{NAME}", ":latest", ""])
def test_ketch_reads_an_archive_of_skopeo(
    shop: Shop, skopeo: Skopeo, home: Home, tmp_path: Path, named: str
) -> None:
    archive = tmp_path / "shop.tar"
    skopeo(shop.source, f"oci-archive:{archive}{named}")
    [(name, root)] = read_archive(archive, home.store).roots
    assert name == NAME, "its own name, whatever the archive calls it"
    assert root.digest == shop.package.digest
    assert open_package(root.digest, home.store).scenarios == shop.package.scenarios


def test_ketch_verifies_an_archive_that_skopeo_took_from_a_registry(
    shop: Shop, skopeo: Skopeo, registry: str, home: Home, tmp_path: Path
) -> None:
    remote = f"docker://{registry}/verified/shop:1.0.0"
    skopeo(shop.source, remote)
    skopeo(remote, f"oci-archive:{tmp_path / 'shop.tar'}")
    report = prove(str(tmp_path / "shop.tar"), home=home)
    assert (report.passed, report.digest) == (True, shop.package.digest)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[oras.client.OrasClient]:
    """The Python client of ORAS, in an empty folder and without anybody's credentials."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    made = oras.client.OrasClient(insecure=True)
    yield made
    made.session.close()


def test_oras_pulls_a_package_as_files(
    shop: Shop,
    skopeo: Skopeo,
    registry: str,
    client: oras.client.OrasClient,
    tmp_path: Path,
) -> None:
    """Its pull puts every layer where the layer's title says, with the right bytes."""
    skopeo(shop.source, f"docker://{registry}/pulled/shop:1.0.0")
    target = f"{registry}/pulled/shop:1.0.0"
    pulled = client.pull(target=target, outdir=str(tmp_path / "out"))
    found = {Path(file).relative_to(tmp_path / "out").as_posix(): Path(file) for file in pulled}
    assert set(found) == set(shop.package.files)
    for path, file in found.items():
        assert Digest.of(file.read_bytes()) == shop.package.files[path].digest, path


def push_with_oras(
    client: oras.client.OrasClient, package: Package, target: str
) -> tuple[int, str]:
    """Push a package by the client's own calls for blobs and requests; return the reply.

    Its ``push`` writes a manifest of its own, and its ``upload_manifest`` formats the one
    it is given anew, so the manifest's bytes go through its plain ``do_request``.
    """
    container = client.get_container(target)
    for blob in package.artifact.blobs():
        path = package.source.path(blob.digest)
        assert client.upload_blob(str(path), container, blob.to_json()).status_code in (200, 201)
    reply = client.do_request(
        f"http://{container.manifest_url()}",
        "PUT",
        headers={"Content-Type": IMAGE_MANIFEST},
        data=package.source.read(package.digest),
    )
    return reply.status_code, reply.headers["Docker-Content-Digest"]


def test_oras_pushes_a_package_by_plain_calls(
    shop: Shop, skopeo: Skopeo, registry: str, client: oras.client.OrasClient, home: Home
) -> None:
    target = f"{registry}/pushed/shop:1.0.0"
    assert push_with_oras(client, shop.package, target) == (201, shop.digest)
    assert remote_digest(registry, "pushed/shop", "1.0.0") == shop.digest
    home.path.mkdir()
    skopeo(f"docker://{target}", f"oci:{home.store.root}:{NAME}")
    assert Home(home.path).open(Reference.parse(NAME)).digest == shop.package.digest


def test_oras_formats_a_manifest_anew_when_it_uploads_one(
    shop: Shop, registry: str, client: oras.client.OrasClient
) -> None:
    """Why the test above takes the long way: the same content, but another digest."""
    target = f"{registry}/formatted/shop:1.0.0"
    push_with_oras(client, shop.package, target)
    manifest = client.get_manifest(target)
    assert manifest == json.loads(shop.package.source.read(shop.package.digest))
    reply = client.upload_manifest(manifest, client.get_container(target))
    assert reply.status_code == 201
    assert remote_digest(registry, "formatted/shop", "1.0.0") != shop.digest
