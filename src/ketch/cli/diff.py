"""``ketch diff``: what is not the same in two packages, component by component."""

from __future__ import annotations

from shlex import quote

from ketch.cli.printer import Printer
from ketch.cli.text import counted
from ketch.compare.diff import Target, opened
from ketch.compare.diff import diff as difference
from ketch.runtime import Home


def diff(
    a: str,
    b: str,
    /,
    *,
    exit_code: bool = False,
    offline: bool = False,
    json: bool = False,
) -> int:
    """Tell what is not the same in two packages: by component, and in each what. Runs neither.

    Args:
        a: The package to start from: a reference such as `shop@prod`, an archive, or a folder.
        b: The package to compare it with.
        exit_code: Exit with 1 when they differ.
        offline: Use only what lies on this machine, where the lock of a folder does not fit.
        json: Print one JSON value.
    """
    printer, home = Printer(as_json=json), Home.default()
    with (
        printer.progress() as progress,
        opened(a, home, progress, offline=offline) as one,
        opened(b, home, progress, offline=offline) as other,
    ):
        found = difference(one.package, other.package)
    for target in (one, other):
        _say_unfinished(target, printer)
    if json:
        printer.show(found.to_json(), "")
    else:
        from ketch.cli.differing import differing  # what people read

        printer.show(None, differing(found, one.said, other.said))
    return int(exit_code and not found.same)


def _say_unfinished(target: Target, printer: Printer) -> None:
    """Say that a folder would be refused, which keeps nobody from looking at it."""
    wrong = sum(finding.blocks for finding in target.findings)
    if wrong:
        folder = quote(target.said)
        things = counted(wrong, "thing")
        printer.say(f"`{folder}` cannot be packed yet: `ketch pack {folder}` names {things}")
