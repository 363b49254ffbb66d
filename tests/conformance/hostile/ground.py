"""The ground that hostile bytes are tried on, and the tools that make such bytes."""

from __future__ import annotations

import gzip
import io
import json
import resource
import signal
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import packages
from tests.packages import Body

from ketch.errors import Finding, KetchError
from ketch.package import Digest, Stored, open_package
from ketch.package.attestation import ARTIFACT_TYPE, MEDIA_TYPE
from ketch.package.oci import EMPTY_CONFIG, IMAGE_INDEX, IMAGE_MANIFEST
from ketch.schema.parse import canonical_json
from ketch.store import LocalStore, MemoryStore, read_archive

RIGHT = packages.files()
BLOBS = "blobs/sha256/"
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
REF_NAME = "org.opencontainers.image.ref.name"


@dataclass
class Ground:
    """Where an attack takes place: a store, and a room to lay packages out in.

    Both lie inside ``outside``, of which nothing else may change.
    """

    outside: Path
    store: LocalStore | MemoryStore

    @property
    def room(self) -> Path:
        """An empty folder for one package."""
        return self.outside / "home" / "run" / "room"

    def put(self, contents: Mapping[str, bytes], changed: Body | bytes | None = None) -> Digest:
        """Store a package, whatever it is, synced once; return its digest."""
        if isinstance(self.store, MemoryStore):
            return packages.put(self.store, contents, changed)
        memory = MemoryStore()
        digest = packages.put(memory, contents, changed)
        with self.store.incoming() as incoming:
            for each in memory.digests():
                content = memory.read(each)
                incoming.add(io.BytesIO(content), Stored(each, len(content)))
            incoming.commit()
        return digest

    def read(self, digest: Digest) -> None:
        """Do with a stored package all that ketch does before its code runs."""
        packages.read_everything(digest, self.store, self.room)

    def import_archive(self, path: Path) -> None:
        """Read an archive, then the packages in it."""
        for _, root in read_archive(path, self.store).roots:
            open_package(root.digest, self.store)
            self.read(root.digest)

    def snapshot(self) -> dict[str, tuple[int, int, bytes]]:
        """Return everything that lies outside the store and the room."""
        inside = (self.room, self.outside / "home" / "store")
        return {
            str(path): (seen.st_mode, seen.st_mtime_ns, _content(path, seen.st_mode))
            for path in sorted(self.outside.rglob("*"))
            if not any(path.is_relative_to(part) for part in inside)
            and path not in {part.parent for part in inside}
            for seen in [path.lstat()]
        }


Attack = Callable[[Ground], None]


@dataclass(frozen=True)
class Case:
    """An attack, and the codes of which one must refuse it (or beginnings of codes)."""

    name: str
    codes: str
    attack: Attack

    def expects(self, code: str) -> bool:
        """Whether an error of this code is the refusal."""
        return code.startswith(tuple(self.codes.split()))


def manifest(change: Callable[[Body], object]) -> Attack:
    """Return the attack of a package whose manifest was changed in place, or exchanged."""

    def attack(ground: Ground) -> None:
        body = packages.body(RIGHT)
        made = change(body)
        changed = made if isinstance(made, bytes) else body
        ground.read(ground.put(RIGHT, changed))

    return attack


def layer(path: str, **members: Any) -> Attack:
    """Return the attack of a package of which one layer's descriptor was changed."""
    return manifest(lambda body: body["layers"][sorted(RIGHT).index(path)].update(members))


def files(changes: Mapping[str, bytes | Callable[[], bytes]]) -> Attack:
    """Return the attack of a package of which some files are others, with right digests."""

    def attack(ground: Ground) -> None:
        made = {path: each if isinstance(each, bytes) else each() for path, each in changes.items()}
        ground.read(ground.put({**RIGHT, **made}))

    return attack


def document(path: str, *place: str | int, value: object) -> Attack:
    """Return the attack of a package with another value inside one of its JSON files."""
    return files({path: packages.replaced_json(RIGHT[path].splitlines()[0], *place, value=value)})


def archive(make: Callable[[], bytes]) -> Attack:
    """Return the attack of a file that claims to be an archive."""

    def attack(ground: Ground) -> None:
        path = ground.outside / "home" / "run" / "room" / "evil.tar"
        path.write_bytes(make())
        try:
            ground.import_archive(path)
        finally:
            path.unlink()

    return attack


def refuses(parse: Callable[[str], object], text: str) -> Attack:
    """Return the attack of a name."""

    def attack(_: Ground) -> None:
        parse(text)

    return attack


