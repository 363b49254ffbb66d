"""A package that was packed once is verified again on a machine without any network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ketch.runtime import Home

pytestmark = pytest.mark.e2e

KETCH = Path(sys.executable).with_name("ketch")
PIPELINE = """
import six

def run(model, rows):
    return [{"y": six.text_type(row["x"])} for row in rows]
"""


@pytest.fixture
def alone(missing: Callable[[str], None]) -> Sequence[str]:
    """The command that runs another one in a network of its own, with nothing in it."""
    command = ("unshare", "--map-root-user", "--user", "--net")
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("no way to run a program without a network: `unshare --user --net` fails")
    return command


@pytest.fixture
def packed(home: Home, tmp_path: Path, author: Callable[..., Path]) -> Path:
    folder = author(
        tmp_path / "shop",
        PIPELINE,
        inputs='x = "int64"',
        outputs='y = "string"',
        scenarios=[{"inputs": [{"x": 1}], "expected": [{"y": "1"}]}],
        files={"requirements.txt": "six==1.16.0\n"},
    )
    subprocess.run([KETCH, "pack", folder], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("kept", [True, False], ids=["environment kept", "only uv's cache"])
@pytest.mark.parametrize("option", [[], ["--offline"]], ids=["", "offline"])
def test_verifying_needs_no_network(
    packed: Path, home: Home, alone: Sequence[str], option: list[str], *, kept: bool
) -> None:
    if not kept:
        shutil.rmtree(home.path / "envs")
    verified = run(alone, "verify", "shop:1.0.0", "--json", *option)
    assert (verified["passed"], verified["problem"]) == (True, None)


@pytest.mark.parametrize("option", [[], ["--offline"]], ids=["", "offline"])
def test_what_no_cache_holds_is_said(
    packed: Path, home: Home, alone: Sequence[str], tmp_path: Path, option: list[str]
) -> None:
    shutil.rmtree(home.path / "envs")
    told = run(alone, "verify", "shop:1.0.0", "--json", *option, UV_CACHE_DIR=str(tmp_path / "uv"))
    assert told["code"] == ("env/not-cached" if option else "env/index-unreachable")
    assert not list((home.path / "envs").glob("[!.]*"))


def run(alone: Sequence[str], *arguments: str, **variables: str) -> dict[str, object]:
    done = subprocess.run(
        [*alone, KETCH, *arguments],
        env={**os.environ, "UV_HTTP_RETRIES": "0", **variables},
        capture_output=True,
        check=False,
    )
    value: dict[str, object] = json.loads(done.stdout)
    return value
