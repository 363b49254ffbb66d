"""Where ketch keeps its things on this machine."""

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from ketch.errors import UsageError
from ketch.files import explained

REGISTRY = "KETCH_REGISTRY"
HUB = "KETCH_HUB"
REGISTRY_FILE = "registry.db"

_HUBS = ("http://", "https://")


def ketch_home(environ: Mapping[str, str] | None = None) -> Path:
    """Return the home of embedded ketch, an absolute path; the folder exists, mode 0700.

    A folder that was there keeps its mode.

    Raises:
        UsageError: ``disk/not-a-folder``: a file stands there.
        Unavailable: The folder can not be created.
    """
    home = home_path(environ)
    with explained(home):
        found = next(path for path in (home, *home.parents) if path.exists())
        if not found.is_dir():
            raise UsageError(
                f"expected a folder for what ketch keeps, found the file `{found}`",
                code="disk/not-a-folder",
                where=str(home),
                hint="let `KETCH_HOME` name a folder, or where one can be made",
            )
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def home_path(environ: Mapping[str, str] | None = None) -> Path:
    """Return where the home of embedded ketch is, or would be; an absolute path.

    ``KETCH_HOME`` when it is set and not empty (``~`` is expanded), else the platform's
    folder for user data.
    """
    chosen = (os.environ if environ is None else environ).get("KETCH_HOME")
    home = Path(chosen).expanduser() if chosen else platformdirs.user_data_path("ketch")
    return home.absolute()


def registry_address(home: Path) -> str:
    """Return where the registry is: what a variable names, else a file in the home.

    ``KETCH_REGISTRY`` names a database or a hub; ``KETCH_HUB`` a hub.
    """
    return named_registry() or f"sqlite:///{home / REGISTRY_FILE}"


def has_registry(home: Path) -> bool:
    """Whether there is a registry to ask: one that is named, or one in the home."""
    return bool(named_registry()) or (home / REGISTRY_FILE).exists()


def named_hub() -> str | None:
    """Return the address of the hub that this person works with, if a variable names one."""
    named = named_registry()
    return named if named and is_hub(named) else None


def named_registry() -> str | None:
    """Return the address that a variable names; None where the registry lies in the home."""
    return os.environ.get(REGISTRY) or os.environ.get(HUB)


def is_hub(address: str) -> bool:
    """Whether a registry is kept by a hub, and asked over HTTP."""
    return address.startswith(_HUBS)
