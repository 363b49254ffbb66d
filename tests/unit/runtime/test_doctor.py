"""The doctor looks at everything, whatever it finds, and gives advice where it is needed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ketch.runtime import Home, examine
from ketch.runtime.doctor import Check

OTHER_FILESYSTEM = Path("/dev/shm")


def check(checks: list[Check], name: str) -> Check:
    return next(one for one in checks if one.name == name)


def test_what_is_fine_has_no_hint(tmp_path: Path) -> None:
    told = [one.to_json() for one in examine(Home(tmp_path))]
    assert {"python", "uv", "interpreters", "home", "links", "disk"} <= {
        one["name"] for one in told
    }
    assert [one["hint"] for one in told if one["ok"]] == [None for one in told if one["ok"]]
    assert all(one["hint"] for one in told if not one["ok"])


def test_a_home_that_cannot_be_used_is_one_thing_of_many(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    checks = examine(Home(tmp_path / "file" / "home"))
    home = check(checks, "home")
    assert (home.ok, home.required) == (False, True)
    assert home.detail == f"{tmp_path / 'file' / 'home'}: Not a directory"
    assert home.to_json()["hint"] == "set KETCH_HOME to a folder that can be written"
    assert check(checks, "uv").ok
    assert check(checks, "interpreters").ok


def test_a_cache_on_another_filesystem_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not OTHER_FILESYSTEM.is_dir() or same_filesystem(OTHER_FILESYSTEM, tmp_path):
        pytest.skip("there is one filesystem only")
    cache = OTHER_FILESYSTEM / f"ketch-{os.getpid()}" / "uv"
    monkeypatch.setenv("UV_CACHE_DIR", str(cache))
    links = check(examine(Home(tmp_path)), "links")
    assert (links.ok, links.required) == (False, False)
    assert links.detail == f"uv's cache is {cache}, on another filesystem"
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    assert check(examine(Home(tmp_path)), "links").ok


def same_filesystem(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev
