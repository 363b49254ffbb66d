"""``ketch pull``: fetch a package from a registry, a bucket or a hub."""

from __future__ import annotations

from ketch.cli.carried import fetch, moved_json, moved_text
from ketch.cli.printer import Printer
from ketch.runtime import Home


def pull(source: str, /, *, replace: bool = False, json: bool = False) -> None:
    """Fetch a package, and what is attested of it, into the store on this machine.

    It is called here what it calls itself. Every byte is compared with its digest before
    it is kept, and what was interrupted goes on where it stopped.

    Args:
        source: Where it is, such as `oci://registry.example/team/shop:1.0.0`,
            `s3://bucket/prefix/shop:1.0.0`, or with `@sha256:…` in place of the version; of
            a hub also `https://hub.shop.example/shop@prod`, and of the hub that KETCH_REGISTRY
            names `shop@prod`.
        replace: Let it take its name from another package on this machine.
        json: Print one JSON value.
    """
    printer = Printer(as_json=json)
    with printer.progress() as progress:
        package, moved = fetch(Home.default(), source, progress, replace=replace)
    text = f"{package.reference} is here as {package.digest}: {moved_text(moved)}"
    printer.show({**moved_json(package, moved), "from": source}, text)
