"""A package as a folder: every file under its path, the manifest, and a signature.

The folder is what a signature covers (:mod:`ketch.signing.statement`), file by file, so
``model_signing verify`` accepts it, and anybody can compare it with ``sha256sum``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ketch.errors import UsageError
from ketch.files import explained, sync_folder
from ketch.package import Digest, Package
from ketch.package.blobs import Stored
from ketch.signing.signature import Signature
from ketch.signing.statement import SIGNATURE, signed_files
from ketch.store import Progress, Store
from ketch.store.copying import copy_stream

FILE_MODE = 0o644


def write_folder(
    package: Package,
    store: Store,
    target: Path,
    *,
    signature: Signature | None = None,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Write a package as a folder, which appears whole or not at all.

    Args:
        package: The package.
        store: Where its bytes are; each is hashed on its way.
        target: The folder, which must not be there yet.
        signature: Goes with it as ``model.sig``.
        progress: Told how many bytes were written.

    Returns:
        The files, sorted.

    Raises:
        UsageError: ``export/exists``: something is there.
        DigestMismatch, NotFound: A part of the package is damaged or missing.
    """
    files = signed_files(package)
    with whole_folder(target) as part:
        for path, digest in files.items():
            _copy(store, digest, part / path)
            if progress is not None:
                progress(store.size(digest) or 0)
        if signature is not None:
            (part / SIGNATURE).write_bytes(signature.to_bytes())
    return tuple(sorted([*files, *([SIGNATURE] if signature else [])]))


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder, which becomes ``target`` once everything is in it.

    Raises:
        UsageError: ``export/exists``: something is there.
    """
    if os.path.lexists(target):
        raise UsageError(
            "expected nothing there yet, found something",
            code="export/exists",
            where=str(target),
            hint="name a folder that is not there",
        )
    with explained(target.parent):
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield part
            part.chmod(0o755)
            part.rename(target)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        sync_folder(target.parent)


def _copy(store: Store, digest: Digest, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with store.open(digest) as blob:
            copy_stream(blob, fd, Stored(digest, store.size(digest) or 0))
    finally:
        os.close(fd)
