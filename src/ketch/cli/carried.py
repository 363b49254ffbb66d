"""What the verbs share that carry packages between machines.

The way to other machines is imported when one is asked: most commands stay on this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketch.cli.text import counted, size
from ketch.package import Package, Reference, Stage
from ketch.runtime import Home
from ketch.store.home import is_hub, named_hub

if TYPE_CHECKING:
    from ketch.cli.working import Working
    from ketch.remote.transfer import Moved


def send(home: Home, package: Package, to: str, progress: Working, *, named: bool = True) -> Moved:
    """Send a package of this machine to an address.

    Args:
        home: Where the package is.
        package: The package.
        to: The address.
        progress: Told what is done.
        named: Whether it gets its name there; else only its bytes go.
    """
    from ketch.remote import Address
    from ketch.runtime import carrying

    return carrying.send(home.store, package, Address.parse(to), progress, named=named)


def fetch(
    home: Home, source: str, progress: Working, *, replace: bool = False
) -> tuple[Package, Moved]:
    """Fetch the package that an address names; a hub knows its stages, too.

    Args:
        home: Where it is kept.
        source: The address; of the hub that this person works with, the package will do.
        progress: Told what is done.
        replace: Whether it takes its name from another package here.

    Raises:
        Refused: ``version/taken``: the registry knows that name as another package.
    """
    from ketch.remote import Address
    from ketch.runtime import carrying

    own = named_hub()
    if own is not None and "://" not in source:
        source = f"{own.rstrip('/')}/{source}"
    address = Address.parse(_exact(source))
    package, moved = carrying.fetch(home.store, address, progress, named=not replace)
    if replace:
        from ketch.authoring.published import check_unpublished

        check_unpublished(package, home, offline=False)
        home.store.tag(package.reference, package.descriptor, replace=True)
    return package, moved


def _exact(source: str) -> str:
    """Return an address with a digest in place of a stage, which a hub is asked for."""
    place, _, chosen = source.rpartition("/")
    name, mark, stage = chosen.partition("@")
    if not (is_hub(place) and mark and stage in set(Stage)):
        return source
    from ketch.registry.hub import HubDesk, connect

    with connect(place) as session:
        found = HubDesk(session).resolve(Reference.parse(chosen))
    return f"{place}/{name}@{found.digest}"


def moved_json(package: Package, moved: Moved) -> dict[str, object]:
    """Return a transfer as the verbs print it; it is no event of a registry."""
    return {
        "event": None,
        "revision": None,
        "route": None,
        "package": package.reference,
        "digest": str(package.digest),
        "blobs": moved.blobs,
        "size_bytes": moved.size_bytes,
        "referrers": moved.referrers,
    }


def moved_text(moved: Moved) -> str:
    """Return what a transfer did, for people."""
    if not moved.blobs:
        return "nothing was missing"
    return f"{size(moved.size_bytes)} in {counted(moved.blobs, 'blob')}"
