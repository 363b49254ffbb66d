"""``ketch pack``: build a package, verify it in its own environment, and store it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ketch.authoring import Options
from ketch.authoring import pack as pack_folder
from ketch.cli.authored import packed_text
from ketch.cli.printer import Printer
from ketch.files import check_place


def pack(
    folder: Path = Path(),
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    verify: Annotated[bool, Parameter(negative="--no-verify")] = True,
    link: bool = False,
    offline: bool = False,
    upgrade: bool = False,
    json: bool = False,
) -> int:
    """Build a package from a folder, prove that it keeps its contract, and store it.

    Args:
        folder: The package folder, with its ketch.toml.
        output: Also write the package as one OCI archive to this file.
        verify: Run the contract before storing; without it the package is unverified.
        link: Hard-link model files into the store instead of copying them; never
            change such a file afterwards.
        offline: Use only libraries and interpreters that lie on this machine.
        upgrade: Lock the newest versions of every library anew.
        json: Print one JSON value.
    """
    printer = Printer(as_json=json)
    if output is not None:
        check_place(output)
    with printer.progress() as progress:
        packed = pack_folder(
            folder,
            verified=verify,
            archive=output,
            options=Options(link=link, offline=offline, upgrade=upgrade),
            progress=progress,
        )
    printer.findings(packed.findings)
    printer.show(packed.to_json(), packed_text(packed))
    return 0 if packed.report is None or packed.report.passed else 1
