"""Paths, the table of layers, and the one tar: sentences 10 to 17 of the format."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.property.package.second.texts import MIB, Broken, canonical, digest_of, require

REFERENCE = Path(__file__).parents[4] / "docs" / "reference"
MODEL = "application/vnd.cncf.model."


@dataclass(frozen=True)
class Row:
    """A row of the page's table: where a layer belongs."""

    path: str
    component: str
    media_type: str
    is_required: bool
    most_bytes: int | None


def table() -> list[Row]:
    found = re.findall(
        r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \| (yes)? ?\| ?(\d+)? ?\|$",
        (REFERENCE / "format.md").read_text(),
        re.MULTILINE,
    )
    return [
        Row(path, component, MODEL + kind, bool(required), int(most) * MIB if most else None)
        for path, component, kind, required, most in found
    ]


ROWS = table()


def row_of(path: str) -> Row:
    for row in ROWS:
        folder = row.path.removesuffix("…")
        if path == row.path or (folder.endswith("/") and path.startswith(folder)):
            return row
    raise Broken(f"sentence 11: {path!r:.200}")


_SEGMENT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.+@=, -]{0,126}[A-Za-z0-9_+@=,-])?")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9]) *(?:\..*)?", re.IGNORECASE)


def check_path(path: str) -> str:
    segments = path.split("/")
    require(len(path) <= 512 and len(segments) <= 16, 12, path)
    for segment in segments:
        require(_SEGMENT.fullmatch(segment) and not _DEVICE.fullmatch(segment), 12, path)
    return path


def check_clashes(paths: Iterable[str]) -> None:
    spelled: dict[str, str] = {}
    files: set[str] = set()
    for path in paths:
        require(path.lower() not in spelled, 13, path)
        files.add(path.lower())
        segments = path.split("/")
        for count in range(1, len(segments) + 1):
            part = "/".join(segments[:count])
            require(spelled.setdefault(part.lower(), part) == part, 13, path)
            require(part == path or part.lower() not in files, 13, path)


def build_tar(files: Mapping[str, bytes]) -> bytes:
    """Return ``code.tar`` of some files by path, without ``code/``, as sentence 16 has it."""
    parts = []
    for path in sorted(files):
        name = f"code/{path}".encode()
        if len(name) > 100:
            body = _record(b"path=" + name)
            parts += [_header(b"././@PaxHeader", b"0000000", len(body), b"x"), _filled(body)]
        parts += [_header(name[:100], b"0000644", len(files[path]), b"0"), _filled(files[path])]
    whole = b"".join(parts) + bytes(1024)
    return whole + bytes(-len(whole) % 10240)


def _record(text: bytes) -> bytes:
    """Return a pax record: its own length, which counts itself, and the text."""
    lengths = (len(str(guess)) + len(text) + 2 for guess in (10, 100, 1000))
    length = next(one for one in lengths if len(f"{one} ") + len(text) + 1 == one)
    return f"{length} ".encode() + text + b"\n"


def _header(name: bytes, mode: bytes, size: int, kind: bytes) -> bytes:
    zero = b"0000000\0"
    before = name.ljust(100, b"\0") + mode + b"\0" + zero + zero + b"%011o\0%011o\0" % (size, 0)
    after = kind + bytes(100) + b"ustar\x0000" + bytes(247)
    return before + b"%06o\0 " % sum(before + b" " * 8 + after) + after


def _filled(body: bytes) -> bytes:
    return body + bytes(-len(body) % 512)


def read_tar(content: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for member in tar:
                opened = tar.extractfile(member) if member.isreg() else None
                require(opened and member.name.startswith("code/"), 15, member.name)
                path = check_path(member.name.removeprefix("code/"))
                require(path not in files, 13, path)
                files[path] = opened.read() if opened else b""
    except (tarfile.TarError, ValueError, OverflowError, EOFError, OSError) as problem:
        raise Broken(f"sentence 15: {problem}") from problem
    check_clashes(files)
    require(build_tar(files) == content, 15, "other bytes")
    return files


def said(layer: Mapping[str, Any]) -> tuple[str, str]:
    """Return the path and the component that a layer says it has."""
    annotations = layer.get("annotations") or {}
    return (
        annotations.get("org.cncf.model.filepath", ""),
        annotations.get("dev.ketch.component", ""),
    )


def component_digests(layers: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    pairs: dict[str, list[object]] = {}
    for layer in sorted(layers, key=said):
        path, component = said(layer)
        pairs.setdefault(component, []).append([path, layer["digest"]])
    return {component: digest_of(canonical(listed)) for component, listed in pairs.items()}
