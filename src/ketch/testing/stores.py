"""What every store must do, as checks that a store of your own can be put to.

>>> from ketch.store import MemoryStore
>>> check_store(MemoryStore)

A store whose protocol cannot list blobs says so with an attribute ``lists_every_blob`` that
is false; what is demanded of listings is then left out.

With pytest, give each check its own line of the report::

    @pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
    def test_my_store(check, tmp_path):
        check(MyStore(), tmp_path)
"""

import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ketch.errors import (
    DigestMismatch,
    KetchError,
    ManifestError,
    NotFound,
    PackageError,
    Refused,
    UsageError,
)
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import (
    EMPTY_CONFIG,
    IMAGE_MANIFEST,
    MODEL_MANIFEST,
    Descriptor,
    ImageManifest,
)
from ketch.store.base import Store, put_stream

Check = Callable[[Store, Path], None]
"""A check of an empty store; the path is an empty folder for the check's own files."""

_TAG = "recommender-1.0.0"  # a name that every kind of store takes


def check_store(make_store: Callable[[], Store]) -> None:
    """Put a store to every check of :data:`STORE_CHECKS`.

    Args:
        make_store: Returns a new, empty store each time.

    Raises:
        AssertionError: A check failed; its name is in the traceback.
    """
    for check in STORE_CHECKS:
        with tempfile.TemporaryDirectory() as folder:
            check(make_store(), Path(folder))


def put_package(
    store: Store, layers: Sequence[bytes] = (b"weights",), subject: Descriptor | None = None
) -> Descriptor:
    """Store a small artifact and return its manifest.

    Args:
        store: Where it goes.
        layers: The content of its layers.
        subject: What it refers to, if it shall be a referrer.
    """
    config = store.put_bytes(b"{}")
    stored = [store.put_bytes(content) for content in layers]
    manifest = ImageManifest(
        config=Descriptor(EMPTY_CONFIG, config.digest, config.size),
        layers=tuple(Descriptor("application/octet-stream", s.digest, s.size) for s in stored),
        artifact_type=MODEL_MANIFEST,
        subject=subject,
    )
    kept = store.put_bytes(manifest.to_bytes())
    return Descriptor(IMAGE_MANIFEST, kept.digest, kept.size, artifact_type=MODEL_MANIFEST)


def bytes_come_back_as_they_went_in(store: Store, folder: Path) -> None:
    """Content of any length is found by its SHA-256, in every way of reading."""
    del folder
    for content in (b"", b"a", bytes(range(256)) * 5000):
        stored = store.put_bytes(content)
        _require(stored == Stored(Digest.of(content), len(content)), "digest and size")
        _require(store.read(stored.digest) == content, "read")
        with store.open(stored.digest) as blob:
            _require(blob.read() == content, "open")
        _require(store.path(stored.digest).read_bytes() == content, "path")
        _require(store.size(stored.digest) == len(content), "size")
        _require_listed(store, {stored.digest}, "digests")


def storing_twice_is_storing_once(store: Store, folder: Path) -> None:
    """The same content is there once, from bytes, files and streams."""
    path = folder / "weights.bin"
    path.write_bytes(b"weights")
    first = store.put_bytes(b"weights")
    _require(store.put_files([path]) == {path: first}, "put_files")
    put_stream(store, io.BytesIO(b"weights"), first)
    _require_only(store, {first.digest}, "one blob")


