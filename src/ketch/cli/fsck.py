"""``ketch fsck``: check every byte of the store."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.runtime import Home
from ketch.store import fsck as check_store


def fsck(
    *, read_data: bool = True, json: Annotated[bool, Parameter(negative="")] = False
) -> int:
    """Check that the store holds what its index names, byte for byte.

    Args:
        read_data: Hash every blob; without it only names and sizes are checked.
        json: Print one JSON value.
    """
    printer = Printer(as_json=json)
    with printer.progress() as progress:
        progress.step("checking the store")
        report = check_store(Home.default().store, read_data=read_data, progress=progress.advance)
    printer.findings(report.findings)
    printer.show(report.to_json(), str(report))
    return 1 if report.findings else 0
