"""Servers that lie, break off or never end: an error that says so, and nothing kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests import packages
from tests.conformance.remote.shelf import Answer, Shelf, send
from tests.remotes import Door, Server, serving

from ketch.errors import (
    DigestMismatch,
    KetchError,
    ManifestError,
    NotFound,
    PackageError,
    Refused,
    Unavailable,
    UsageError,
)
from ketch.package import Digest, Package, open_package
from ketch.package.oci import IMAGE_INDEX, IMAGE_MANIFEST
from ketch.remote import Address
from ketch.remote.packages import pull_package, push_package
from ketch.schema.parse import canonical_json
from ketch.store import LocalStore, MemoryStore, fsck

TAG = "1.0.0"
WEIGHTS = bytes(range(256)) * 4


class Silent:
    """Nobody watches."""

    def step(self, text: str, *, total_bytes: int | None = None) -> None:
        """Ignore it."""

    def advance(self, count: int) -> None:
        """Ignore it."""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits in these tests."""
    monkeypatch.setattr("ketch.remote.http.time.sleep", lambda _: None)
    monkeypatch.setattr("ketch.remote.http.Session.pause", lambda *_: None)
    monkeypatch.setenv("DOCKER_CONFIG", "/nowhere")


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Door], None]], Server]]:
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(serving(answer))


Serve = Callable[[Callable[[Door], None]], Server]


@dataclass(frozen=True)
class Here:
    """A store to pull into."""

    store: LocalStore

    def pull(self, server: Server, choice: str = f":{TAG}") -> Package:
        address = Address.parse(f"oci://{server.url.removeprefix('http://')}/team/hello{choice}")
        return pull_package(self.store, address, watcher=Silent())[0]

    def parts(self) -> list[Path]:
        """Return what lies in wait to be a blob."""
        return list(self.store.layout.temporary.iterdir())

    def refuses(
        self, server: Server, kind: type[KetchError], code: str, choice: str = f":{TAG}"
    ) -> KetchError:
        with pytest.raises(kind) as caught:
            self.pull(server, choice)
        assert caught.value.code == code
        assert self.store.tags() == {}
        assert list(self.store.digests()) == []
        assert fsck(self.store).is_clean
        return caught.value


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(LocalStore(tmp_path / "store"))


@pytest.fixture(scope="module")
def source() -> tuple[MemoryStore, Digest]:
    store = MemoryStore()
    return store, packages.put(store, packages.files())


def at_weights(act: Callable[[Door], None]) -> Answer:
    """Behave only where the model's weights are asked for."""

    def odd(door: Door) -> bool:
        is_there = door.command == "GET" and door.path.endswith(Digest.of(WEIGHTS).hex)
        if is_there:
            act(door)
        return is_there

    return odd


def shelf(source: tuple[MemoryStore, Digest], odd: Answer = lambda _: False) -> Shelf:
    return Shelf.of(source[0], source[1], TAG, odd)


