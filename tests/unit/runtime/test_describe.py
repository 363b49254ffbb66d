"""What is told of packages: one in full, many in a list, one beside what the store holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ketch.authoring import pack
from ketch.package import Package
from ketch.runtime import Home, Stored, describe, listing, stored_as

Store = Callable[..., Package]


@pytest.fixture
def store(tmp_path: Path, home: Home, author: Callable[..., Path]) -> Store:
    """Packs a small package, unverified: ``store("1.10", more="[params]…")``."""

    def packed(version: str = "1.0", more: str = "") -> Package:
        code = "def run(model, rows):\n    return rows\n"
        promised = [{"inputs": {"n": 1}, "expected": {"n": 1}}]
        types = {"inputs": 'n = "int64"', "outputs": 'n = "int64"'}
        folder = author(tmp_path / "shop", code, **types, scenarios=promised, more=more)
        toml = folder / "ketch.toml"
        toml.write_text(toml.read_text().replace('version = "1.0.0"', f'version = "{version}"'))
        return pack(folder, home=home, verified=False).package

    return packed


def references(home: Home) -> list[str]:
    return [entry.reference for entry in listing(home)]


def test_versions_are_listed_as_versions_sort(home: Home, store: Store) -> None:
    for version in ("1.10", "1.9", "2.0", "2.0rc1", "1.0.0"):
        store(version)
    assert references(home) == [f"shop:{v}" for v in ("1.0.0", "1.9", "1.10", "2.0rc1", "2.0")]


def test_a_tag_that_is_no_version_comes_last(home: Home, store: Store) -> None:
    package = store("1.0")
    home.store.tag("shop:latest", package.descriptor)
    home.store.tag("other:1.0", package.descriptor)
    assert references(home) == ["other:1.0", "shop:1.0", "shop:latest"]


def test_a_package_that_cannot_be_read_is_listed_with_the_reason(home: Home, store: Store) -> None:
    home.store.path(store().digest).unlink()
    (entry,) = listing(home)
    assert entry.problem is not None
    assert entry.to_json()["problem"] == entry.problem
    assert entry.size_bytes is None


def test_what_the_store_holds_under_a_name_is_compared_part_by_part(
    home: Home, store: Store
) -> None:
    first = store()
    assert stored_as(first, home) == Stored(first.digest, ())
    second = store(more="[params]\nword = 1\n")
    found = stored_as(first, home)
    assert found == Stored(second.digest, ("params",))
    assert found.to_json() == {"digest": str(second.digest), "differs": ["params"]}


def test_a_name_that_the_store_does_not_know_is_nothing(home: Home, store: Store) -> None:
    package = store()
    home.store.untag(package.reference)
    assert stored_as(package, home) is None
    assert describe(package, (), None)["stored"] is None
