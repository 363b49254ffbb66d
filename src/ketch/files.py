"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a stream whose content takes the place of ``path`` when the block ends well.

    After an error there is no new file, and one that was there before is untouched. The
    file gets the permissions of any other new file.

    Raises:
        OSError: The folder cannot be written to, or the disk is full or failed.
    """
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(number, "w+b") as stream:
            os.fchmod(stream.fileno(), 0o666 & ~_umask())  # not private, as mkstemp has it
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; the same promises as :func:`whole_file`."""
    with whole_file(path) as stream:
        stream.write(content)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