def files_are_stored_whole(store: Store, folder: Path) -> None:
    """Files of all sizes, equal files, and files given twice are stored; progress adds up."""
    sizes = (0, 1, 1 << 20, (1 << 20) + 1, 3_000_000, 3_000_000)
    paths = [folder / str(number) for number in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        path.write_bytes(bytes(index * size % 251 for index in range(1000)) * (size // 1000 + 1))
        with path.open("r+b") as file:
            file.truncate(size)
    for link in (False, True):
        done: list[int] = []
        stored = store.put_files([*paths, paths[0]], link=link, progress=done.append)
        _require(list(stored) == paths, "one answer a file, in order")
        _require(sum(done) == sum(sizes), "progress adds up to the size")
        for path in paths:
            content = path.read_bytes()
            _require(stored[path] == Stored(Digest.of(content), len(content)), "digest")
            _require(store.read(stored[path].digest) == content, "content")
    _require(store.put_files([]) == {}, "no files")


def what_is_no_file_is_refused(store: Store, folder: Path) -> None:
    """A missing file, a folder or a link is refused, and nothing of the call is stored."""
    good, link = folder / "good", folder / "link"
    good.write_bytes(b"good")
    link.symlink_to(good)
    with _refused(NotFound, "store/no-file"):
        store.put_files([good, folder / "missing"])
    with _refused(UsageError, "store/not-a-file"):
        store.put_files([good, link])
    with _refused(UsageError, "store/not-a-file"):
        store.put_files([good, folder])
    _require_only(store, set(), "all files or none")


def what_is_missing_is_not_found(store: Store, folder: Path) -> None:
    """Every way of reading says that a blob is not there; deleting it again is no error."""
    del folder
    stored = store.put_bytes(b"gone")
    for _ in range(2):
        store.delete(stored.digest)
    _require(store.size(stored.digest) is None, "size")
    _require(stored.digest not in set(store.digests()), "digests")
    for read in (store.read, store.path, store.open):
        with _refused(NotFound, "store/no-blob"):
            read(stored.digest)
    with _refused(NotFound, "store/no-blob"):
        store.verify_all([stored.digest])


def reading_is_bounded(store: Store, folder: Path) -> None:
    """``read`` gives up at the size that the caller can take."""
    del folder
    stored = store.put_bytes(b"12345")
    _require(store.read(stored.digest, max_bytes=5) == b"12345", "exactly")
    with _refused(PackageError, "store/blob-too-large"):
        store.read(stored.digest, max_bytes=4)


def verifying_reads_everything(store: Store, folder: Path) -> None:
    """Each blob is hashed once, also when it is named twice."""
    del folder
    stored = [store.put_bytes(bytes([number]) * 1000) for number in range(20)]
    done: list[int] = []
    store.verify_all([each.digest for each in stored] * 2, progress=done.append)
    _require(sum(done) == 20_000, "progress")
    store.verify_all([])


def streams_must_be_what_they_say(store: Store, folder: Path) -> None:
    """A stream that is longer, shorter or other than announced leaves nothing behind."""
    del folder
    expected = Stored(Digest.of(b"weights"), 7)
    for content in (b"weight", b"weights!", b"weighty", b""):
        with _refused(DigestMismatch, "package/digest-mismatch"):
            put_stream(store, io.BytesIO(content), expected)
    _require_only(store, set(), "nothing is left")
    _require(store.size(expected.digest) is None, "not even under the digest")
    endless = io.BytesIO(b"w" * 10_000_000)
    with _refused(DigestMismatch, "package/digest-mismatch"):
        put_stream(store, endless, expected)
    _require(endless.tell() <= 8, "read one byte on, no further")


def incoming_blobs_appear_at_once(store: Store, folder: Path) -> None:
    """Blobs are seen after the commit, only those asked for, and never without one."""
    del folder
    one, two = Stored(Digest.of(b"one"), 3), Stored(Digest.of(b"two"), 3)
    with store.incoming() as incoming:
        incoming.add(io.BytesIO(b"one"), one)
        _require(incoming.read(one.digest) == b"one", "readable by who brought it")
        _require(store.size(one.digest) is None, "not visible yet")
    _require_only(store, set(), "no commit, no blob")
    with store.incoming() as incoming:
        incoming.add(io.BytesIO(b"one"), one)
        incoming.add(io.BytesIO(b"two"), two)
        three = incoming.put_bytes(b"three")
        _require(three == Stored(Digest.of(b"three"), 5), "digest and size")
        incoming.commit(only={two.digest, three.digest})
        _require(incoming.has(two), "known after the commit")
        _require(store.read(three.digest) == b"three", "bytes as well as streams")
        _require(not incoming.has(one), "and what was not committed is not")
    _require_only(store, {two.digest, three.digest}, "only what was asked for")


def tags_name_whole_packages(store: Store, folder: Path) -> None:
    """A tag resolves to the descriptor it was given; tags are sorted."""
    del folder
    first, second = put_package(store), put_package(store, [b"other"])
    _require(store.resolve(_TAG) is None, "no tag yet")
    for name, descriptor in (("b-2", second), (_TAG, first), ("a-1", first)):
        store.tag(name, descriptor)
    _require(store.resolve(_TAG) == first, "resolve")
    _require(list(store.tags().items()) == [("a-1", first), ("b-2", second), (_TAG, first)], "all")


def untagging_is_final(store: Store, folder: Path) -> None:
    """A tag that was forgotten stands for nothing; forgetting it again is no error."""
    del folder
    package = put_package(store)
    for name in ("a-1", _TAG):
        store.tag(name, package)
    for _ in range(2):
        store.untag(_TAG)
    _require(store.resolve(_TAG) is None, "untagged")
    _require(store.resolve("a-1") == package, "other tags stay")


def a_tag_does_not_change_meaning_by_accident(store: Store, folder: Path) -> None:
    """The same content may be tagged again; other content only when asked for."""
    del folder
    first, second = put_package(store), put_package(store, [b"other"])
    store.tag(_TAG, first)
    store.tag(_TAG, first)
    with _refused(Refused, "store/tag-taken"):
        store.tag(_TAG, second)
    _require(store.resolve(_TAG) == first, "unchanged")
    store.tag(_TAG, second, replace=True)
    _require(store.resolve(_TAG) == second, "replaced")


def a_tag_needs_every_part(store: Store, folder: Path) -> None:
    """A package of which a part is missing, or has another size, is not tagged."""
    del folder
    for content in (b"weights", b"{}"):
        package = put_package(store)
        store.delete(Digest.of(content))
        with _refused(NotFound, "store/incomplete"):
            store.tag(_TAG, package)
    package = put_package(store)
    wrong = Descriptor(package.media_type, package.digest, package.size + 1)
    with _refused(NotFound, "store/incomplete"):
        store.tag(_TAG, wrong)
    _require(store.tags() == {}, "no tag")


def tags_have_a_grammar(store: Store, folder: Path) -> None:
    """Names that no other tool could use, and those of referrers, are refused."""
    del folder
    package = put_package(store)
    for name in (
        "",
        "a b",
        "../a",
        "a\n",
        "é",
        "a//b",
        "/a",
        "-a",
        "a" * 256,
        f"sha256-{'0' * 64}",
    ):
        with _refused(UsageError, "store/tag-syntax"):
            store.tag(name, package)


def referrers_are_found_by_their_subject(store: Store, folder: Path) -> None:
    """Referrers are listed oldest first, each once, and are no tags."""
    del folder
    subject = put_package(store)
    first, second = (put_package(store, [layer], subject) for layer in (b"first", b"second"))
    _require(store.referrers(subject.digest) == [], "none yet")
    for referrer in (first, second, first):
        store.add_referrer(subject.digest, referrer)
    _require(store.referrers(subject.digest) == [first, second], "in order, once")
    _require(store.tags() == {}, "no tags")


def a_referrer_says_whom_it_means(store: Store, folder: Path) -> None:
    """A manifest without that subject is refused, and so is one that is not there."""
    del folder
    subject, other = put_package(store), put_package(store, [b"other"])
    with _refused(ManifestError, "store/not-a-referrer"):
        store.add_referrer(subject.digest, other)
    referrer = put_package(store, [b"report"], subject)
    store.delete(Digest.of(b"report"))
    with _refused(NotFound, "store/incomplete"):
        store.add_referrer(subject.digest, referrer)
    _require(store.referrers(subject.digest) == [], "none")


def writers_do_not_lose_each_other(store: Store, folder: Path) -> None:
    """Threads that tag and refer at once all succeed."""
    del folder
    subject = put_package(store)

    def work(number: int) -> None:
        referrer = put_package(store, [b"report %d" % number], subject)
        store.add_referrer(subject.digest, referrer)
        store.tag(f"recommender-{number}", subject)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(24)))
    _require(len(store.tags()) == 24, "every tag")
    _require(len(store.referrers(subject.digest)) == 24, "every referrer")


def one_of_many_wins_a_tag(store: Store, folder: Path) -> None:
    """Of threads that give one name to different content, one succeeds, the rest hear why."""
    del folder
    packages = [put_package(store, [bytes([number])]) for number in range(8)]

    def work(package: Descriptor) -> str | None:
        try:
            store.tag(_TAG, package)
        except Refused as error:
            return error.code
        return None

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, packages))
    _require(sorted(map(str, answers)) == ["None"] + ["store/tag-taken"] * 7, "one winner")
    _require(store.resolve(_TAG) == packages[answers.index(None)], "the winner's content")


