"""The code of a package as one tar: it depends on names and contents alone.

The tar in a package must be, byte for byte, the one that its files make. So a reader has
to find names and contents only: whatever else a header may say, of links, sparse files,
owners or times, shows when the tar is written again and compared. That is why no library
for archives ever sees the bytes of a stranger.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Mapping

from ketch.errors import ManifestError
from ketch.package.paths import PackagePath, clashes, printable

FOLDER = "code/"

_BLOCK = 512
_EXTENDED, _REGULAR = b"x", b"0"
_SIZE = re.compile(rb"([0-7]{11})\0")
_LONG_NAME = re.compile(rb"[0-9]{1,4} path=([^\0\n]+)\n")
_WHERE = "code.tar"


def write_code_tar(files: Mapping[str, bytes]) -> bytes:
    """Return the tar of some files, by their path below ``code/``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files):
            content = files[path]
            member = tarfile.TarInfo(f"{FOLDER}{path}")
            member.size = len(content)
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def read_code_tar(content: bytes) -> dict[str, bytes]:
    """Return the files of a tar, by their path below ``code/``.

    ``read_code_tar(write_code_tar(files)) == files`` for every set of files that can lie
    in one folder.

    Raises:
        ManifestError: ``package/code``: it is not the tar that its files make.
    """
    files: dict[str, bytes] = {}
    for name, body in _members(content):
        path = _path(name)
        if path in files:
            raise _refused(f"expected each path once, found `{path}` again")
        files[path] = body
    if clashing := clashes(files):
        raise _refused(clashing[0].message)
    if write_code_tar(files) != content:
        raise _refused("expected the very bytes that its files make, found others")
    return files


def _members(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield names and contents, as far as the tar is of our form; nothing else is checked."""
    at, long_name = 0, None
    while content[at : at + 1] not in {b"", b"\0"}:
        header, start = content[at : at + _BLOCK], at + _BLOCK
        size = _SIZE.fullmatch(header[124:136])
        if size is None:
            raise _refused("expected the header of a tar member, found something else")
        end = start + int(size[1], 8)
        body, kind = content[start:end], header[156:157]
        at = end + -end % _BLOCK
        if kind == _EXTENDED and long_name is None:
            long_name = _long_name(body)
        elif kind == _REGULAR:
            yield long_name or header[:100].rstrip(b"\0"), body
            long_name = None
        else:
            found = printable(header[:100].rstrip(b"\0").decode("latin-1"))
            raise _refused(f"expected regular files only, found otherwise at `{found}`")


def _long_name(records: bytes) -> bytes:
    match = _LONG_NAME.fullmatch(records)
    if match is None:
        raise _refused("expected only a path in an extended header, found otherwise")
    return match[1]


def _path(name: bytes) -> str:
    text = name.decode("latin-1")  # every byte is some letter; the grammar admits ASCII only
    if not text.startswith(FOLDER):
        raise _refused(f"expected `{FOLDER}…`, found `{printable(text)}`")
    return str(PackagePath.parse(text.removeprefix(FOLDER), where=_WHERE))


def _refused(message: str) -> ManifestError:
    return ManifestError(message, code="package/code", where=_WHERE)
