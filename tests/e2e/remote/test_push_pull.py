"""`ketch push` and `ketch pull` for real: a registry, a bucket, a verified package."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import obstore.store
import pytest
from tests.buckets import BUCKET, put_google_object
from tests.remotes import Door, serving

import ketch
from ketch.package import Digest, Reference
from ketch.runtime import Home
from ketch.store import attestations, fsck

pytestmark = pytest.mark.servers

PIPELINE = "def run(_, rows):\n    return [{'size': len(row['name'])} for row in rows]\n"
ROW = {"name": "Zoë"}
KETCH = Path(sys.executable).with_name("ketch")


@dataclass(frozen=True)
class Desk:
    """Somebody with a ketch home."""

    home: Home

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "KETCH_HOME": str(self.home.path), **variables}
        return subprocess.run(
            [KETCH, *arguments], env=environment, capture_output=True, text=True, check=False
        )

    def told(self, *arguments: str) -> dict[str, object]:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        value: dict[str, object] = json.loads(done.stdout)
        return value

    def refused(self, status: int, code: str, *arguments: str, **variables: str) -> str:
        done = self.run(*arguments, "--json", **variables)
        assert (done.returncode, json.loads(done.stdout)["code"]) == (status, code), done.stderr
        return done.stderr


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Home:
    """A home with a verified package that has a model file of 20 MB."""
    folder = author(
        tmp_path_factory.mktemp("shop"),
        PIPELINE,
        inputs='name = "string"',
        outputs='size = "int64"',
        scenarios=[{"inputs": ROW, "expected": {"size": 3}}],
        files={"model/weights.bin": os.urandom(20_000_000)},
    )
    home = Home(tmp_path_factory.mktemp("home"))
    assert ketch.pack(folder, home=home).verified
    return home


@pytest.fixture
def owner(packed: Home, tmp_path: Path) -> Desk:
    shutil.copytree(packed.path, tmp_path / "owner", copy_function=os.link, symlinks=True)
    return Desk(Home(tmp_path / "owner"))


@pytest.fixture
def reader(tmp_path: Path) -> Desk:
    return Desk(Home(tmp_path / "reader"))


@pytest.fixture(params=["oci", "s3"])
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Where to push to, and where to pull from then."""
    name = secrets.token_hex(4)
    if request.param == "oci":
        to = f"oci://{request.getfixturevalue('registry')}/{name}/shop"
        return to, to
    request.getfixturevalue({"s3": "s3", "az": "azure"}[request.param])
    return f"{request.param}://{BUCKET}/{name}", f"{request.param}://{BUCKET}/{name}/shop"


@pytest.mark.parametrize("place", ["oci", "s3", "az"], indirect=True)
def test_a_package_goes_there_and_back_with_what_is_attested_of_it(
    owner: Desk, reader: Desk, place: tuple[str, str]
) -> None:
    to, source = place
    pushed = owner.told("push", "shop:1.0.0", to)
    assert (pushed["package"], pushed["to"], pushed["referrers"]) == ("shop:1.0.0", to, 1)
    pulled = reader.told("pull", f"{source}:1.0.0")
    assert pulled["digest"] == pushed["digest"]
    package = reader.home.open(Reference.parse("shop:1.0.0"))
    assert str(package.digest) == pulled["digest"]
    assert attestations(package.digest, reader.home.store) == attestations(
        package.digest, owner.home.store
    )
    assert fsck(reader.home.store).is_clean
    with ketch.load("shop:1.0.0", home=reader.home.path) as predictor:
        assert predictor(ROW) == {"size": 3}


def test_a_package_comes_from_googles_storage_and_what_is_there_is_not_sent_again(
    owner: Desk, reader: Desk, s3: str, google: str
) -> None:
    """It is brought there as its objects are: the server takes no push; see `google_server`."""
    del s3
    name = secrets.token_hex(4)
    pushed = owner.told("push", "shop:1.0.0", f"s3://{BUCKET}/{name}")
    pushed_to = obstore.store.S3Store(BUCKET, client_options={"allow_http": True})
    for page in pushed_to.list(name):
        for each in page:
            put_google_object(google, each["path"], bytes(pushed_to.get(each["path"]).bytes()))
    assert reader.told("pull", f"gs://{BUCKET}/{name}/shop:1.0.0")["digest"] == pushed["digest"]
    assert fsck(reader.home.store).is_clean
    with ketch.load("shop:1.0.0", home=reader.home.path) as predictor:
        assert predictor(ROW) == {"size": 3}
    again = owner.told("push", "shop:1.0.0", f"gs://{BUCKET}/{name}")
    assert (again["digest"], again["blobs"]) == (pushed["digest"], 0)


def test_what_is_there_is_not_sent_again(owner: Desk, reader: Desk, place: tuple[str, str]) -> None:
    to, source = place
    assert owner.told("push", "shop:1.0.0", to)["blobs"] != 0
    assert owner.told("push", "shop:1.0.0", to)["blobs"] == 0
    assert reader.told("pull", f"{source}:1.0.0")["blobs"] != 0
    assert reader.told("pull", f"{source}:1.0.0")["blobs"] == 0
    assert "nothing was missing" in reader.run("pull", f"{source}:1.0.0").stdout


