"""The file formats that rows come and go in, told by name or by content."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from ketch.errors import UsageError

Format: TypeAlias = Literal["json", "jsonl", "csv", "parquet"]

_SUFFIXES: dict[str, Format] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def format_of_name(path: Path) -> Format | None:
    """Return the format that a file's suffix names, or ``None``."""
    return _SUFFIXES.get(path.suffix.lower())


def format_of_content(start: bytes, where: str | None = None) -> Format:
    """Return the format that the first bytes of a file look like.

    An object may be the first of many: ``json`` readers look further, see ``json_rows``.

    Raises:
        UsageError: ``table/unreadable``: there is nothing.
    """
    if not start:
        raise UsageError("expected rows, found nothing", code="table/unreadable", where=where)
    if start.startswith(b"PAR1"):
        return "parquet"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return "json" if text[:1] in (b"{", b"[") else "csv"


def check_utf8(start: bytes, where: str) -> None:
    """Refuse text that begins as UTF-16 does, which is nobody's UTF-8.

    Raises:
        UsageError: ``table/unreadable``.
    """
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or b"\0" in start[:2]:
        raise UsageError(
            "expected text in UTF-8, found UTF-16",
            code="table/unreadable",
            where=where,
            hint="save the file as UTF-8; Excel calls it `CSV UTF-8`",
        )


def known_format(path: Path) -> Format:
    """Return the format of a file that is to be written or profiled.

    Raises:
        UsageError: ``table/unknown-format``.
    """
    found = format_of_name(path)
    if found is None:
        names = ", ".join(f"`.{name}`" for name in get_args(Format))
        raise UsageError(
            f"expected a file that ends in one of {names}, found `{path.name}`",
            code="table/unknown-format",
            where=str(path),
        )
    return found
