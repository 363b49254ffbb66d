"""``ketch inspect``: everything a new colleague needs, on one screen."""

from __future__ import annotations

from pathlib import Path

from ketch.authoring import Options, Silent, target_package
from ketch.cli.overview import overview
from ketch.cli.printer import Printer
from ketch.runtime import Home, describe, stored_as
from ketch.store import attestations


def inspect(package: str = ".", /, *, json: bool = False) -> None:
    """Show what a package is, does and promises.

    Args:
        package: A package folder, an archive, or a reference such as `shop:1.0.0` or
            `shop@prod`.
        json: Print one JSON value.
    """
    home = Home.default()
    found, _ = target_package(package, home, Options(), Silent(), install=False)
    kept, stored = attestations(found.digest, home.store), stored_as(found, home)
    archive = Path(package) if Path(package).is_file() else None
    value = describe(found, kept, stored)
    Printer(as_json=json).show(value, overview(found, kept, stored, archive=archive))
