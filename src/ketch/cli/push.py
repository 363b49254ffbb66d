"""``ketch push``: publish a package, so that others find it and it can be promoted."""

from __future__ import annotations

from ketch.cli.carried import moved_json, moved_text, send
from ketch.cli.printer import Printer
from ketch.cli.registered import event_json
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
    found = home.open(Reference.parse(package))
    if to is None:
        _publish(home, found, printer)
        return
    with printer.progress() as progress:
        moved = send(home, found, to, progress)
    text = f"{found.reference} is at {to} as {found.digest}: {moved_text(moved)}"
    printer.show({**moved_json(found, moved), "to": to}, text)


def _publish(home: Home, package: Package, printer: Printer) -> None:
    """Publish a package where the registry is; a hub needs its bytes first."""
    address = registry_address(home.path)
    if is_hub(address):
        with printer.progress() as progress:
            send(home, package, address, progress, named=False)
    with home.desk() as known:
        event = known.publish(package.manifest.name, package.digest)
    text = f"{package.reference} is published as {package.digest}"
    printer.show(event_json(event), text)
