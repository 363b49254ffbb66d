"""``ketch export``: a package in the forms of others."""

from __future__ import annotations

import json as json_text
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from ketch.cli.printer import Printer
from ketch.cli.text import counted
from ketch.files import write_whole
from ketch.package import Reference
from ketch.runtime import Home

if TYPE_CHECKING:
    from ketch.package import Package
    from ketch.signing import Signature
    from ketch.store import Store

export = App(name="export", help="Write a package in the forms of others.")


@export.command(name="folder")
def folder(package: str, target: Path, /, *, json: bool = False) -> None:
    """Write every file of a package, its manifest and its newest signature to a new folder.

    `model_signing verify` checks such a folder, without ketch.

    Args:
        package: A package in the store, such as `shop:1.0.0`.
        target: The folder, which must not be there yet.
        json: Print one JSON value.
    """
    from ketch.export import write_folder

    printer = Printer(as_json=json)
    with _writing(package, target, printer) as (found, store, signature, written):
        files = write_folder(found, store, target, signature=signature, progress=written)
    value = {"folder": str(target), "digest": str(found.digest), "files": list(files)}
    signed = "not signed" if signature is None else "with its signature"
    printer.show(value, f"{found.reference}: {counted(len(files), 'file')} in {target}, {signed}")


@export.command(name="mlbom")
def mlbom(
    package: str,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    json: bool = False,
) -> None:
    """Write what a package is made of, as a CycloneDX bill of materials with a model card.

    Args:
        package: A package in the store, such as `shop:1.0.0`.
        output: The file; without it, it is printed.
        json: Print one JSON value.
    """
    from ketch.export import mlbom as bill_of
    from ketch.store import attestations

    home = Home.default()
    found = home.open(Reference.parse(package))
    known = attestations(found.digest, home.store)
    bill = bill_of(found, known[0] if known else None, ketch=version("ketch"))
    printer = Printer(as_json=json)
    text = json_text.dumps(bill, indent=2, ensure_ascii=False)
    if output is None:
        printer.show(bill, text)
        return
    write_whole(output, (text + "\n").encode())
    value = {"file": str(output), "digest": str(found.digest)}
    printer.show(value, f"{found.reference} is listed in {output}")


@export.command(name="mlflow")
def mlflow(package: str, target: Path, /, *, json: bool = False) -> None:
    """Write a package as an MLflow model folder, which answers there as it does here.

    Args:
        package: A package in the store, such as `shop:1.0.0`.
        target: The folder, which must not be there yet.
        json: Print one JSON value.
    """
    from ketch.export.mlflow import write_mlflow

    printer = Printer(as_json=json)
    with _writing(package, target, printer) as (found, store, signature, told):
        written = write_mlflow(found, store, target, signature=signature, progress=told)
    printer.findings(written.findings)
    value = {
        "folder": str(target),
        "digest": str(found.digest),
        "files": list(written.files),
        "findings": [finding.to_json() for finding in written.findings],
    }
    count = counted(len(written.files), "file")
    printer.show(value, f"{found.reference}: {count} in {target}, for `mlflow.pyfunc.load_model`")


@contextmanager
def _writing(
    package: str, target: Path, printer: Printer
) -> Iterator[tuple[Package, Store, Signature | None, Callable[[int], None]]]:
    """Yield a package, its store, its newest signature, and what is told of each byte written."""
    from ketch.signing import signatures

    home = Home.default()
    found = home.open(Reference.parse(package))
    known = signatures(found.digest, home.store)
    with printer.progress() as progress:
        progress.step(f"writing {target}", total_bytes=found.size_bytes)
        yield found, home.store, known[0] if known else None, progress.advance
