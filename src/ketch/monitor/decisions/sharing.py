"""One key for the logs of several gateways, so that a unit that asks at two of them is one.

The key comes from a file that whoever sets the gateways up gives to each of them. It is in
no registry and in no bucket: whoever reads there need not be able to find anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ketch.errors import UsageError
from ketch.files import explained, read_file
from ketch.monitor.decisions.keyed import (
    KEY_FILE,
    Keyed,
    fingerprint_of,
    have_one_key,
    key_in,
    keyed,
    place,
)

_MOST_BYTES = 4_096


def share_key(folder: Path, given: Path) -> Keyed:
    """Return the hashes of a log that has the key of others; the first time, give it that key.

    Args:
        folder: Of the log; it is made when it is not there.
        given: A file with 64 hexadecimal digits, or a copy of the key of another log.

    Raises:
        UsageError: ``decisions/unit-key``: the file holds no key; ``decisions/other-key``:
            the log has another one.
        Unavailable: ``decisions/key``, ``disk/…``.
    """
    try:
        key = key_in(read_file(given, most=_MOST_BYTES))
    except OSError as error:
        raise _no_key(given, error.strerror or str(error)) from error
    if key is None:
        raise _no_key(given, "something else")
    path = folder / KEY_FILE
    with explained(path):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            place(path, key)
    wanted, mine = Keyed(key), keyed(folder)
    if wanted.fingerprint != mine.fingerprint:
        raise UsageError(
            f"expected the log to have the key of `{given}`, whose fingerprint is "
            f"`{wanted.fingerprint}`, found one with `{mine.fingerprint}`",
            code="decisions/other-key",
            where=str(path),
            hint="a log keeps the key it began with: give this one to the other gateways, or "
            "begin a new log in another home",
        )
    return mine


def check_one_key(logs: Sequence[Path]) -> None:
    """Return if a unit has the same hash in all of these logs, as far as that is known.

    Raises:
        UsageError: ``decisions/different-keys``.
    """
    if not have_one_key(logs):
        raise UsageError(
            "expected logs with one key, found several: a unit that asks at two gateways would "
            "count twice",
            code="decisions/different-keys",
            where=", ".join(f"{one}: {fingerprint_of(one)}" for one in logs),
            hint="start every gateway with the same `--unit-key FILE`, and a new log",
        )


def _no_key(path: Path, found: str) -> UsageError:
    return UsageError(
        f"expected a key of 64 hexadecimal digits, found: {found}",
        code="decisions/unit-key",
        where=str(path),
        hint="`openssl rand -hex 32` makes one; or copy `decisions/key` of another gateway",
    )
