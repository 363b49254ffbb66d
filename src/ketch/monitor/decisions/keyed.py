"""Keyed hashes: what is written in place of a unit, and of personal data.

Whoever has the key can ask for a unit, and nobody can find out from the log who it was.
The key lies in a file beside the log; to destroy it is to forget everybody at once. Its
fingerprint lies in another, which may go wherever the log goes: it tells logs that hash
alike from others, and a key that is not that of the log.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import msgspec

from ketch.errors import Unavailable
from ketch.files import explained, sync_file, sync_folder, write_whole
from ketch.monitor.decisions import frames

KEY_FILE = "key"
FINGERPRINT_FILE = "fingerprint"
FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_BYTES = 32
_HEX = re.compile(rb"\s*([0-9a-f]{64})\s*")
_BEGINS = "keyed:"
MARK = re.compile(rf"{_BEGINS}[0-9a-f]{{16}}")
"""What is written in place of a value in JSON form."""

_rows = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[dict[str, msgspec.Raw]]).decode


class Keyed:
    """Hashes with one key.

    Args:
        key: 32 secret bytes.

    Attributes:
        fingerprint: Tells the key from others, and nothing else of it.
    """

    def __init__(self, key: bytes) -> None:
        self.fingerprint = blake2b(key=key, digest_size=8, person=b"fingerprint").hexdigest()
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


def hashed_fields(rows: object) -> set[str]:
    """Return the fields of rows in JSON form of which hashes alone were written."""
    listed = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    found = (pair for row in listed for pair in row.items())
    return {name for name, one in found if isinstance(one, str) and MARK.fullmatch(one)}


def keyed(folder: Path) -> Keyed:
    """Return the hashes of a log; the first time, draw its key.

    Raises:
        Unavailable: ``decisions/key``: the key is damaged, or that of another log; ``disk/…``.
    """
    path = folder / KEY_FILE
    with explained(path):
        if not path.exists():
            place(path, secrets.token_bytes(_BYTES))
        key = key_in(path.read_bytes())
        known = fingerprint_of(folder)
    if key is None:
        raise Unavailable(
            "expected the key of the decision log, found something else",
            code="decisions/key",
            where=str(path),
            hint="restore the file from a backup; without it no decision is found by its unit",
        )
    found = Keyed(key)
    if known not in (None, found.fingerprint):
        raise Unavailable(
            f"expected the key that the log was written with, whose fingerprint is `{known}`, "
            f"found `{found.fingerprint}`",
            code="decisions/key",
            where=str(path),
            hint="put the right one there; or delete it, and a new one is drawn",
        )
    return found


def fingerprint_of(folder: Path) -> str | None:
    """Return the fingerprint of the key of a log, also of a copy without it; None if unknown."""
    path = folder / FINGERPRINT_FILE
    with explained(path):
        text = path.read_text(errors="replace") if path.exists() else ""
    return text if FINGERPRINT.fullmatch(text) else None


def have_one_key(logs: Iterable[Path]) -> bool:
    """Whether a unit has the same hash in all of these logs, as far as that is known."""
    return len({fingerprint_of(one) for one in logs} - {None}) <= 1


def key_in(content: bytes) -> bytes | None:
    """Return the key that a file holds, as ketch writes it or in plain digits."""
    bodies = (one for one in frames.read(content) if isinstance(one, bytes))
    found = next((match for one in (*bodies, content) if (match := _HEX.fullmatch(one))), None)
    return None if found is None else bytes.fromhex(found[1].decode())


def remember(folder: Path, mine: Keyed) -> None:
    """Write down whose fingerprint a log has, where whoever drew its key was killed before."""
    if fingerprint_of(folder) is None:
        write_whole(folder / FINGERPRINT_FILE, mine.fingerprint.encode())


def place(path: Path, key: bytes) -> None:
    """Give a log its key; when others do so at the same moment, one of them is the key of all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    (path.parent / FINGERPRINT_FILE).unlink(missing_ok=True)  # of a key that was destroyed
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(frames.frame(key.hex().encode()))
            file.flush()
            sync_file(file.fileno())
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()
    sync_folder(path.parent)
    if (placed := key_in(path.read_bytes())) is not None:
        remember(path.parent, Keyed(placed))
