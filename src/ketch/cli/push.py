"""``ketch push``: publish a package, so that others find it and it can be promoted."""

from __future__ import annotations

from ketch.cli.carried import moved_json, moved_text, send
from ketch.cli.printer import Printer
from ketch.cli.registered import event_json
from ketch.errors import NotFound
from ketch.package import Package, Reference
from ketch.runtime import Home
from ketch.store.home import is_hub, registry_address


def push(package: str, to: str | None = None, /, *, json: bool = False) -> None:
    """Publish a package, or send it to a registry of containers or a bucket.

    Published, its version means these bytes from now on, for ever. What the other side has
    already is not sent, and what was interrupted goes on where it stopped.

    Args:
        package: A package in the store, such as `shop:1.0.0`.
        to: Where to send it instead, such as `oci://registry.example/team/shop` or
            `s3://bucket/prefix`; its version is its tag there.
        json: Print one JSON value.
    """
    home = Home.default()
    printer = Printer(as_json=json)
    found = _own(home, Reference.parse(package))
    if to is None:
        _publish(home, found, printer)
        return
    with printer.progress() as progress:
        moved = send(home, found, to, progress)
    text = f"{found.reference} is at {to} as {found.digest}: {moved_text(moved)}"
    printer.show({**moved_json(found, moved), "to": to}, text)


def _own(home: Home, reference: Reference) -> Package:
    """Return a package of this machine: what is only elsewhere was published by others."""
    tagged = home.store.resolve(f"{reference.name}:{reference.version}")
    digest = reference.digest or (tagged.digest if tagged else None)
    if digest is None or home.store.size(digest) is None:
        raise NotFound(
            f"no package `{reference}` in the store",
            code="package/not-found",
            where=str(home.store.root),
            hint="`ketch pack` makes one; `ketch list` shows what is here",
        )
    return home.open(Reference(reference.name, digest))


def _publish(home: Home, package: Package, printer: Printer) -> None:
    """Publish a package where the registry is; a hub needs its bytes first."""
    address = registry_address(home.path)
    if is_hub(address):
        with printer.progress() as progress:
            send(home, package, address, progress, named=False)
    with home.desk() as known:
        event = known.publish(package.manifest.name, package.digest)
    place = address if is_hub(address) else "the registry of this machine"
    text = f"{package.reference} is published as {package.digest} in {place}"
    if package.manifest.route is None:
        text += "\nit names no route: `ketch promote` needs `--route NAME`"
    printer.show(event_json(event), text)
