"""``ketch fsck``: check every byte of the store."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.cli.text import counted, size
from ketch.runtime import Home
from ketch.store import Repaired
from ketch.store import fsck as check_store
from ketch.store import repair as repair_store


def fsck(
    *,
    read_data: Annotated[bool, Parameter(negative="--no-read-data")] = True,
    repair: bool = False,
    json: bool = False,
) -> int:
    """Check that the store holds what its index names, byte for byte.

    Args:
        read_data: Hash every blob; without it only names and sizes are checked.
        repair: Set damaged blobs aside and correct the tags, so that everything works
            again, and packing again stores what is missing.
        json: Print one JSON value.
    """
    printer = Printer(as_json=json)
    store = Home.default().store
    with printer.progress() as progress:
        progress.step("checking the store")
        report = check_store(store, read_data=read_data, progress=progress.advance)
    repaired = repair_store(store, report) if repair else Repaired()
    printer.findings(report.findings)
    value = {
        "clean": report.is_clean,
        "blobs": report.blobs,
        "size_bytes": report.size_bytes,
        "damaged": [str(digest) for digest in report.damaged],
        "set_aside": [str(path) for path in repaired.set_aside],
        "corrected": list(repaired.tags),
        "findings": [finding.to_json() for finding in report.findings],
    }
    state = "the store is whole" if report.is_clean else "the store is damaged"
    aside = len(repaired.set_aside)
    done = f"; {aside} set aside, pack the package again" if aside else ""
    done += f"; {counted(len(repaired.tags), 'tag')} corrected" if repaired.tags else ""
    printer.show(
        value, f"{counted(report.blobs, 'blob')}, {size(report.size_bytes)}: {state}{done}"
    )
    return 0 if report.is_clean else 1
