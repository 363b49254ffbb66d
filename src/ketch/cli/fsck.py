"""``ketch fsck``: check every byte of the store."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.cli.text import size
from ketch.runtime import Home
from ketch.store import fsck as check_store


def fsck(*, read_data: bool = True, json: Annotated[bool, Parameter(negative="")] = False) -> int:
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
    value = {
        "clean": report.is_clean,
        "blobs": report.blobs,
        "size_bytes": report.size_bytes,
        "damaged": [str(digest) for digest in report.damaged],
        "findings": [finding.to_json() for finding in report.findings],
    }
    state = "the store is whole" if report.is_clean else "the store is damaged"
    printer.show(value, f"{report.blobs} blobs, {size(report.size_bytes)}: {state}")
    return 0 if report.is_clean else 1
