"""Packages on their way to other places and back, with this person's token where it is a hub.

It imports the way to other places, which most commands do without: import it when one goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ketch.errors import UsageError
from ketch.package import Digest, Package, open_package
from ketch.progress import Progress
from ketch.remote import Address
from ketch.remote.connect import connected
from ketch.remote.packages import pull_package, push_package
from ketch.remote.store import RemoteStore
from ketch.remote.transfer import Moved
from ketch.store import LocalStore
from ketch.store.base import MAX_READ_BYTES


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


@contextmanager
def glance(store: LocalStore, source: Address) -> Iterator[Package]:
    """Yield the package that an address names by its digest; what is read of it is not kept."""
    if source.digest is None:
        raise UsageError(f"expected a digest in `{source}`, found none", code="remote/choice")
    with connected(source, token=_token(source)) as remote:
        yield open_package(source.digest, _Near(store, remote))


class _Near:
    """The bytes of a package from this machine, where they are here, else from a remote."""

    def __init__(self, store: LocalStore, remote: RemoteStore) -> None:
        self._store = store
        self._remote = remote

    def read(self, digest: Digest, *, max_bytes: int = MAX_READ_BYTES) -> bytes:
        """Return content whose digest was checked on the way."""
        return self._place(digest).read(digest, max_bytes=max_bytes)

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes; ``None`` when it is nowhere."""
        return self._place(digest).size(digest)

    def path(self, digest: Digest) -> Path:
        """Return the path of a blob; it is fetched first, if it is not here."""
        return self._place(digest).path(digest)

    def verify_all(self, digests: Sequence[Digest]) -> None:
        """Hash blobs again, wherever they are."""
        for digest in digests:
            self._place(digest).verify_all([digest])

    def _place(self, digest: Digest) -> LocalStore | RemoteStore:
        return self._remote if self._store.size(digest) is None else self._store


def _token(address: Address) -> str | None:
    """Return the token for a hub; registries and buckets have credentials of their own."""
    if not address.scheme.is_hub:
        return None
    from ketch.registry.hub.credentials import token_for  # the registry, which only hubs need

    return token_for(str(address.place))