def test_what_was_attested_later_comes_with_the_next_push(
    owner: Desk, reader: Desk, place: tuple[str, str]
) -> None:
    to, source = place
    owner.told("push", "shop:1.0.0", to)
    reader.told("pull", f"{source}:1.0.0")
    assert owner.run("verify", "shop:1.0.0").returncode == 0
    assert owner.told("push", "shop:1.0.0", to)["referrers"] == 2
    assert reader.told("pull", f"{source}:1.0.0")["referrers"] == 2
    digest = reader.home.resolve(Reference.parse("shop:1.0.0"))
    assert len(attestations(digest, reader.home.store)) == 2


def test_a_package_is_pulled_by_its_digest(
    owner: Desk, reader: Desk, place: tuple[str, str]
) -> None:
    to, source = place
    digest = owner.told("push", "shop:1.0.0", to)["digest"]
    assert reader.told("pull", f"{source}@{digest}")["package"] == "shop:1.0.0"
    reader.refused(2, "store/no-blob", "pull", f"{source}@sha256:{'0' * 64}")


@pytest.fixture
def another(tmp_path: Path, author: Callable[..., Path], reader: Desk) -> Digest:
    """Other bytes that call themselves ``shop:1.0.0``, in the store of the reader."""
    folder = author(
        tmp_path / "other",
        PIPELINE.replace("size", "length"),
        inputs='name = "string"',
        outputs='length = "int64"',
        scenarios=[{"inputs": ROW, "expected": {"length": 3}}],
    )
    return ketch.pack(folder, home=reader.home, verified=False).package.digest


def test_a_version_that_means_other_bytes_is_refused_on_both_sides(
    owner: Desk, reader: Desk, place: tuple[str, str], another: Digest
) -> None:
    to, source = place
    theirs, mine = str(owner.told("push", "shop:1.0.0", to)["digest"]), str(another)
    for arguments in (("pull", f"{source}:1.0.0"), ("push", "shop:1.0.0", to)):
        said = reader.refused(1, "store/tag-taken", *arguments)
        assert mine in said
        assert theirs in said
    assert str(reader.home.resolve(Reference.parse("shop:1.0.0"))) == mine


def test_a_version_that_is_not_there_is_told_with_what_is(
    owner: Desk, reader: Desk, place: tuple[str, str]
) -> None:
    to, source = place
    assert "nothing is here" in reader.refused(2, "remote/no-package", "pull", f"{source}:1.0.0")
    owner.told("push", "shop:1.0.0", to)
    assert "1.0.0`?" in reader.refused(2, "remote/no-package", "pull", f"{source}:1.0.1")
    assert "1.0.0" in reader.refused(2, "remote/choice", "pull", to)


def test_a_blob_of_another_repository_is_mounted(owner: Desk, registry: str) -> None:
    """The registry is told where the blobs lie; they are not sent a second time."""
    name = secrets.token_hex(4)
    owner.told("push", "shop:1.0.0", f"oci://{registry}/{name}/one")
    sent: list[int] = []

    def passing(door: Door) -> None:
        body = door.read()
        sent.append(len(body))
        server = HTTPConnection(registry)
        server.request(door.command, door.path, body or None, dict(door.headers.items()))
        reply = server.getresponse()
        content = reply.read()
        told = {key.replace("-", "_"): value for key, value in reply.getheaders()}
        told.pop("Content_Length", None)
        length = reply.getheader("Content-Length") or "0"
        door.reply(reply.status, content, **{**told, "Content_Length": length})
        server.close()

    with serving(passing) as server:
        first = f"oci://{registry}/{name}/one"
        second = f"oci://{server.url.removeprefix('http://')}/{name}/two"
        owner.told("push", "shop:1.0.0", first)
        known = owner.home.store.root / ".ketch" / "uploads"
        [path] = known.glob("*.known")
        path.rename(known / f"{hashlib.sha256(server.url.encode()).hexdigest()}.known")
        owner.told("push", "shop:1.0.0", second)
    assert sum(sent) < 100_000


def test_no_library_for_buckets_is_told(owner: Desk, tmp_path: Path) -> None:
    (tmp_path / "obstore.py").write_text("raise ImportError('none here')\n")
    said = owner.refused(
        2, "remote/no-obstore", "push", "shop:1.0.0", "s3://bucket", PYTHONPATH=str(tmp_path)
    )
    assert "ketch[objects]" in said


def test_a_bucket_that_is_not_there_is_told(owner: Desk, s3: str, azure: str) -> None:
    del s3, azure
    for scheme in ("s3", "az"):
        to = f"{scheme}://no-such-bucket-here/x"
        owner.refused(2, "remote/not-found", "push", "shop:1.0.0", to)


def test_a_wrong_key_is_told(owner: Desk, azure: str) -> None:
    del azure
    to, wrong = f"az://{BUCKET}/x", {"AZURE_STORAGE_ACCOUNT_KEY": "d3Jvbmc="}
    for command in (("push", "shop:1.0.0", to), ("pull", to)):  # asks for a name, asks for a list
        assert "credentials" in owner.refused(1, "remote/denied", *command, **wrong)


def test_nobody_there_is_exit_status_three(owner: Desk, reader: Desk) -> None:
    owner.refused(3, "remote/unreachable", "push", "shop:1.0.0", "oci://127.0.0.1:1/shop")
    reader.refused(3, "remote/unreachable", "pull", "oci://127.0.0.1:1/shop:1.0.0")


def test_a_wrong_address_is_exit_status_two(owner: Desk, reader: Desk) -> None:
    owner.refused(2, "remote/address", "push", "shop:1.0.0", "docker://127.0.0.1:1/shop")
    reader.refused(2, "remote/address", "pull", "shop:1.0.0")
    reader.refused(2, "package/not-found", "push", "shop:1.0.0", "oci://127.0.0.1:1/shop")
