"""Where the registry is, and a desk at it.

``KETCH_REGISTRY`` names a database (``postgresql://…``, ``sqlite:///…``) or a hub
(``https://…``), ``KETCH_HUB`` a hub. Without either the registry is a file in the ketch home,
made when somebody first asks it.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ketch.errors import UsageError
from ketch.package import open_package
from ketch.registry.desk import Desk, LocalDesk
from ketch.registry.registry import Registry
from ketch.registry.sql.database import open_database
from ketch.store import Store
from ketch.store.home import REGISTRY, is_hub, registry_address

PERSON = "KETCH_USER"
LONGEST_PERSON = 200

_DATABASES = ("sqlite:///", "postgresql://", "postgres://")


@contextmanager
def open_desk(home: Path, store: Store) -> Iterator[Desk]:
    """Yield a desk at the registry: at a hub, or at a database that is opened here.

    Args:
        home: The ketch home.
        store: Where the bytes of packages are, as far as they are here.

    Raises:
        UsageError: ``registry/address``: ``KETCH_REGISTRY`` names neither.
    """
    url = registry_address(home)
    if is_hub(url):
        from ketch.registry.hub import HubDesk, connect  # HTTP, which few homes need

        with connect(url) as session:
            yield HubDesk(session)
        return
    if not url.startswith(_DATABASES):
        raise UsageError(
            f"expected `https://…`, `postgresql://…` or `sqlite:///…` in {REGISTRY}, "
            f"found `{url[:60]}`",
            code="registry/address",
        )
    with local_desk(url, store, person()) as desk:
        yield desk


@contextmanager
def local_desk(url: str, store: Store, who: str) -> Iterator[LocalDesk]:
    """Yield a person's desk at a database that is opened here.

    Args:
        url: Of the database.
        store: Where the bytes of packages are.
        who: Who stands at the desk.
    """
    database = open_database(url)
    try:
        registry = Registry(database, lambda digest: open_package(digest, store))
        yield LocalDesk(registry, store, who)
    finally:
        database.close()


def person() -> str:
    """Return who asks: ``KETCH_USER``, else the operating system's user.

    A registry on one machine writes down who says they did it; a hub proves it.

    Raises:
        UsageError: ``registry/person``: it would stand in the history as another line.
    """
    found = os.environ.get(PERSON) or _user()
    if found.strip() and found.isprintable() and len(found) <= LONGEST_PERSON:
        return found
    raise UsageError(
        f"expected a name of 1 to {LONGEST_PERSON} characters in {PERSON}, found `{found[:40]!a}`",
        code="registry/person",
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a process may run as a number without a name
        return f"uid {os.getuid()}"
