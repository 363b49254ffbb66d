"""What the operating system refused, said in words a person can act on.

Every ``OSError`` of the store passes :func:`explained`. All of them become
:class:`~ketch.errors.Unavailable`: nothing was committed, and the same command works
once the cause is gone.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ketch.errors import Unavailable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def explained(where: Path) -> Iterator[None]:
    """Translate what the operating system raises about ``where``."""
    try:
        yield
    except OSError as error:
        raise failure(error, where) from error


def failure(error: OSError, where: Path) -> Unavailable:
    """Return the error to raise in place of an ``OSError``."""
    code, hint = _code_and_hint(error.errno)
    reason = os.strerror(error.errno) if error.errno else str(error)
    return Unavailable(
        f"expected to use `{where.name}`, found: {reason}",
        code=code,
        where=error.filename if isinstance(error.filename, str) else str(where),
        hint=hint,
    )


def _code_and_hint(number: int | None) -> tuple[str, str | None]:
    if number in _FULL:
        return "store/disk-full", "free some space, or run `ketch gc`; then run the same again"
    if number == errno.EIO:
        return "store/io-error", (
            "the disk failed to read or write; look at the kernel log before trying again, "
            "and run `ketch fsck` after"
        )
    if number in _REFUSED:
        return "store/not-permitted", "check who owns the path and whether it may be written"
    return "store/system", None
