"""Buckets of real servers of S3 and Azure, and objects in memory, against the suite of stores."""

from __future__ import annotations

import secrets
from pathlib import Path

import obstore.store
import pytest
from tests.buckets import BUCKET

from ketch.remote.address import Address
from ketch.remote.bucket import Bucket, open_bucket
from ketch.remote.objects import ObjectStore
from ketch.testing.stores import STORE_CHECKS, Check


@pytest.fixture(params=["s3", "azure"])
def prefix(request: pytest.FixtureRequest) -> Address:
    """An empty prefix of a bucket of a server."""
    request.getfixturevalue(request.param)
    scheme = {"s3": "s3", "azure": "az"}[request.param]
    return Address.parse(f"{scheme}://{BUCKET}/suite/{secrets.token_hex(8)}")


@pytest.mark.servers
@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
def test_a_bucket_keeps_the_promises_of_a_store(
    check: Check, prefix: Address, tmp_path: Path
) -> None:
    check(ObjectStore(open_bucket(prefix), where=str(prefix)), tmp_path)


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
def test_objects_in_memory_keep_the_promises_of_a_store(check: Check, tmp_path: Path) -> None:
    objects = Bucket(obstore.store.MemoryStore(), "memory")
    check(ObjectStore(objects, where="memory"), tmp_path)


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
def test_blobs_in_pieces_keep_the_promises_of_a_store(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces of three bytes: every blob of the suite is large then."""
    monkeypatch.setattr("ketch.remote.pieces.PIECE_BYTES", 3)
    if check.__name__ == "files_are_stored_whole" or check.__name__.startswith("bytes_come"):
        monkeypatch.setattr("ketch.remote.pieces.PIECE_BYTES", 70_000)
    objects = Bucket(obstore.store.MemoryStore(), "memory")
    check(ObjectStore(objects, where="memory"), tmp_path)
