"""``ketch fsck``: check every byte of the store, and the registry beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.cli.text import counted, size
from ketch.runtime import Home
from ketch.store import Repaired
from ketch.store import fsck as check_store
from ketch.store import repair as repair_store
from ketch.store.home import has_registry, is_hub, registry_address

if TYPE_CHECKING:
    from ketch.registry import Audit


def fsck(
    *,
    read_data: Annotated[bool, Parameter(negative="--no-read-data")] = True,
    repair: bool = False,
    json: bool = False,
) -> int:
    """Check that the store holds what its index names, byte for byte, and the registry.

    Args:
        read_data: Hash every blob; without it only names and sizes are checked.
        repair: Set damaged blobs aside and correct the tags, so that everything works
            again, and packing again stores what is missing.
        json: Print one JSON value.
    """
    printer = Printer(as_json=json)
    home = Home.default()
    store = home.store
    with printer.progress() as progress:
        progress.step("checking the store")
        report = check_store(store, read_data=read_data, progress=progress.advance)
        progress.step("checking the registry")
        audit = _audited(home)
    repaired = repair_store(store, report) if repair else Repaired()
    printer.findings([*report.findings, *(audit.findings if audit else ())])
    is_clean = report.is_clean and (audit is None or audit.is_clean)
    value = {
        "clean": is_clean,
        "blobs": report.blobs,
        "size_bytes": report.size_bytes,
        "damaged": [str(digest) for digest in report.damaged],
        "set_aside": [str(path) for path in repaired.set_aside],
        "corrected": list(repaired.tags),
        "findings": [finding.to_json() for finding in report.findings],
        "registry": None if audit is None else audit.to_json(),
    }
    state = "the store is whole" if report.is_clean else "the store is damaged"
    aside = len(repaired.set_aside)
    done = f"; {aside} set aside, pack the package again" if aside else ""
    done += f"; {counted(len(repaired.tags), 'tag')} corrected" if repaired.tags else ""
    text = f"{counted(report.blobs, 'blob')}, {size(report.size_bytes)}: {state}{done}"
    if audit is not None:
        is_whole = "whole" if audit.is_clean else "changed, or damaged"
        text += f"\n{counted(audit.events, 'event')}: the registry is {is_whole}"
    printer.show(value, text)
    return 0 if is_clean else 1


def _audited(home: Home) -> Audit | None:
    """Return what is wrong with the registry; None when there is none here."""
    if is_hub(registry_address(home.path)) or not has_registry(home.path):  # a hub sees to its own
        return None
    with home.desk() as known:
        return known.audit()
