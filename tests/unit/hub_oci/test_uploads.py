"""Uploads without HTTP: bound, bounded, resumable, and whole or gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ketch.errors import DigestMismatch, NotFound, Refused, Unavailable
from ketch.hub.oci.limits import Limits
from ketch.hub.oci.uploads import Uploads
from ketch.package import Digest
from ketch.store import LocalStore, fsck, gc

CONTENT = bytes(range(256)) * 5000
DIGEST = Digest.of(CONTENT)
ROOMY = Limits(reserve_bytes=0)


class Clock:
    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        import time

        return time.time() + self.passed


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_an_upload_goes_on_after_a_restart(store: LocalStore) -> None:
    first = Uploads(store, ROOMY)
    upload = first.start("shop", "paul")
    first.append(upload, [CONTENT[:1000], CONTENT[1000:5000]])
    first.close()
    again = Uploads(store, ROOMY)
    found = again.find(upload.id, "shop", "paul")
    assert found.size == 5000
    again.append(found, [CONTENT[5000:]])
    assert again.finish(found, DIGEST).size == len(CONTENT)
    assert store.read(DIGEST) == CONTENT
    assert fsck(store).is_clean


def test_an_upload_is_bound_to_person_and_repository(store: LocalStore) -> None:
    uploads = Uploads(store, ROOMY)
    upload = uploads.start("shop", "paul")
    for repository, person in (("store", "paul"), ("shop", "petra"), ("", "")):
        with pytest.raises(NotFound):
            uploads.find(upload.id, repository, person)
    uploads.close()
    again = Uploads(store, ROOMY)
    with pytest.raises(NotFound):
        again.find(upload.id, "shop", "petra")


def test_wrong_content_is_gone(store: LocalStore) -> None:
    uploads = Uploads(store, ROOMY)
    upload = uploads.start("shop", "paul")
    uploads.append(upload, [b"something else"])
    with pytest.raises(DigestMismatch, match=str(DIGEST)):
        uploads.finish(upload, DIGEST)
    assert not upload.folder.exists()
    assert list(store.digests()) == []


def test_an_upload_without_news_is_forgotten(store: LocalStore) -> None:
    clock = Clock()
    uploads = Uploads(store, ROOMY, clock=clock)
    old = uploads.start("shop", "paul")
    clock.passed = ROOMY.upload_age_s - 60
    uploads.expire()
    assert uploads.find(old.id, "shop", "paul") is old
    clock.passed = ROOMY.upload_age_s + 60
    uploads.start("shop", "paul")
    with pytest.raises(NotFound):
        uploads.find(old.id, "shop", "paul")
    assert not old.folder.exists()


def test_an_upload_at_work_is_not_forgotten(store: LocalStore) -> None:
    clock = Clock()
    uploads = Uploads(store, ROOMY, clock=clock)
    upload = uploads.start("shop", "paul")
    clock.passed = ROOMY.upload_age_s + 60
    with uploads.alone(upload):
        uploads.expire()
    assert upload.folder.exists()


def test_only_one_request_at_a_time(store: LocalStore) -> None:
    uploads = Uploads(store, ROOMY)
    upload = uploads.start("shop", "paul")
    with uploads.alone(upload):
        with pytest.raises(Refused) as caught, uploads.alone(upload):
            pass
        assert caught.value.code == "oci/upload-busy"
    with uploads.alone(upload):
        pass


def test_back_to_where_it_was(store: LocalStore) -> None:
    uploads = Uploads(store, ROOMY)
    upload = uploads.start("shop", "paul")
    uploads.append(upload, [CONTENT[:100]])
    back = upload.mark()
    uploads.append(upload, [b"wrong" * 1000])
    back()
    uploads.append(upload, [CONTENT[100:]])
    uploads.finish(upload, DIGEST)
    assert store.read(DIGEST) == CONTENT


def test_a_disk_without_room_is_asked_first(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Uploads(store, Limits(reserve_bytes=2**62))
    upload = uploads.start("shop", "paul")
    with pytest.raises(Unavailable) as caught:
        uploads.append(upload, [b"x"])
    assert caught.value.code == "disk/full"
    assert upload.size == upload.data.stat().st_size == 0


def test_a_write_that_fails_halfway_leaves_what_was_there(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file and its hash agree again, so the client can go on."""
    uploads = Uploads(store, ROOMY)
    upload = uploads.start("shop", "paul")
    uploads.append(upload, [CONTENT[:100]])
    real = os.write

    def write(fd: int, content: bytes) -> int:
        if len(content) > 1000:
            real(fd, content[:500])
            raise OSError(28, "No space left on device")
        return real(fd, content)

    monkeypatch.setattr("ketch.store.durable.os.write", write)
    with pytest.raises(Unavailable):
        uploads.append(upload, [CONTENT[100:200], CONTENT[200:]])
    monkeypatch.undo()
    assert upload.size == upload.data.stat().st_size == 100
    uploads.append(upload, [CONTENT[100:]])
    uploads.finish(upload, DIGEST)
    assert store.read(DIGEST) == CONTENT


@pytest.mark.parametrize("left", ["no ticket", "half a ticket", "no data", "another name"])
def test_what_was_not_begun_to_its_end_is_cleared_away(store: LocalStore, left: str) -> None:
    uploads = Uploads(store, ROOMY)
    upload = uploads.start("shop", "paul")
    ticket = upload.folder / "ticket.json"
    match left:
        case "no ticket":
            ticket.unlink()
        case "half a ticket":
            ticket.write_bytes(ticket.read_bytes()[:7])
        case "no data":
            upload.data.unlink()
        case _:
            upload.folder.rename(upload.folder.with_name("elsewhere"))
    uploads.close()
    again = Uploads(store, ROOMY)
    with pytest.raises(NotFound):
        again.find(upload.id, "shop", "paul")
    assert list(upload.folder.parent.iterdir()) == []


def test_a_garbage_collection_leaves_uploads_alone(store: LocalStore) -> None:
    uploads = Uploads(store, ROOMY)
    upload = uploads.start("shop", "paul")
    uploads.append(upload, [CONTENT])
    gc(store, grace_s=-60)
    uploads.finish(upload, DIGEST)
    assert store.read(DIGEST) == CONTENT
    assert store.path(DIGEST).stat().st_mode & 0o777 == 0o444


def test_an_upload_heals_a_blob_that_is_damaged(store: LocalStore) -> None:
    stored = store.put_bytes(CONTENT)
    path = store.path(stored.digest)
    path.chmod(0o644)
    path.write_bytes(b"?" * len(CONTENT))
    uploads = Uploads(store, ROOMY)
    upload = uploads.start("shop", "paul")
    uploads.append(upload, [CONTENT])
    uploads.finish(upload, DIGEST)
    assert store.read(DIGEST) == CONTENT


def test_one_hub_for_a_folder(store: LocalStore) -> None:
    first = Uploads(store, ROOMY)
    with pytest.raises(Refused) as caught:
        Uploads(store, ROOMY)
    assert caught.value.code == "oci/two-hubs"
    first.close()
    Uploads(store, ROOMY).close()
