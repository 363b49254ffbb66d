"""Who a new package is: its name and its owner, before a person decides."""

from __future__ import annotations

import getpass
import subprocess
from contextlib import suppress
from pathlib import Path

from ketch.package import PackageName
from ketch.package.names import check_name

_PATIENCE_S = 5.0


def package_name(wanted: str | None, folder: Path) -> str:
    """Return the name of a package: the one wanted, or one made of the folder's.

    Raises:
        UsageError: ``wanted`` is no package name.
    """
    if wanted is not None:
        return str(PackageName.parse(wanted))
    text = folder.resolve().name.lower()
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in text)
    parts = [part for part in plain[:64].split("-") if part]
    name = "-".join(parts)
    return name if name and not check_name(name) else "model"


def package_owner(folder: Path) -> str | None:
    """Return who answers for a package: whom git knows, else who is logged in."""
    place = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.is_dir())
    with suppress(OSError, subprocess.SubprocessError):
        asked = ["git", "config", "user.email"]
        told = subprocess.run(
            asked, cwd=place, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
        if told.stdout.strip():
            return told.stdout.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return None
