"""``ketch trace``: by what a decision was made, for whom, and on whose word."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.runtime import Home


def trace(
    decision: str,
    /,
    *,
    rerun: bool = False,
    offline: bool = False,
    log: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    json: bool = False,
) -> int:
    """Say of one decision everything that is known: package, promotion, unit, answer, outcomes.

    Args:
        decision: The 32 digits that an answer names as `Ketch-Decision`.
        rerun: Ask the package again, in its own environment, and compare the answers byte for
            byte; exit status 1 where they are not the same.
        offline: Use only libraries and interpreters that lie on this machine.
        log: The folder of a log, in place of the one of this home; any number of them.
        json: Print one JSON value.
    """
    from ketch.cli.traced import traced  # a database, and all that runs a package
    from ketch.monitor.logs import log_folders
    from ketch.monitor.trace import trace as trace_decision

    printer, home = Printer(as_json=json), Home.default()
    with printer.progress() as progress:
        found = trace_decision(
            decision,
            home,
            log_folders(home.path, log or ()),
            again=rerun,
            offline=offline,
            progress=progress,
        )
    printer.show(found.to_json(), traced(found))
    return 1 if found.rerun is not None and found.rerun.identical is not True else 0
