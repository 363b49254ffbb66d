"""Logs in a bucket, read: what is missing of them is fetched, and kept for the next time.

Each log of the bucket becomes a folder that is read as any other. Units are hashed with a
key that is not in the bucket; who asks for a unit puts it beside the copy. Names in a bucket
are those of a stranger: no file is written that is not a segment in its place.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from ketch.errors import NotFound
from ketch.files import explained, whole_file, write_whole
from ketch.monitor.decisions import segments
from ketch.monitor.decisions.keyed import FINGERPRINT, FINGERPRINT_FILE
from ketch.monitor.decisions.shipping import bucket_of
from ketch.remote.bucket import Bucket

FOLDER = "buckets"
_SEGMENT = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8}\.parquet")
_KEY = re.compile(
    r"(?P<log>[0-9a-f]{16})/(?P<place>route=[^/]+/day=\d{4}-\d\d-\d\d)/"
    rf"(?P<name>{re.escape(segments.LIST)}|{_SEGMENT.pattern}(\.footer|\.hours|\.days)?)"
)


def mirrored(address: str, home: Path) -> tuple[Path, ...]:
    """Return folders with the logs of a bucket, as they are there now.

    Args:
        address: The bucket, with the prefix that logs were sent to.
        home: The ketch home, where copies are kept in ``buckets/``.

    Raises:
        NotFound: ``decisions/no-log``: there is none.
        UsageError, Unavailable, Refused: ``remote/…``.
    """
    bucket = bucket_of(address)
    logs: dict[str, dict[str, dict[str, int]]] = {}
    for key, size in bucket.sizes("").items():
        if found := _KEY.fullmatch(key):
            partitions = logs.setdefault(found["log"], {})
            partitions.setdefault(found["place"], {})[found["name"]] = size
    root = home / FOLDER / sha256(address.encode()).hexdigest()[:16]
    with explained(root):
        for path in root.glob("*"):
            if path.name not in logs:
                shutil.rmtree(path)
    if not logs:
        raise NotFound(
            f"expected decision logs in `{address}`, found none",
            code="decisions/no-log",
            where=address,
            hint="`ketch serve --decisions-to` sends what is sealed, at most an hour later",
        )
    return tuple(_log(bucket, root, name, places) for name, places in sorted(logs.items()))


def _log(bucket: Bucket, root: Path, name: str, places: Mapping[str, Mapping[str, int]]) -> Path:
    log = root / name
    with explained(log):
        root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        log.mkdir(parents=True, exist_ok=True)
        seen = bucket.look(f"{name}/{FINGERPRINT_FILE}")
        if seen is not None and FINGERPRINT.fullmatch(seen.content.decode(errors="replace")):
            write_whole(log / FINGERPRINT_FILE, seen.content)
        for place, names in places.items():
            _partition(bucket, f"{name}/{place}", log / segments.FOLDER / place, names)
        for one in segments.partitions(log):
            if f"{one.folder.parent.name}/{one.folder.name}" not in places:
                shutil.rmtree(one.folder)
    return log


def _partition(bucket: Bucket, key: str, folder: Path, names: Mapping[str, int]) -> None:
    """Fetch what a folder lacks: first what its list names, then the list, which counts."""
    if _sizes(folder) == names:
        return
    seen = bucket.look(f"{key}/{segments.LIST}")
    listed = None if seen is None else segments.listed_in(seen.content)
    if seen is None or listed is None:
        return
    if not all(_SEGMENT.fullmatch(one.name) for one in listed):
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = [f"{one.name}{suffix}" for one in listed for suffix in ("", segments.FOOTER)]
    wanted += segments.profiles_beside(names, listed)
    here = _sizes(folder)
    for name in wanted:
        if name in here and here[name] == names.get(name):
            continue
        parts = bucket.stream(f"{key}/{name}", 0)
        if parts is None:  # two became one meanwhile; it comes the next time
            return
        with whole_file(folder / name) as file:
            file.writelines(parts)
    write_whole(folder / segments.LIST, seen.content)
    for path in folder.iterdir():
        if path.name not in {*wanted, segments.LIST}:
            path.unlink()


def _sizes(folder: Path) -> dict[str, int]:
    found = folder.iterdir() if folder.exists() else ()
    return {one.name: one.stat().st_size for one in found}
