"""From an address to the store that it names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ketch.errors import UsageError
from ketch.package.names import PackageName
from ketch.remote.address import Address, Scheme
from ketch.remote.journal import Journal
from ketch.remote.replies import is_loopback
from ketch.remote.store import RemoteStore

if TYPE_CHECKING:
    from ketch.remote.auth import Auth

INSECURE = "KETCH_OCI_INSECURE"
CA_FILE = "KETCH_CA_FILE"


@contextmanager
def connected(
    address: Address,
    *,
    name: PackageName | None = None,
    token: str | None = None,
    journal: Path | None = None,
) -> Iterator[RemoteStore]:
    """Open the store that an address names, until the block ends.

    Args:
        address: Where it is.
        name: The package that is meant, where the address does not say it.
        token: The token for a hub.
        journal: A folder for uploads that were begun; without it none is resumed.

    Raises:
        UsageError: The address, or a setting for it, is wrong.
    """
    if address.scheme.is_bucket:
        yield _bucket(address)
        return
    from ketch.remote.http import Session
    from ketch.remote.oci import OciStore

    repository = _repository(address, name)
    auth = _auth(address, repository, token)
    with Session(base_url(address), auth=auth, ca_file=ca_file()) as session:
        where = f"{address.place}" if address.path else f"{address.place}/{repository}"
        yield OciStore(session, repository, where=where, journal=Journal(journal))


def base_url(address: Address, environ: Mapping[str, str] | None = None) -> str:
    """Return the URL of a registry or a hub.

    A registry is spoken to over https; over http only on this machine, or where
    ``KETCH_OCI_INSECURE`` lists its host.
    """
    host = address.host
    if address.scheme is not Scheme.OCI:
        return f"{address.scheme}://{host}"
    listed = (os.environ if environ is None else environ).get(INSECURE, "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    is_plain = is_loopback(name.strip("[]")) or {host, name} & set(listed.replace(",", " ").split())
    return f"{'http' if is_plain else 'https'}://{host}"


def ca_file(environ: Mapping[str, str] | None = None) -> Path | None:
    """Return the file of certificates that ``KETCH_CA_FILE`` names, if it names one."""
    named = (os.environ if environ is None else environ).get(CA_FILE)
    return Path(named) if named else None


def tag_of(address: Address, name: PackageName, version: str) -> str:
    """Return what a package is called in the store that an address names."""
    return f"{name}:{version}" if address.scheme.is_bucket else version


def _bucket(address: Address) -> RemoteStore:
    from ketch.remote.bucket import open_bucket
    from ketch.remote.objects import ObjectStore

    return ObjectStore(open_bucket(address, ca_file=ca_file()), where=str(address.place))


def _repository(address: Address, name: PackageName | None) -> str:
    """Return the repository of a registry, or of a hub, which has one for each package."""
    found = address.name or str(name or "") if address.scheme.is_hub else address.path
    if not found:
        raise UsageError(
            f"expected `{address}/NAME:VERSION`, found no name",
            code="remote/address",
            where=str(address),
        )
    return found


def _auth(address: Address, repository: str, token: str | None) -> Auth | None:
    from ketch.remote.auth import Bearer, TokenDance
    from ketch.remote.credentials import login_for

    if not address.scheme.is_hub:
        return TokenDance(login_for(address.host, repository))
    return Bearer(token) if token else None
