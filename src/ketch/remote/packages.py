"""Packages to remotes and back, by their addresses: what ``ketch push`` and ``pull`` do."""

from __future__ import annotations

from pathlib import Path

from ketch.errors import NotFound, PackageError, Refused, UsageError
from ketch.package import Package, open_package
from ketch.package.oci import IMAGE_MANIFEST, Descriptor, parse_manifest
from ketch.package.paths import printable
from ketch.progress import Progress
from ketch.remote.address import Address
from ketch.remote.connect import connected, tag_of
from ketch.remote.store import RemoteStore
from ketch.remote.transfer import Moved, pull, push
from ketch.schema.nearest import nearest
from ketch.store import LocalStore
from ketch.store.naming import own_tag


def push_package(
    store: LocalStore,
    package: Package,
    to: Address,
    *,
    watcher: Progress,
    token: str | None = None,
    named: bool = True,
) -> Moved:
    """Send a package, and what is attested of it, to a remote.

    Args:
        store: Where the package is.
        package: The package.
        to: Where it goes; a version in it has to be the package's own.
        watcher: Told what is done.
        token: The token for a hub.
        named: Whether it gets its name there; else only its bytes go.

    Raises:
        Refused: ``store/tag-taken``: the version means other content there.
        UsageError: ``remote/other-name``: the address names another package or version.
    """
    name, version = package.manifest.name, str(package.manifest.version)
    _require_own(to, package)
    with connected(to, name=name, token=token, journal=_journal(store)) as remote:
        tag = tag_of(to, name, version) if named else None
        return push(store, package.descriptor, remote, tag, watcher=watcher)


def pull_package(
    store: LocalStore,
    address: Address,
    *,
    watcher: Progress,
    token: str | None = None,
    named: bool = True,
) -> tuple[Package, Moved]:
    """Fetch a package, and what is attested of it; it gets its own name here.

    Args:
        store: Where it goes.
        address: Where it is; it says which version, or which digest.
        watcher: Told what is done.
        token: The token for a hub.
        named: Whether it must get its name here; else it does where that is free.

    Raises:
        NotFound: ``remote/no-package``: there is none of that name.
        Refused: ``store/tag-taken``: its name means other content here.
        PackageError: What arrived is no package, or breaks the format.
    """
    with connected(address, token=token) as remote:
        root = _meant(remote, address)
        name = _own_name(remote, root)
        known = store.resolve(name)
        if named and known is not None and known.digest != root.digest:
            raise Refused(
                f"expected `{name}` to stand for `{root.digest}`, found `{known.digest}`",
                code="store/tag-taken",
                where=name,
                hint="one of the two has to be packed again under another version; "
                "`ketch pull --replace` lets this one have the name, "
                "and leaves the other its digest until `ketch gc`",
            )
        moved = pull(remote, root, store, watcher=watcher)
    package = open_package(root.digest, store)
    if package.reference != name or address.name not in {None, str(package.manifest.name)}:
        raise PackageError(
            f"expected the package `{address.name or name}`, found `{package.reference}`",
            code="remote/other-package",
            where=str(address),
            hint="whoever pushed it gave it the wrong name; pull it by its digest from where "
            "it belongs",
        )
    if named or known is None:
        store.tag(name, package.descriptor)
    return package, moved


def _require_own(to: Address, package: Package) -> None:
    """Refuse an address that names another package, version or content."""
    own = (str(package.manifest.name), str(package.manifest.version), package.digest)
    for said, is_it in zip((to.name, to.tag, to.digest), own, strict=True):
        if said not in {None, is_it}:
            raise UsageError(
                f"expected `{to.place}`, or `{is_it}` in it, found `{said}`",
                code="remote/other-name",
                where=str(to),
                hint="a package keeps its name and version wherever it is",
            )


def _meant(remote: RemoteStore, address: Address) -> Descriptor:
    """Return the manifest that an address means."""
    if address.digest is not None:
        content = remote.manifest(address.digest)
        return Descriptor(IMAGE_MANIFEST, address.digest, len(content))
    if address.tag is None:
        raise UsageError(
            f"expected `{address}{'/NAME' if address.scheme.is_bucket else ''}:VERSION`, "
            "found no version",
            code="remote/choice",
            where=str(address),
            hint=_listed(remote),
        )
    tag = f"{address.name}:{address.tag}" if address.scheme.is_bucket else address.tag
    found = remote.resolve(tag)
    if found is None:
        raise NotFound(
            f"expected a package `{tag}`, found none",
            code="remote/no-package",
            where=remote.where,
            hint=_listed(remote, tag),
        )
    return found


def _own_name(remote: RemoteStore, root: Descriptor) -> str:
    """Return what a package calls itself, before any of it is fetched."""
    where = f"{remote.where}@{root.digest}"
    content = remote.manifest(root.digest)
    name = own_tag(parse_manifest(content, where=where))
    if name is None:
        raise PackageError(
            "expected a package of ketch, found something else",
            code="remote/not-a-package",
            where=where,
        )
    return name


def _listed(remote: RemoteStore, tag: str | None = None) -> str | None:
    """Return a hint: the nearest name, or the last few that are there."""
    names = remote.names()
    if tag is not None and (near := nearest(tag, names)):
        return f"did you mean `{printable(near)}`?"
    told = ", ".join(f"`{printable(name)}`" for name in names[-5:])
    return f"here are {told}" if told else "nothing is here"


def _journal(store: LocalStore) -> Path:
    return store.layout.root / ".ketch" / "uploads"
