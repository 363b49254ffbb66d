r"""What a pickle imports and which versions wrote it, read from its bytes.

Nothing is unpickled: the stream is searched for the opcodes that import a name, and for
the versions that libraries record in it. See the table of opcodes in CPython's
``Lib/pickletools.py``: ``c`` is GLOBAL, ``\x93`` is STACK_GLOBAL, ``\x8c`` a short text.
"""

from __future__ import annotations

import bz2
import lzma
import mmap
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ketch.authoring.drafting.model_file import Form, Seen, unknown
from ketch.errors import Finding

BYTES_SEARCHED = 512 << 20
BYTES_UNPACKED = 128 << 20  # of a compressed file
_MOST_MODULES = 5000

_DOTTED = rb"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_GLOBAL = re.compile(rb"c(" + _DOTTED + rb")\n" + _DOTTED + rb"\n")
_STACK_GLOBAL = re.compile(
    rb"\x8c([\x01-\xff])(" + _DOTTED + rb")\x94?\x8c[\x01-\xff]" + _DOTTED + rb"\x94?\x93",
    re.DOTALL,
)
_SKLEARN = re.compile(
    rb"_sklearn_version[^0-9]{0,4}(?:q.|\x94|p\d+\n)?[^0-9]{0,6}(\d+\.\d+(?:\.\d+)?(?:rc\d+|\.post\d+)?)",
    re.DOTALL,
)
_XGBOOST = re.compile(rb"version\[#L\0{7}\x03((?:[iU].|I..|l....){3})", re.DOTALL)
_NAMES = re.compile(rb"feature_names_in_|feature_names\[#L\0{7}[^\0]")


class _Unpacker(Protocol):
    def decompress(self, content: bytes, size: int, /) -> bytes: ...


_UNPACKERS: dict[bytes, Callable[[], _Unpacker]] = {
    b"\x78": zlib.decompressobj,
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": lzma.LZMADecompressor,
    b"\x5d\x00\x00": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE),
}
_LZ4 = b"\x04\x22\x4d\x18"


def looks_pickled(path: Path, head: bytes) -> bool:
    """Whether a file starts as a pickle does, plain or compressed by joblib."""
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    if path.suffix.lower() not in (
        ".pkl",
        ".pickle",
        ".joblib",
        ".sav",
        ".gz",
        ".z",
        ".bz2",
        ".xz",
    ):
        return False
    return head[:1] in (b"c", b"(", b"]", b"}") or any(
        head.startswith(m) for m in (*_UNPACKERS, _LZ4)
    )


def scan_pickle(path: Path, head: bytes) -> Seen:
    """Say what a pickle imports and which versions it records.

    Raises:
        UsageError: ``init/unknown-model``: it cannot be unpacked, or imports nothing.
    """
    if head.startswith(_LZ4):
        raise unknown(
            path,
            "found a pickle compressed with lz4",
            "save it with `joblib.dump(model, path, compress=3)`",
        )
    packed = _unpacker_for(head)
    with searchable(path) as content:
        stream = unpack(path, content, packed()) if packed else content
        modules = tuple(_modules(stream))
        versions = dict(versions_in(stream))
        names_columns = "lightgbm.sklearn" in modules or _NAMES.search(stream, 0, BYTES_SEARCHED)
        findings = tuple(_findings(path, modules))
    if not modules:
        message = "expected a trained model, found a pickle that names no library"
        raise unknown(path, message)
    is_joblib = packed or path.suffix.lower() == ".joblib" or "joblib.numpy_pickle" in modules
    form = Form.JOBLIB if is_joblib else Form.PICKLE
    return Seen(form, versions, modules, bool(names_columns), findings=findings)


def pickled_versions(path: Path, head: bytes) -> dict[str, str]:
    """Return the versions that a pickle records, by distribution.

    Raises:
        UsageError: ``init/unknown-model``: it cannot be unpacked.
    """
    packed = _unpacker_for(head)
    with searchable(path) as content:
        return dict(versions_in(unpack(path, content, packed()) if packed else content))


def _unpacker_for(head: bytes) -> Callable[[], _Unpacker] | None:
    return next((make for magic, make in _UNPACKERS.items() if head.startswith(magic)), None)


def versions_in(stream: bytes | mmap.mmap) -> Iterator[tuple[str, str]]:
    """Yield the versions that libraries recorded, as distribution and version."""
    found = _SKLEARN.search(stream, 0, BYTES_SEARCHED)
    if found is not None:
        yield "scikit-learn", found[1].decode("ascii")
    ubj = _XGBOOST.search(stream, 0, BYTES_SEARCHED)
    if ubj is not None:
        yield "xgboost", ".".join(str(number) for number in ubj_integers(ubj[1]))


def ubj_integers(content: bytes) -> Iterator[int]:
    """Yield the integers of a Universal Binary JSON array, each with its type before it."""
    sizes = {b"i": 1, b"U": 1, b"I": 2, b"l": 4}
    at = 0
    while at < len(content):
        size = sizes[content[at : at + 1]]
        yield int.from_bytes(content[at + 1 : at + 1 + size], "big")
        at += 1 + size


@contextmanager
def searchable(path: Path) -> Iterator[mmap.mmap | bytes]:
    """Open a file for searching without reading it into memory."""
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content


def unpack(path: Path, content: mmap.mmap | bytes, unpacker: _Unpacker) -> bytes:
    """Return the first 128 MiB of what a compressed file holds."""
    try:
        return unpacker.decompress(content[:BYTES_UNPACKED], BYTES_UNPACKED)
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as problem:
        raise unknown(
            path, f"found a compressed file that cannot be unpacked: {problem}"
        ) from problem


def _modules(stream: bytes | mmap.mmap) -> Iterator[str]:
    seen: set[bytes] = set()
    for match in _GLOBAL.finditer(stream, 0, BYTES_SEARCHED):
        seen.add(match[1])
        if len(seen) > _MOST_MODULES:
            break
    for match in _STACK_GLOBAL.finditer(stream, 0, BYTES_SEARCHED):
        if match[1][0] == len(match[2]):
            seen.add(match[2])
        if len(seen) > _MOST_MODULES:
            break
    yield from sorted(name.decode("ascii") for name in seen)


def _findings(path: Path, modules: tuple[str, ...]) -> Iterator[Finding]:
    if "__main__" in modules:
        yield Finding(
            "init/pickled-from-main",
            "the pickle needs a class or function of `__main__`, which no other program has",
            path.name,
            "move it into a module beside pipeline.py, import it where you train, and save again",
        )
