"""Packages on their way to other places and back, with this person's token where it is a hub.

It imports the way to other places, which most commands do without: import it when one goes.
"""

from __future__ import annotations

from ketch.package import Package
from ketch.progress import Progress
from ketch.remote import Address
from ketch.remote.packages import pull_package, push_package
from ketch.remote.transfer import Moved
from ketch.store import LocalStore


def send(
    store: LocalStore, package: Package, to: Address, progress: Progress, *, named: bool = True
) -> Moved:
    """Send a package of this machine to an address; ``named``: it gets its name there."""
    return push_package(store, package, to, watcher=progress, token=_token(to), named=named)


def fetch(
    store: LocalStore, source: Address, progress: Progress, *, named: bool = True
) -> tuple[Package, Moved]:
    """Fetch the package that an address names; ``named``: it must get its name here."""
    return pull_package(store, source, watcher=progress, token=_token(source), named=named)


def _token(address: Address) -> str | None:
    """Return the token for a hub; registries and buckets have credentials of their own."""
    if not address.scheme.is_hub:
        return None
    from ketch.registry.hub.credentials import token_for  # the registry, which only hubs need

    return token_for(str(address.place))
