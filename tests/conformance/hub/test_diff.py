"""Packages that only a hub has are compared without being fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hubs import Served

from ketch.compare.diff import diff, opened
from ketch.package import Digest
from ketch.package.layers import DATA, ENVIRONMENT, IDENTITY, PARAMS, PIPELINE, SCHEMA
from ketch.progress import Silent
from ketch.remote.store import RemoteStore
from ketch.runtime import Home
from ketch.store.base import MAX_READ_BYTES

DECLARED = (IDENTITY, PIPELINE, PARAMS, ENVIRONMENT, DATA, SCHEMA)


def test_packages_of_a_hub_are_compared_there_and_only_what_they_declare_is_read(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KETCH_HUB", served.url)
    monkeypatch.setenv("KETCH_TOKEN", served.token("ana"))
    asked: list[Digest] = []
    read = RemoteStore.read

    def counted(store: RemoteStore, digest: Digest, *, max_bytes: int = MAX_READ_BYTES) -> bytes:
        asked.append(digest)
        return read(store, digest, max_bytes=max_bytes)

    monkeypatch.setattr(RemoteStore, "read", counted)
    home = Home(tmp_path / "home")
    with (
        opened("shop@prod", home, Silent()) as a,
        opened("shop:1.1.0", home, Silent()) as b,
    ):
        found = diff(a.package, b.package)
        sides = (a.package, b.package)
    declared = {side.files[path].digest for side in sides for path in DECLARED}
    assert (found.a.package, found.b.package) == ("shop:1.0.0", "shop:1.1.0")
    assert [one.name for one in found.components if not one.same] == ["manifest"]
    assert set(asked) == {*declared, *(side.digest for side in sides)}
    assert list(home.store.digests()) == []
