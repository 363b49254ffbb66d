"""A folder as the package it would be, whether it can be packed or not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ketch.authoring import Options, Silent
from ketch.authoring.build import build
from ketch.authoring.preview import Preview, preview
from ketch.errors import DigestMismatch, KetchError, NotFound, Refused
from ketch.package import Package
from ketch.runtime import Home

Shop = Callable[..., Path]


def seen(folder: Path, home: Home) -> Preview:
    return preview(folder, home, Options(), Silent())


def weights(package: Package) -> bytes:
    return package.read("model/factor.json")


def test_it_is_the_package_that_packing_makes_and_nothing_is_stored(shop: Shop, home: Home) -> None:
    folder = shop()
    found = seen(folder, home)
    assert not home.store.root.exists()
    assert found.findings == ()
    assert weights(found.package) == b"2"
    built = build(folder, home, Options(), Silent(), install=False)
    assert found.package.digest == built.package.digest


def test_what_keeps_a_folder_from_being_packed_keeps_nobody_from_looking(
    shop: Shop, home: Home
) -> None:
    folder = shop(scenarios=[{"inputs": {"size": 3}}, {"inputs": {"size": 1}, "expected": {}}])
    (folder / "README.md").unlink()
    found = seen(folder, home)
    assert {one.code for one in found.findings if one.blocks} >= {"scenario/no-expectation"}
    assert [one.expected for one in found.package.scenarios] == [({},)]


def test_a_folder_that_says_nothing_readable_is_refused(shop: Shop, home: Home) -> None:
    folder = shop()
    toml = folder / "ketch.toml"
    toml.write_text(toml.read_text().replace("[pipeline]", "[pipe]"))
    with pytest.raises(Refused, match="cannot be packed"):
        seen(folder, home)
    with pytest.raises(NotFound):
        seen(folder / "nowhere", home)


def test_a_sample_that_is_not_there_is_no_surprise(shop: Shop, home: Home) -> None:
    declared = '[data.past]\nsource = "file:a"\nsample = "a.csv"\nship = true\n'
    with pytest.raises(Refused):
        seen(shop(more=declared), home)


def test_a_file_that_changes_while_it_is_looked_at_is_found_out(shop: Shop, home: Home) -> None:
    folder = shop()
    package = seen(folder, home).package
    package.verify_bytes()
    (folder / "model" / "factor.json").write_text("3")
    with pytest.raises(DigestMismatch):
        weights(package)
    with pytest.raises(DigestMismatch):
        package.verify_bytes()


def test_a_link_or_a_pipe_is_not_waited_for(shop: Shop, home: Home) -> None:
    folder = shop()
    os.mkfifo(folder / "model" / "pipe.bin")
    with pytest.raises(KetchError):
        seen(folder, home).package.verify_bytes()
