"""Buckets with odd things in them, and servers that are none: a typed error, nothing kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import obstore.store
import pytest
from tests import packages
from tests.buckets import s3_environment
from tests.remotes import Door, serving, variables

from ketch.errors import (
    DigestMismatch,
    KetchError,
    ManifestError,
    NotFound,
    Refused,
    Unavailable,
    UsageError,
)
from ketch.package import Descriptor, Digest, open_package
from ketch.remote import Address
from ketch.remote.bucket import Bucket, open_bucket
from ketch.remote.objects import ObjectStore
from ketch.remote.pieces import PIECE_BYTES, Pieces
from ketch.remote.transfer import pull, push
from ketch.store import LocalStore, fsck

LARGE = os.urandom(PIECE_BYTES + 1000)
KEY = f"blobs/sha256/{Digest.of(LARGE).hex}"
README = f"blobs/sha256/{Digest.of(packages.BESIDE['README.md']).hex}"
TAG = "hello:1.0.0"


class Silent:
    """Nobody watches."""

    def step(self, text: str, *, total_bytes: int | None = None) -> None:
        """Ignore it."""

    def advance(self, count: int) -> None:
        """Ignore it."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """A store with a package that has a file in two pieces."""
    store = LocalStore(tmp_path_factory.mktemp("source") / "store")
    package = open_package(packages.put(store, packages.files() | {"model/l.bin": LARGE}), store)
    store.tag(TAG, package.descriptor)
    return store


@pytest.fixture
def objects(source: LocalStore) -> obstore.store.MemoryStore:
    """A bucket to which it was pushed."""
    made = obstore.store.MemoryStore()
    push(source, root(source), remote(made), TAG, watcher=Silent())
    return made


def root(source: LocalStore) -> Descriptor:
    found = source.resolve(TAG)
    assert found is not None
    return found


def remote(objects: obstore.store.MemoryStore) -> ObjectStore:
    return ObjectStore(Bucket(objects, "memory"), where="memory")


@pytest.fixture
def here(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def pulled(objects: obstore.store.MemoryStore, here: LocalStore) -> None:
    store = remote(objects)
    found = store.resolve(TAG)
    assert found is not None
    pull(store, found, here, watcher=Silent())


def keys(objects: obstore.store.MemoryStore, prefix: str) -> list[str]:
    return sorted(each["path"] for page in objects.list(prefix) for each in page)


def content(objects: obstore.store.MemoryStore, key: str) -> bytes:
    return bytes(objects.get(key).bytes())


def test_a_bucket_gives_what_was_put(
    objects: obstore.store.MemoryStore, here: LocalStore, source: LocalStore
) -> None:
    """Else the tests below would show nothing."""
    assert len(keys(objects, "pieces/")) == 2
    pulled(objects, here)
    assert here.read(Digest.of(LARGE)) == LARGE
    assert sorted(here.digests()) == sorted(each for each in source.digests())


def damage(piece: bytes) -> bytes:
    return piece[:-1] + bytes([piece[-1] ^ 1])


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda o, p: o.put(p[1], damage(content(o, p[1]))), DigestMismatch),
        (lambda o, p: o.put(p[1], content(o, p[1])[:-1]), Unavailable),
        (lambda o, p: o.delete(p[0]), NotFound),
        (lambda o, _: o.put(f"{KEY}.pieces", b"nonsense"), UsageError),
        (lambda o, _: o.put(f"{KEY}.pieces", b'{"format": 9}'), ManifestError),
        (lambda o, _: o.put(f"{KEY}.pieces", Pieces(()).to_bytes()), DigestMismatch),
        (lambda o, _: o.put(README, b"# other\n"), DigestMismatch),
        (lambda o, _: o.put(README, b""), DigestMismatch),
        (lambda o, _: o.delete(README), NotFound),
    ],
    ids=[
        *("piece flipped", "piece short", "piece gone"),
        *("list nonsense", "list of tomorrow", "list empty", "blob other", "blob empty"),
        "blob gone",
    ],
)
def test_damage_in_a_bucket_is_found_and_nothing_kept(
    objects: obstore.store.MemoryStore,
    here: LocalStore,
    change: Callable[[obstore.store.MemoryStore, list[str]], object],
    kind: type[KetchError],
) -> None:
    change(objects, keys(objects, "pieces/"))
    with pytest.raises(kind):
        pulled(objects, here)
    assert list(here.digests()) == []
    assert fsck(here).is_clean


def test_a_piece_that_only_grew_is_read_to_its_size(
    objects: obstore.store.MemoryStore, here: LocalStore
) -> None:
    last = keys(objects, "pieces/")[1]
    objects.put(last, content(objects, last) + b"!")
    pulled(objects, here)
    assert here.read(Digest.of(LARGE)) == LARGE


@pytest.mark.parametrize("said", [b"", b"[]", b"nonsense", b'{"digest": "sha256:1"}', b"[" * 9999])
def test_a_tag_that_says_nothing_is_told(objects: obstore.store.MemoryStore, said: bytes) -> None:
    objects.put(f"tags/{TAG}", said)
    with pytest.raises((ManifestError, UsageError)) as caught:
        remote(objects).resolve(TAG)
    assert TAG in str(caught.value.where)


def test_a_push_of_a_damaged_file_leaves_no_piece(source: LocalStore, tmp_path: Path) -> None:
    """Nothing of it may stand in the way of the next push, from where it is whole."""
    copy = LocalStore(tmp_path / "copy" / "store")
    for digest in source.digests():
        copy.put_bytes(source.read(digest))
    path = copy.path(Digest.of(LARGE))
    path.chmod(0o600)
    path.write_bytes(damage(LARGE))
    objects = obstore.store.MemoryStore()
    with pytest.raises(DigestMismatch) as caught:
        push(copy, root(source), remote(objects), TAG, watcher=Silent())
    assert str(Digest.of(damage(LARGE))) in caught.value.message
    assert keys(objects, "pieces/") == []
    assert keys(objects, "tags/") == []
    push(source, root(source), remote(objects), TAG, watcher=Silent())
    assert remote(objects).read(Digest.of(LARGE)) == LARGE


def test_pieces_that_are_there_are_not_sent_again(source: LocalStore) -> None:
    """Also those of a push that was given up: each is recognised by its own digest."""
    objects = obstore.store.MemoryStore()
    push(source, root(source), remote(objects), TAG, watcher=Silent())
    objects.delete(f"{KEY}.pieces")
    objects.delete(keys(objects, "pieces/")[1])
    before = {key: objects.head(key)["last_modified"] for key in keys(objects, "pieces/")}
    push(source, root(source), remote(objects), TAG, watcher=Silent())
    assert len(keys(objects, "pieces/")) == 2
    for key, modified in before.items():
        assert objects.head(key)["last_modified"] == modified
    assert remote(objects).read(Digest.of(LARGE)) == LARGE


def test_a_tag_that_means_other_bytes_is_refused_before_anything_is_sent(
    objects: obstore.store.MemoryStore, source: LocalStore, tmp_path: Path
) -> None:
    other = LocalStore(tmp_path / "other" / "store")
    mine = open_package(packages.put(other, packages.files() | {"README.md": b"# x\n"}), other)
    before = keys(objects, "")
    with pytest.raises(Refused) as caught:
        push(other, mine.descriptor, remote(objects), TAG, watcher=Silent())
    assert caught.value.code == "store/tag-taken"
    assert str(mine.digest) in caught.value.message
    assert str(root(source).digest) in caught.value.message
    assert keys(objects, "") == before


# ---------------------------------------------------------------- servers


def denied(door: Door) -> None:
    door.reply(403, b"<Error><Code>AccessDenied</Code></Error>")


def no_bucket(door: Door) -> None:
    door.reply(404, b"<Error><Code>NoSuchBucket</Code></Error>")


def broken(door: Door) -> None:
    door.reply(500)


def cut(door: Door) -> None:
    door.cut()


def endless(door: Door) -> None:
    door.send_response(200)
    door.send_header("Content-Length", str(1 << 50))
    door.send_header("Last-Modified", "Mon, 23 Nov 2026 12:00:00 GMT")
    door.send_header("ETag", '"1"')
    door.end_headers()
    with suppress(ConnectionError):
        while door.command != "HEAD":
            door.wfile.write(b"x" * (1 << 20))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ketch.remote.bucket._RETRIES", {"max_retries": 1})
    monkeypatch.setattr("ketch.remote.bucket.MAX_DOCUMENT_BYTES", 1 << 20)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (denied, Refused, "remote/denied"),
        (broken, Unavailable, "remote/failing"),
        (cut, Unavailable, "remote/failing"),
        (endless, Unavailable, "remote/malformed"),
    ],
)
def test_a_server_that_is_no_object_store_is_told(
    answer: Callable[[Door], None], kind: type[KetchError], code: str
) -> None:
    with serving(answer) as server, variables(**s3_environment(server.url)):
        store = ObjectStore(open_bucket(Address.parse("s3://bucket/x")), where="s3://bucket/x")
        with pytest.raises(kind) as caught:
            store.resolve(TAG)
    assert caught.value.code == code


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (denied, Refused, "remote/denied"),
        (no_bucket, NotFound, "remote/not-found"),
        (broken, Unavailable, "remote/failing"),
        (cut, Unavailable, "remote/failing"),
    ],
)
def test_a_list_that_is_not_given_is_told_as_anything_else_is(
    answer: Callable[[Door], None], kind: type[KetchError], code: str
) -> None:
    with serving(answer) as server, variables(**s3_environment(server.url)):
        store = ObjectStore(open_bucket(Address.parse("s3://bucket/x")), where="s3://bucket/x")
        with pytest.raises(kind) as caught:
            store.names()
    assert caught.value.code == code


@pytest.mark.usefixtures("hasty")
def test_a_bucket_that_is_not_there_is_not_found(source: LocalStore) -> None:
    with serving(no_bucket) as server, variables(**s3_environment(server.url)):
        store = ObjectStore(open_bucket(Address.parse("s3://bucket/x")), where="s3://bucket/x")
        with pytest.raises(NotFound) as caught:
            push(source, root(source), store, TAG, watcher=Silent())
    assert caught.value.code == "remote/not-found"


def test_http_is_spoken_with_object_stores_of_this_machine_only() -> None:
    with variables(**s3_environment("http://s3.shop.invalid:9000")):
        with pytest.raises(UsageError, match="https") as caught:
            open_bucket(Address.parse("s3://bucket/x"))
        assert caught.value.code == "remote/address"
        with variables(AWS_ALLOW_HTTP="true"):
            open_bucket(Address.parse("s3://bucket/x"))
