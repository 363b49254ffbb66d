"""Signatures in the hands of their users, and of the format's own tool."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.shop import KETCH
from uv import find_uv_bin

from ketch.signing import PublicKey

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).parents[1] / "projects" / "thermometer"
PACKAGE = "thermometer:1.0.0"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a packed package, two pairs of keys, and the format's own tool."""
    folder = tmp_path_factory.mktemp("signing")
    shutil.copytree(PROJECT, folder / "project")
    uv = find_uv_bin()
    subprocess.run([uv, "venv", "-q", "-p", "3.11", folder / "tool"], check=True)
    # model-signing 1.1.1 imports OpenSSL and does not ask for it.
    tool = ("model-signing==1.1.1", "pyOpenSSL")
    subprocess.run([uv, "pip", "install", "-q", "-p", folder / "tool", *tool], check=True)
    for command in (
        ("pack", "project"),
        ("keygen", "ana.key", "--no-passphrase"),
        ("keygen", "ben.key"),
    ):
        done = ketch(folder, *command)
        assert done.returncode == 0, done.stderr
    return folder


def ketch(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "KETCH_HOME": str(folder / "home"),
        "KETCH_KEY_PASSPHRASE": "of a test",
    }
    return subprocess.run(
        [KETCH, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def checked(folder: Path, exported: Path, key: str) -> subprocess.CompletedProcess[str]:
    tool = folder / "tool" / "bin" / "model_signing"
    options: list[str | Path] = ["--signature", exported / "model.sig"]
    command: list[str | Path] = [
        tool,
        "verify",
        "key",
        exported,
        *options,
        "--public_key",
        folder / key,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def exported(place: Path) -> Iterator[Path]:
    done = ketch(place, "sign", PACKAGE, "--key", "ana.key")
    assert done.returncode == 0, done.stderr
    done = ketch(place, "export", "folder", PACKAGE, "out")
    assert done.returncode == 0, done.stderr
    yield place / "out"
    shutil.rmtree(place / "out")


def test_the_tool_of_the_format_accepts_what_ketch_signed(place: Path, exported: Path) -> None:
    done = checked(place, exported, "ana.key.pub")
    assert done.returncode == 0, done.stderr
    assert "Verification succeeded" in done.stdout + done.stderr


@pytest.mark.parametrize("change", ["changed", "added", "removed"])
def test_the_tool_of_the_format_finds_a_change(place: Path, exported: Path, change: str) -> None:
    if change == "added":
        (exported / "model" / "more.bin").parent.mkdir(exist_ok=True)
        (exported / "model" / "more.bin").write_bytes(b"more")
    elif change == "removed":
        (exported / "code.tar").unlink()
    else:
        (exported / "ketch" / "params.json").write_text('{"params": {}}')
    assert checked(place, exported, "ana.key.pub").returncode == 1


def test_the_tool_of_the_format_refuses_another_key(place: Path, exported: Path) -> None:
    assert checked(place, exported, "ben.key.pub").returncode == 1


def test_verify_demands_each_signer(place: Path) -> None:
    ketch(place, "sign", PACKAGE, "--key", "ana.key")
    keys = ("--signed-by", "ana.key.pub", "--signed-by", "ben.key.pub")
    refused = ketch(place, "verify", PACKAGE, *keys)
    assert refused.returncode == 1
    assert "expected a good signature by" in refused.stderr
    assert "ben.key.pub" in refused.stderr
    assert "contract" not in refused.stdout, "the code of a stranger does not run"
    signed = ketch(place, "sign", PACKAGE, "--key", "ben.key")
    assert signed.returncode == 0, signed.stderr
    accepted = ketch(place, "verify", PACKAGE, *keys)
    assert accepted.returncode == 0, accepted.stderr
    assert "keeps its contract" in accepted.stdout
    seals = [PublicKey.load(place / key).fingerprint for key in ("ana.key.pub", "ben.key.pub")]
    assert accepted.stdout.endswith(
        f"signed by ana.key.pub ({seals[0][:16]})\nsigned by ben.key.pub ({seals[1][:16]})\n"
    )
    told = json.loads(ketch(place, "verify", PACKAGE, *keys, "--json").stdout)
    assert [one["fingerprint"] for one in told["signed_by"]] == seals
    assert "signed_by" not in json.loads(ketch(place, "verify", PACKAGE, "--json").stdout)


def test_a_signature_outlives_a_garbage_collection(place: Path) -> None:
    ketch(place, "sign", PACKAGE, "--key", "ana.key")
    for command in (("gc",), ("fsck",), ("verify", PACKAGE, "--signed-by", "ana.key.pub")):
        done = ketch(place, *command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_passphrase_is_needed_where_nobody_can_be_asked(place: Path) -> None:
    environment = {**os.environ, "KETCH_HOME": str(place / "home")}
    environment.pop("KETCH_KEY_PASSPHRASE", None)
    for command in (("keygen", "new.key"), ("sign", PACKAGE, "--key", "ben.key")):
        done = subprocess.run(
            [KETCH, *command],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 2
        assert "expected a passphrase, found none" in done.stderr
    assert not (place / "new.key").exists()
