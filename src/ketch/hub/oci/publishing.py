"""A version, published in the order that leaves no half of it, whatever is killed.

First the store's tag, so that nothing is collected; then the registry, which decides. A
version that the registry refuses gets its old tag back. Killed between the two, a tag is
left that nobody was promised: the next package of that version takes it.
"""

from __future__ import annotations

from contextlib import suppress

from ketch.errors import KetchError, NotFound
from ketch.hub.oci.bytes import HubBytes
from ketch.package import Digest, Package, PackageName, Reference, open_package
from ketch.registry import Desk, Event


def publish(name: PackageName, digest: Digest, desk: Desk, hub: HubBytes) -> Event:
    """Publish a package whose bytes are here; the same again changes nothing.

    Raises:
        NotFound: Its repository does not show it, or a part of it is missing.
        Refused: The version is another digest for ever, or somebody else's.
    """
    if not hub.shelves.shows_manifest(str(name), digest):
        raise NotFound(
            f"expected a package `{name}`, found none with `{digest}`",
            code="package/not-found",
            hint="upload it first, under its own name",
        )
    return record(open_package(digest, hub.store), desk, hub)


def record(package: Package, desk: Desk, hub: HubBytes) -> Event:
    """Publish a package that was looked at, and is in the store."""
    name, digest = package.manifest.name, package.digest
    with hub.turn:
        taken = _published(name, package, desk)
        if taken not in (None, digest):
            return desk.publish(name, digest)  # which says what is wrong
        tag, before = package.reference, hub.store.resolve(package.reference)
        hub.store.tag(tag, package.descriptor, replace=True)
        try:
            return desk.publish(name, digest)
        except KetchError:
            if before is None:
                hub.store.untag(tag)
            else:
                hub.store.tag(tag, before, replace=True)
            raise


def _published(name: PackageName, package: Package, desk: Desk) -> Digest | None:
    with suppress(NotFound):
        return desk.resolve(Reference(name, package.manifest.version)).digest
    return None
