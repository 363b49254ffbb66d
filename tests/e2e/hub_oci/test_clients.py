"""Other people's clients against a hub: they push and pull packages as from any registry."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import oras.client
import pytest
from tests import packages
from tests.conformance.hub_oci.harness import Served, referrer, serving

from ketch.package import Digest, Package, open_package
from ketch.package.attestation import ARTIFACT_TYPE
from ketch.package.oci import IMAGE_MANIFEST
from ketch.store import LocalStore, fsck

pytestmark = pytest.mark.servers

NAME = "hello:1.0.0"

Skopeo = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "hub") as served:
        yield served
        assert fsck(served.store).is_clean


@pytest.fixture
def hello(tmp_path: Path) -> Package:
    """A package in a store, with a model file of some megabytes."""
    store = LocalStore(tmp_path / "mine")
    contents = {**packages.files(), "model/weights.bin": os.urandom(5_000_001)}
    package = open_package(packages.put(store, contents), store)
    store.tag(NAME, package.descriptor)
    return package


@pytest.fixture(scope="session")
def skopeo(require_program: Callable[[str, str], Path]) -> Skopeo:
    """``skopeo …`` without transport security: all is on this machine."""
    program = require_program("skopeo", "skopeo")

    def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [str(program), "--insecure-policy", *arguments]
        return subprocess.run(command, check=check, capture_output=True, text=True, timeout=60)

    return run


def remote(hub: Served, reference: str = NAME) -> str:
    return f"docker://{hub.address.removeprefix('http://')}/{reference}"


def layout(package: Package) -> str:
    source = package.source
    assert isinstance(source, LocalStore)
    return f"oci:{source.root}:{NAME}"


def push(skopeo: Skopeo, hub: Served, package: Package, person: str = "paul") -> None:
    token = hub.tokens[person]
    skopeo(
        *("copy", "--quiet", "--dest-tls-verify=false", "--dest-creds", f"any:{token}"),
        *(layout(package), remote(hub)),
    )


def test_skopeo_copies_in_and_out(
    hub: Served, hello: Package, skopeo: Skopeo, tmp_path: Path
) -> None:
    """Every byte and the digest are the same; the version is published under who pushed it."""
    push(skopeo, hub, hello)
    version = hub.registry.versions(name="hello").items[0]
    assert (version.digest, version.publisher) == (hello.digest, "paul")
    back = f"oci:{tmp_path / 'back'}:{NAME}"
    skopeo(
        *("copy", "--quiet", "--src-tls-verify=false", "--src-creds"),
        *(f"any:{hub.tokens['vera']}", remote(hub), back),
    )
    arrived = LocalStore(tmp_path / "back")
    open_package(hello.digest, arrived).verify_bytes()
    again = [layout(hello), remote(hub)]
    token = hub.tokens["petra"]
    skopeo("copy", "--quiet", "--dest-tls-verify=false", "--dest-creds", f"any:{token}", *again)


def test_skopeo_copies_by_digest(hub: Served, hello: Package, skopeo: Skopeo) -> None:
    push(skopeo, hub, hello)
    done = skopeo(
        *("inspect", "--raw", "--tls-verify=false", "--creds", f"any:{hub.tokens['vera']}"),
        remote(hub, f"hello@{hello.digest}"),
    )
    assert Digest.of(done.stdout.encode()) == hello.digest


def test_skopeo_lists_versions(hub: Served, hello: Package, skopeo: Skopeo) -> None:
    push(skopeo, hub, hello)
    done = skopeo(
        *("list-tags", "--tls-verify=false", "--creds", f"any:{hub.tokens['vera']}"),
        remote(hub, "hello"),
    )
    assert json.loads(done.stdout)["Tags"] == ["1.0.0"]


@pytest.mark.parametrize("person", ["vera", "olga", None])
def test_skopeo_is_refused_where_its_token_is(
    hub: Served, hello: Package, skopeo: Skopeo, person: str | None
) -> None:
    """A viewer, a publisher of other packages, and nobody."""
    who = ["--dest-no-creds"] if person is None else ["--dest-creds", f"x:{hub.tokens[person]}"]
    target = [layout(hello), remote(hub)]
    done = skopeo("copy", "--quiet", "--dest-tls-verify=false", *who, *target, check=False)
    assert done.returncode != 0
    assert hub.registry.versions(name="hello").items == ()


@pytest.fixture
def client(
    hub: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[oras.client.OrasClient]:
    """The Python client of ORAS, in an empty folder, as a publisher."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    made = oras.client.OrasClient(insecure=True, auth_backend="basic")
    made.auth.set_basic_auth("any", hub.tokens["paul"])
    yield made
    made.session.close()


def put_manifest(client: oras.client.OrasClient, target: str, content: bytes) -> str:
    """Put a manifest as it is; the client's own call formats it anew."""
    url = f"http://{client.get_container(target).manifest_url()}"
    headers = {"Content-Type": IMAGE_MANIFEST}
    reply = client.do_request(url, "PUT", headers=headers, data=content)
    assert reply.status_code == 201, reply.text
    return str(reply.headers["Docker-Content-Digest"])


@pytest.mark.parametrize("chunked", [False, True])
def test_oras_pushes_and_pulls(
    hub: Served,
    hello: Package,
    client: oras.client.OrasClient,
    tmp_path: Path,
    chunked: bool,  # noqa: FBT001 - as pytest passes it
) -> None:
    host = hub.address.removeprefix("http://")
    target = f"{host}/hello:1.0.0"
    container = client.get_container(target)
    for blob in hello.artifact.blobs():
        path = str(hello.source.path(blob.digest))
        reply = client.upload_blob(
            path, container, blob.to_json(), do_chunked=chunked, chunk_size=700_000
        )
        assert reply.status_code in (200, 201)
    manifest = hello.source.read(hello.digest)
    assert put_manifest(client, target, manifest) == str(hello.digest)
    assert client.get_tags(target) == ["1.0.0"]
    pulled = client.pull(target=target, outdir=str(tmp_path / "out"))
    found = {Path(file).relative_to(tmp_path / "out").as_posix(): Path(file) for file in pulled}
    assert set(found) == set(hello.files)
    for path, file in found.items():
        assert Digest.of(file.read_bytes()) == hello.files[path].digest, path


def test_oras_pushes_what_refers_to_a_package(
    hub: Served, hello: Package, skopeo: Skopeo, client: oras.client.OrasClient, tmp_path: Path
) -> None:
    push(skopeo, hub, hello)
    host = hub.address.removeprefix("http://")
    manifest = referrer(hello.descriptor, b"it passed")
    for blob, content in zip(manifest.blobs(), (b"{}", b"it passed"), strict=True):
        (tmp_path / "blob").write_bytes(content)
        reply = client.upload_blob(
            str(tmp_path / "blob"), client.get_container(f"{host}/hello:1.0.0"), blob.to_json()
        )
        assert reply.status_code in (200, 201)
    content = manifest.to_bytes()
    digest = put_manifest(client, f"{host}/hello@{Digest.of(content)}", content)
    url = f"http://{host}/v2/hello/referrers/{hello.digest}"
    listed = client.do_request(url, "GET").json()["manifests"]
    assert [(one["digest"], one["artifactType"]) for one in listed] == [(digest, ARTIFACT_TYPE)]
