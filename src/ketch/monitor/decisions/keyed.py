"""Keyed hashes: what is written in place of a unit, and of personal data.

Whoever has the key can ask for a unit, and nobody can find out from the log who it was.
The key lies in a file beside the log; to destroy it is to forget everybody at once.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import msgspec

from ketch.errors import Unavailable
from ketch.files import explained, sync_folder
from ketch.monitor.decisions import frames

KEY_FILE = "key"
_BYTES = 32
_BEGINS = "keyed:"
MARK = re.compile(rf"{_BEGINS}[0-9a-f]{{16}}")
"""What is written in place of a value in JSON form."""

_rows = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[dict[str, msgspec.Raw]]).decode


class Keyed:
    """Hashes with one key.

    Args:
        key: 32 secret bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._units = blake2b(key=key, digest_size=8, person=b"unit")
        self._values = blake2b(key=key, digest_size=8, person=b"value")

    def unit(self, unit: str) -> str:
        """Return the keyed hash of a unit: 16 hexadecimal digits."""
        hashed = self._units.copy()
        hashed.update(unit.encode("utf-8", "surrogatepass"))
        return hashed.hexdigest()

    def value(self, value: bytes) -> str:
        """Return what is written in place of a value in JSON form."""
        hashed = self._values.copy()
        hashed.update(value)
        return _BEGINS + hashed.hexdigest()

    def without(self, fields: Collection[str], rows: bytes) -> bytes:
        """Return rows in which these fields are keyed hashes, and all others as they were.

        Rows that are no rows are all hashed: nothing in them is known to be harmless.
        """
        try:
            found = _rows(rows)
        except msgspec.MsgspecError:
            return rows if rows in (b"null", b"") else msgspec.json.encode(self.value(rows))
        for row in found if isinstance(found, list) else (found,):
            for name in fields:
                if (value := row.get(name)) is not None and bytes(value) != b"null":
                    row[name] = msgspec.Raw(msgspec.json.encode(self.value(bytes(value))))
        return msgspec.json.encode(found)


def keyed(folder: Path) -> Keyed:
    """Return the hashes of a log; the first time, draw its key.

    Raises:
        Unavailable: ``decisions/key``: the key is damaged; ``disk/…``.
    """
    path = folder / KEY_FILE
    with explained(path):
        if not path.exists():
            _draw(path)
        content = path.read_bytes()
    for key in frames.read(content):
        if isinstance(key, bytes) and len(key) == 2 * _BYTES:
            return Keyed(bytes.fromhex(key.decode()))
    raise Unavailable(
        "expected the key of the decision log, found something else",
        code="decisions/key",
        where=str(path),
        hint="restore the file from a backup; without it no decision is found by its unit",
    )


def _draw(path: Path) -> None:
    """Make a key; when others do so at the same moment, one of them is the key of all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(frames.frame(secrets.token_hex(_BYTES).encode()))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()
    sync_folder(path.parent)