def test_an_honest_server_gives_the_package(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    """Else the tests below would show nothing."""
    assert here.pull(serve(shelf(source))).digest == source[1]
    assert list(here.store.tags()) == ["hello:1.0.0"]
    assert fsck(here.store).is_clean


def test_wrong_bytes_are_told_with_both_digests(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    wrong = WEIGHTS[:-1] + b"?"
    server = serve(shelf(source, at_weights(lambda door: send(door, wrong))))
    error = here.refuses(server, DigestMismatch, "package/digest-mismatch")
    assert str(Digest.of(WEIGHTS)) in error.message
    assert str(Digest.of(wrong)) in error.message
    assert list(here.store.layout.temporary.glob(f"*{Digest.of(WEIGHTS).hex}*")) == []


@pytest.mark.parametrize("content", [WEIGHTS[:-1], b"", WEIGHTS + b"!"])
def test_a_blob_of_another_length_is_refused(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest], content: bytes
) -> None:
    server = serve(shelf(source, at_weights(lambda door: send(door, content))))
    here.refuses(server, DigestMismatch, "package/digest-mismatch")


def test_a_blob_without_end_is_cut_one_byte_on(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    def endless(door: Door) -> None:
        door.send_response(200)
        door.send_header("Transfer-Encoding", "chunked")
        door.end_headers()
        with suppress(ConnectionError):
            while True:
                door.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    here.refuses(
        serve(shelf(source, at_weights(endless))), DigestMismatch, "package/digest-mismatch"
    )


def test_a_server_that_fails_is_unavailable(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    server = serve(shelf(source, at_weights(lambda door: door.reply(500, b"<html>"))))
    here.refuses(server, Unavailable, "remote/failing")


def half(content: bytes) -> Callable[[Door], None]:
    def act(door: Door) -> None:
        door.send_response(200)
        door.send_header("Content-Length", str(len(content)))
        door.end_headers()
        door.wfile.write(content[: len(content) // 2])
        door.cut()

    return act


def test_a_connection_that_always_breaks_at_one_place_is_given_up(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    server = serve(shelf(source, at_weights(half(WEIGHTS))))
    here.refuses(server, Unavailable, "remote/cut-off")


@pytest.mark.parametrize("taken_up", [send, lambda door, content: door.reply(200, content)])
def test_a_connection_that_breaks_is_taken_up_again(
    serve: Serve,
    here: Here,
    source: tuple[MemoryStore, Digest],
    taken_up: Callable[[Door, bytes], None],
) -> None:
    """Where the server knows no ranges, what is there already is read over."""
    asked: list[str | None] = []

    def act(door: Door) -> None:
        asked.append(door.headers.get("Range"))
        if len(asked) == 1:
            half(WEIGHTS)(door)
        else:
            taken_up(door, WEIGHTS)

    here.pull(serve(shelf(source, at_weights(act))))
    assert asked == [None, f"bytes={len(WEIGHTS) // 2}-"]


def test_a_range_that_starts_elsewhere_is_malformed(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    def act(door: Door) -> None:
        if door.headers.get("Range") is None:
            half(WEIGHTS)(door)
        else:
            door.reply(206, WEIGHTS[7:], Content_Range=f"bytes 7-{len(WEIGHTS) - 1}/{len(WEIGHTS)}")

    here.refuses(serve(shelf(source, at_weights(act))), Unavailable, "remote/malformed")


def test_a_redirect_to_another_server_gets_no_credentials_and_no_belief(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = serve(lambda door: door.reply(200, b"evil" * 256))

    def odd(door: Door) -> bool:
        if "Authorization" not in door.headers:
            door.reply(401, WWW_Authenticate='Basic realm="x"')
            return True
        return at_weights(lambda door: door.reply(307, Location=f"{other.url}/blob"))(door)

    server = serve(shelf(source, odd))
    host = server.url.removeprefix("http://")
    auths = {"auths": {host: {"username": "ann", "password": "secret"}}}
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps(auths))
    here.refuses(server, DigestMismatch, "package/digest-mismatch")
    assert other.asked
    assert all("Authorization" not in headers for *_, headers in other.asked)


def test_redirects_in_a_circle_are_given_up(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    server = serve(shelf(source, at_weights(lambda door: door.reply(302, Location=door.path))))
    here.refuses(server, Unavailable, "remote/misled")


def test_a_blob_that_is_not_there_is_not_found(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    server = serve(shelf(source, at_weights(lambda door: door.reply(404))))
    here.refuses(server, NotFound, "store/no-blob")


# ---------------------------------------------------------------- manifests


def with_manifest(content: bytes, **said: str) -> Answer:
    """Give out a manifest, whatever is asked for."""

    def odd(door: Door) -> bool:
        is_there = "/manifests/" in door.path and "sha256-" not in door.path
        if is_there:
            door.reply(200, content, **{"Content_Type": IMAGE_MANIFEST, **said})
        return is_there

    return odd


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"", ManifestError, "json/syntax"),
        (b"<html></html>", ManifestError, "json/syntax"),
        (b"[" * 100_000, ManifestError, "json/too-deep"),
        (b"[]", ManifestError, "package/manifest"),
        (b'{"schemaVersion": 1}', ManifestError, "package/manifest"),
        (b'{"schemaVersion": 2, "schemaVersion": 2}', ManifestError, "json/duplicate-member"),
        (b" " * (9 * 1024 * 1024), Unavailable, "remote/malformed"),
    ],
    ids=["nothing", "a page", "deep", "a list", "of docker", "twice", "large"],
)
def test_what_is_no_manifest_is_refused(
    serve: Serve, here: Here, content: bytes, kind: type[KetchError], code: str
) -> None:
    here.refuses(serve(Shelf(odd=with_manifest(content))), kind, code)


def test_an_image_of_something_else_is_no_package(serve: Serve, here: Here) -> None:
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2}
    image = {
        "schemaVersion": 2,
        "config": {**config, "digest": str(Digest.of(b"{}"))},
        "layers": [],
    }
    server = serve(Shelf(odd=with_manifest(canonical_json(image))))
    here.refuses(server, PackageError, "remote/not-a-package")


def test_an_index_of_images_is_no_package(serve: Serve, here: Here) -> None:
    index = canonical_json({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": []})
    server = serve(Shelf(odd=with_manifest(index, Content_Type=IMAGE_INDEX)))
    here.refuses(server, PackageError, "package/manifest")


def test_a_server_that_says_another_digest_than_its_bytes_have_is_refused(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    said = {"Docker_Content_Digest": f"sha256:{'0' * 64}"}
    server = serve(shelf(source, with_manifest(source[0].read(source[1]), **said)))
    here.refuses(server, DigestMismatch, "package/digest-mismatch")


def test_a_digest_that_is_asked_for_is_what_one_gets_or_nothing(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    other = packages.body(packages.files())
    other["annotations"]["x"] = "y"
    server = serve(shelf(source, with_manifest(canonical_json(other))))
    error = here.refuses(server, DigestMismatch, "package/digest-mismatch", choice=f"@{source[1]}")
    assert str(source[1]) in error.message


def test_more_than_the_disk_holds_is_not_begun(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    body = packages.body(packages.files())
    body["layers"][0]["size"] = 2**60
    content = canonical_json(body)
    server = serve(shelf(source, with_manifest(content)))
    here.refuses(server, Unavailable, "disk/full")
    assert here.parts() == []


def test_a_package_that_breaks_the_format_gets_no_name(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    body = packages.body(packages.files())
    body["layers"] = body["layers"][:1]
    server = serve(shelf(source, with_manifest(canonical_json(body))))
    with pytest.raises(PackageError):
        here.pull(server)
    assert here.store.tags() == {}


# ---------------------------------------------------------------- lists


def test_tags_without_end_are_given_up(serve: Serve, here: Here) -> None:
    """Whoever asks for no version is told some; a server may have no end of them."""

    def odd(door: Door) -> bool:
        if "/tags/list" not in door.path:
            return False
        page = int(door.path.rpartition("=")[2])
        tags = [f"t{page}-{number}" for number in range(5000)]
        link = f'</v2/team/hello/tags/list?n={page + 1}>; rel="next"'
        door.reply(200, json.dumps({"tags": tags}).encode(), Link=link)
        return True

    server = serve(Shelf(odd=odd))
    here.refuses(server, Unavailable, "remote/malformed", choice="")
    assert len(server.asked) < 30


def test_a_page_of_tags_without_end_is_given_up(serve: Serve, here: Here) -> None:
    def odd(door: Door) -> bool:
        door.reply(200, b'{"tags": ["' + b"a" * (20 * 1024 * 1024))
        return True

    here.refuses(serve(Shelf(odd=odd)), Unavailable, "remote/malformed", choice="")


def test_tags_that_are_none_are_not_shown(serve: Serve, here: Here) -> None:
    def odd(door: Door) -> bool:
        if "/tags/list" in door.path:
            door.reply(200, json.dumps({"tags": ["\x1b[2J", "1.0.0", "a b", "../x"]}).encode())
        return "/tags/list" in door.path

    error = here.refuses(serve(Shelf(odd=odd)), UsageError, "remote/choice", choice="")
    assert error.hint == "here are `1.0.0`"


@pytest.mark.parametrize(
    "listed",
    [
        {"schemaVersion": 2, "manifests": []},
        {"schemaVersion": 2, "manifests": [{"mediaType": IMAGE_MANIFEST, "size": 10, "digest": f"sha256:{'1' * 64}"}]},
        {"schemaVersion": 2, "manifests": [{"mediaType": IMAGE_MANIFEST, "size": 2**62, "digest": f"sha256:{'1' * 64}"}]},
        {"schemaVersion": 2, "manifests": [{"mediaType": "text/plain", "size": 1, "digest": f"sha256:{'1' * 64}"}]},
    ],
    ids=["none", "missing", "huge", "no manifest"],
)  # fmt: skip
def test_what_strangers_attached_does_not_keep_the_package_away(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest], listed: dict[str, object]
) -> None:
    def odd(door: Door) -> bool:
        if "/referrers/" in door.path:
            door.reply(200, json.dumps(listed).encode())
        return "/referrers/" in door.path

    here.pull(serve(shelf(source, odd)))
    assert here.store.referrers(source[1]) == []


def test_referrers_without_end_are_given_up(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    def odd(door: Door) -> bool:
        if "/referrers/" in door.path:
            body = b'{"schemaVersion": 2, "manifests": []}'
            door.reply(200, body, Link=f'<{door.path}>; rel="next"')
        return "/referrers/" in door.path

    here.refuses(serve(shelf(source, odd)), Unavailable, "remote/malformed")


# ---------------------------------------------------------------- names


def test_a_name_that_means_other_bytes_here_is_not_moved(
    serve: Serve, here: Here, source: tuple[MemoryStore, Digest]
) -> None:
    mine = packages.put(here.store, packages.files() | {"README.md": b"# mine\n"})
    here.store.tag("hello:1.0.0", open_package(mine, here.store).descriptor)
    server = serve(shelf(source))
    with pytest.raises(Refused) as caught:
        here.pull(server)
    assert caught.value.code == "store/tag-taken"
    assert {str(mine), str(source[1])} <= set(
        caught.value.message.replace("`", " ").replace(",", " ").split()
    )
    resolved = here.store.resolve("hello:1.0.0")
    assert resolved is not None
    assert resolved.digest == mine
    assert not [
        path
        for path in server.asked_for("GET")
        if "/blobs/sha256:" in path and source[1].hex not in path
    ]


# ---------------------------------------------------------------- pushing


@pytest.fixture
def mine(here: Here) -> Package:
    """A package in the store of this machine."""
    package = open_package(packages.put(here.store, packages.files()), here.store)
    here.store.tag(package.reference, package.descriptor)
    return package


def push(here: Here, package: Package, server: Server, tag: str = "") -> None:
    address = Address.parse(f"oci://{server.url.removeprefix('http://')}/team/hello{tag}")
    push_package(here.store, package, address, watcher=Silent())


def test_an_honest_server_takes_the_package(serve: Serve, here: Here, mine: Package) -> None:
    kept = Shelf()
    push(here, mine, serve(kept))
    assert kept.manifests[TAG] == here.store.read(mine.digest)


def test_the_name_comes_last(serve: Serve, here: Here, mine: Package) -> None:
    server = serve(Shelf())
    push(here, mine, server)
    assert server.asked_for("PUT")[-1].endswith(f"/manifests/{TAG}")
    blobs = [path for path in server.asked_for("PUT") if "/blobs/" in path]
    assert server.asked_for("PUT")[: len(blobs)] == blobs, "then manifests"


def refused(door: Door) -> bool:
    door.read()
    if "/manifests/" in door.path and door.command == "GET":
        return False
    door.reply(403)
    return True


def without_location(door: Door) -> bool:
    if door.command == "POST":
        door.reply(202)
    return door.command == "POST"


def other_digest(door: Door) -> bool:
    is_manifest = door.command == "PUT" and "/manifests/" in door.path
    if is_manifest:
        door.read()
        door.reply(201, Docker_Content_Digest=f"sha256:{'0' * 64}")
    return is_manifest


def forgetful(door: Door) -> bool:
    is_end = door.command == "PUT" and "/uploads/" in door.path
    if is_end:
        door.read()
        door.reply(404)
    return is_end


def full(door: Door) -> bool:
    is_upload = door.command in {"POST", "PATCH", "PUT"}
    if is_upload:
        door.read()
        door.reply(507)
    return is_upload


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (refused, (Refused, "remote/denied")),
        (without_location, (Unavailable, "remote/malformed")),
        (other_digest, (DigestMismatch, "package/digest-mismatch")),
        (forgetful, (NotFound, "remote/not-found")),
        (full, (Unavailable, "remote/failing")),
    ],
)
def test_a_server_that_does_not_take_a_package_gives_it_no_name(
    serve: Serve, here: Here, mine: Package, odd: Answer, said: tuple[type[KetchError], str]
) -> None:
    kept, (kind, code) = Shelf(odd=odd), said
    with pytest.raises(kind) as caught:
        push(here, mine, serve(kept))
    assert caught.value.code == code
    assert TAG not in kept.manifests


def test_a_tag_that_means_other_bytes_there_is_not_moved(
    serve: Serve, here: Here, mine: Package
) -> None:
    other = MemoryStore()
    theirs = packages.put(other, packages.files() | {"README.md": b"# theirs\n"})
    kept = Shelf.of(other, theirs, TAG)
    server = serve(kept)
    with pytest.raises(Refused) as caught:
        push(here, mine, server)
    assert caught.value.code == "store/tag-taken"
    assert kept.manifests[TAG] == other.read(theirs)
    assert server.asked_for("POST") == [], "nothing was sent"


def test_a_blob_that_is_damaged_here_is_told_by_both_digests(
    serve: Serve, here: Here, mine: Package
) -> None:
    path = here.store.path(Digest.of(WEIGHTS))
    path.chmod(0o600)
    path.write_bytes(WEIGHTS[:-1] + b"?")
    kept = Shelf()
    with pytest.raises(DigestMismatch, match="fsck") as caught:
        push(here, mine, serve(kept))
    assert str(Digest.of(WEIGHTS)) in caught.value.message
    assert str(Digest.of(path.read_bytes())) in caught.value.message
    assert TAG not in kept.manifests


@pytest.mark.parametrize("tag", [":1.0.1", f"@sha256:{'0' * 64}"])
def test_a_package_keeps_its_version_wherever_it_goes(
    serve: Serve, here: Here, mine: Package, tag: str
) -> None:
    server = serve(Shelf())
    with pytest.raises(UsageError) as caught:
        push(here, mine, server, tag)
    assert caught.value.code == "remote/other-name"
    assert server.asked == []
    push(here, mine, server, f":{TAG}")


def test_nothing_is_sent_twice(serve: Serve, here: Here, mine: Package) -> None:
    kept = Shelf()
    server = serve(kept)
    push(here, mine, server)
    sent, server.asked[:] = kept.received, []
    push(here, mine, server)
    assert kept.received == sent
    assert server.asked_for("POST") == []


def test_a_store_that_was_emptied_pulls_what_it_pushed(
    serve: Serve, here: Here, mine: Package
) -> None:
    server = serve(Shelf())
    push(here, mine, server)
    shutil.rmtree(here.store.root)
    assert Here(LocalStore(here.store.root)).pull(server).digest == mine.digest