STORE_CHECKS: tuple[Check, ...] = (
    bytes_come_back_as_they_went_in,
    storing_twice_is_storing_once,
    files_are_stored_whole,
    what_is_no_file_is_refused,
    what_is_missing_is_not_found,
    reading_is_bounded,
    verifying_reads_everything,
    streams_must_be_what_they_say,
    incoming_blobs_appear_at_once,
    tags_name_whole_packages,
    untagging_is_final,
    a_tag_does_not_change_meaning_by_accident,
    a_tag_needs_every_part,
    tags_have_a_grammar,
    referrers_are_found_by_their_subject,
    a_referrer_says_whom_it_means,
    writers_do_not_lose_each_other,
    one_of_many_wins_a_tag,
)
"""Every check; each wants a new, empty store."""


def _require(claim: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence where used
    if not claim:
        raise AssertionError(what)


def _require_listed(store: Store, digests: set[Digest], what: str) -> None:
    """Demand that blobs are listed, of a store that can tell what it has."""
    if _lists(store):
        _require(digests <= set(store.digests()), what)


def _require_only(store: Store, digests: set[Digest], what: str) -> None:
    """Demand that blobs are there, and no others as far as the store can tell."""
    _require(all(store.size(digest) is not None for digest in digests), what)
    if _lists(store):
        _require(sorted(store.digests()) == sorted(digests), what)


def _lists(store: Store) -> bool:
    """Whether a store can list what no tag leads to; a registry can not, and says so."""
    return getattr(store, "lists_every_blob", True)


@contextmanager
def _refused(kind: type[KetchError], code: str) -> Iterator[None]:
    try:
        yield
    except kind as error:
        _require(error.code == code, f"expected `{code}`, found `{error.code}`: {error}")
    else:
        raise AssertionError(f"expected {kind.__name__}, found no error")