def member(name: str | bytes, content: bytes = b"", **header: Any) -> bytes:
    """Return one member of a tar: header, content, padding; any header member may be a lie.

    ``raw`` overwrites bytes of the header by their offset; the check sum is made right.
    """
    info = tarfile.TarInfo(name if isinstance(name, str) else "")
    info.size = len(content)
    raw: dict[int, bytes] = header.pop("raw", {})
    for key, value in header.items():
        setattr(info, key, value)
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT)[-512:])
    if isinstance(name, bytes):
        raw = {0: name.ljust(100, b"\0"), **raw}
    for at, replacement in raw.items():
        block[at : at + len(replacement)] = replacement
    if 148 not in raw:
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + content + bytes(-len(content) % 512)


def pax(kind: bytes = b"x", **records: str) -> bytes:
    """Return an extended header."""
    lines = b""
    for key, value in records.items():
        text = f" {key.replace('__', '.')}={value}\n".encode()
        length = len(text) + len(str(len(text) + len(str(len(text)))))
        lines += str(length).encode() + text
    return member("././@PaxHeader", lines, type=kind)


def tar(*members: bytes) -> bytes:
    """Return a tar of members, ended and padded as it should be."""
    body = b"".join(members) + bytes(1024)
    return body + bytes(-len(body) % 10240)


def layout(blobs: Iterable[bytes], index: object, *more: bytes, without: str = "") -> bytes:
    """Return an archive: an image layout of these blobs, and whatever else."""
    documents = {
        "oci-layout": LAYOUT,
        "index.json": index if isinstance(index, bytes) else canonical_json(index),
    }
    kept = [member(name, content) for name, content in documents.items() if name != without]
    return tar(*(blob(content) for content in blobs), *kept, *more)


def blob(content: bytes, name: str | None = None) -> bytes:
    """Return a member that holds a blob; its name may be a lie."""
    return member(BLOBS + (name or Digest.of(content).hex), content)


def entry(content: bytes, media_type: str = IMAGE_MANIFEST, **changes: Any) -> Body:
    """Return what points to a blob."""
    digest = str(Digest.of(content))
    return {"mediaType": media_type, "digest": digest, "size": len(content), **changes}


def index_of(*entries: Body) -> Body:
    """Return an image index."""
    return {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": list(entries)}


def referrer(
    subject: Body, *layers: bytes, artifact_type: str = ARTIFACT_TYPE, **changes: Any
) -> bytes:
    """Return a manifest that refers to another one, as an attestation does."""
    body = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": artifact_type,
        "config": entry(b"{}", EMPTY_CONFIG),
        "layers": [entry(each, MEDIA_TYPE) for each in layers],
        "subject": subject,
        **changes,
    }
    return canonical_json(body)


def right_blobs() -> tuple[list[bytes], bytes]:
    """Return every blob of the right package, and its manifest."""
    store = MemoryStore()
    digest = packages.put(store, RIGHT)
    return [store.read(each) for each in sorted(store.digests())], store.read(digest)


def bomb(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """Return JSON nested so deep that a reader which recurses falls over."""
    return opening * depth + b"1" + closing * depth


def gzipped(content: bytes) -> bytes:
    """Return content compressed with gzip."""
    return gzip.compress(content, mtime=0)


def zipped(names: Iterable[str]) -> bytes:
    """Return a zip archive of empty files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, b"")
    return buffer.getvalue()


def encoded(value: object) -> bytes:
    """Return JSON as a careless program writes it: NaN and all."""
    return json.dumps(value).encode()


class Hang(BaseException):
    """An attack took longer than any refusal may."""


@contextmanager
def within(seconds: float, more_bytes: int = 512 << 20) -> Iterator[None]:
    """Stop what takes longer, and refuse it more memory than it has now and so much."""

    def stop(*_: object) -> None:
        raise Hang(f"not refused within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + more_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def require_short(error: KetchError) -> None:
    """Require that all an error says can be shown, and read."""
    told: list[KetchError | Finding] = [error, *error.findings]
    assert len(told) < 2500
    for one in told:
        for said in (one.message, one.where or "", one.hint or ""):
            assert said.isprintable(), said
            assert len(said) <= 1000, said


def _content(path: Path, mode: int) -> bytes:
    if stat.S_ISLNK(mode):
        return str(path.readlink()).encode()
    return path.read_bytes() if stat.S_ISREG(mode) else b""
