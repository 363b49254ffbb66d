"""A strict reader of plain tar archives, as a stream: nothing is ever extracted.

Implements what POSIX.1-2017 ``pax`` ("ustar Interchange Format") needs for regular files
and folders, and the base-256 numbers that GNU tar uses for sizes of 8 GiB and more. Links,
devices, sparse files, long names, compression and what stands between the members or
after the end are refused; an extended header may state a size and times, for that is how
Go writes large files.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ketch.errors import PackageError
from ketch.package.paths import printable
from ketch.store.base import Reader

BLOCK = 512
_MAX_EXTENDED_BYTES = 8 * 1024
_MAX_END_BYTES = 1024 * 1024  # tar pads its output to whole records, of 10 KiB as a rule
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a named pipe",
    b"S": "a sparse file",
    b"L": "a long name",
    b"K": "a long link name",
    b"g": "a global extended header",
}
_HARMLESS = frozenset({"size", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname"})
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


@dataclass(frozen=True, slots=True)
class Member:
    """One file or folder of an archive."""

    name: str
    size: int
    is_folder: bool


class Body:
    """The content of a member: reads to its end, never beyond."""

    def __init__(self, stream: Reader, size: int) -> None:
        self._stream = stream
        self._rest = size

    def read(self, count: int = -1) -> bytes:
        """Return up to ``count`` bytes; all that is left when it is negative."""
        wanted = self._rest if count < 0 else min(count, self._rest)
        content = self._stream.read(wanted)
        if len(content) < wanted:
            raise truncated()
        self._rest -= len(content)
        return content

    def skip(self) -> None:
        """Read what is left."""
        while self._rest:
            self.read(1024 * 1024)


def members(stream: Reader) -> Iterator[tuple[Member, Body]]:
    """Yield the members of an archive; a body is read before the next member is asked for.

    Raises:
        PackageError: ``archive/*``; the archive breaks the rules above.
    """
    extended: dict[str, str] = {}
    is_first = True
    while (header := _block(stream, is_first=is_first)) != bytes(BLOCK):
        if is_first:
            _refuse_compressed(header)
        _check_sum(header, is_first=is_first)
        is_first = False
        if header[156:157] == b"x":
            extended = _extended(stream, _number(header[124:136]))
            continue
        member = _member(header, extended)
        extended = {}
        body = Body(stream, member.size)
        yield member, body
        body.skip()
        _pad(stream, member.size)
    _end(stream)


def refused(
    message: str, code: str, *, where: str | None = None, hint: str | None = None
) -> PackageError:
    """Return the error for an archive that breaks a rule."""
    return PackageError(
        message, code=f"archive/{code}", where=where and printable(where), hint=hint
    )


def truncated() -> PackageError:
    """Return the error for an archive that ends early."""
    return refused(
        "expected more of the archive, found its end",
        "truncated",
        hint="the file was not copied to its end; copy it again",
    )


def _block(stream: Reader, *, is_first: bool) -> bytes:
    block = stream.read(BLOCK)
    if is_first and 0 < len(block) < BLOCK:
        _refuse_compressed(block)
        raise _no_archive()
    if len(block) < BLOCK:
        raise truncated()
    return block


def _no_archive() -> PackageError:
    return refused(
        "expected an archive of a package, found another kind of file",
        "header",
        hint="an archive is written by `ketch pack -o FILE` or `skopeo copy … oci-archive:`",
    )


def _pad(stream: Reader, size: int) -> None:
    """Require zeros up to the next block: no byte of an archive is of no meaning."""
    rest = -size % BLOCK
    padding = stream.read(rest)
    if len(padding) < rest:
        raise truncated()
    if padding.strip(b"\0"):
        raise refused("expected zeros after the content of a member, found more", "trailing-bytes")


def _end(stream: Reader) -> None:
    """Require a second block of zeros, and then nothing but padding."""
    tail = stream.read(_MAX_END_BYTES + 1)
    if len(tail) < BLOCK:
        raise truncated()
    if len(tail) > _MAX_END_BYTES or tail.strip(b"\0"):
        raise refused("expected the end of the archive, found more after it", "trailing-bytes")


def _refuse_compressed(header: bytes) -> None:
    for magic, name in _COMPRESSED.items():
        if header.startswith(magic):
            raise refused(
                f"expected a plain tar archive, found one compressed with {name}",
                "compressed",
                hint="decompress it first: models hardly shrink, and archives may explode",
            )


def _check_sum(header: bytes, *, is_first: bool) -> None:
    blanked = header[:148] + b" " * 8 + header[156:]
    is_tar = header[257:262] == b"ustar"
    if is_first and not is_tar:
        raise _no_archive()
    if not is_tar or _number(header[148:156]) != sum(blanked):
        raise refused("expected the header of a tar member, found something else", "header")


def _member(header: bytes, extended: dict[str, str]) -> Member:
    kind = header[156:157]
    name = _name(header)
    if kind not in {b"0", b"\0", b"5"}:
        found = _KINDS.get(kind, f"a member of type `{kind.decode('latin-1')!a}`")
        raise refused(
            f"expected regular files and folders only, found {found}", "member-type", where=name
        )
    stated = extended.get("size")
    if stated is not None and not (stated.isascii() and stated.isdigit() and len(stated) < 20):
        raise refused(f"expected a size, found `{printable(stated)}`", "header", where=name)
    size = _number(header[124:136]) if stated is None else int(stated)
    if kind == b"5" and size:
        raise refused("expected a folder without content, found some", "header", where=name)
    return Member(name, size, is_folder=kind == b"5")


def _name(header: bytes) -> str:
    raw = header[:100].split(b"\0", 1)[0]
    if header[257:263] == b"ustar\0":  # GNU tar keeps times where POSIX has the prefix
        prefix = header[345:500].split(b"\0", 1)[0]
        raw = prefix + b"/" + raw if prefix else raw
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        raise refused(f"expected a name in ASCII, found `{raw!a}`", "name") from None


def _number(field: bytes) -> int:
    """Read an octal number, or a base-256 one, which starts with the byte 0x80."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip(b" ")
    if not digits or digits.strip(b"01234567"):
        raise refused(f"expected an octal number, found `{field!a}`", "header")
    return int(digits, 8)


def _extended(stream: Reader, size: int) -> dict[str, str]:
    """Read an extended header: lines of ``<length> <keyword>=<value>``."""
    if size > _MAX_EXTENDED_BYTES:
        raise refused(
            f"expected an extended header of at most {_MAX_EXTENDED_BYTES} bytes, found {size}",
            "header",
        )
    rest, found = Body(stream, size).read(), {}
    _pad(stream, size)
    while rest:
        length, space, _ = rest.partition(b" ")
        if not space or not length.isdigit() or not len(length) < int(length[:8]) <= len(rest):
            raise refused("expected records in an extended header, found otherwise", "header")
        record, rest = rest[len(length) + 1 : int(length)], rest[int(length) :]
        key, equals, value = record.partition(b"=")
        keyword = key.decode("latin-1")
        if not equals or not value.endswith(b"\n") or keyword not in _HARMLESS:
            raise refused(
                f"expected only a size and times in an extended header, found `{keyword[:40]!a}`",
                "header",
            )
        found[keyword] = value[:-1].decode("latin-1")
    return found
