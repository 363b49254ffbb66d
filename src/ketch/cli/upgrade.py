"""``ketch upgrade``: a candidate with newer libraries, and what they change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.cli.replaying import Replaying
from ketch.runtime import Home


def upgrade(
    target: str = ".",
    /,
    *,
    package: tuple[str, ...] = (),
    python: str | None = None,
    security: Path | None = None,
    inputs: Path | None = None,
    route: str | None = None,
    since: str | None = None,
    log: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    version: str | None = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    budget: str | None = None,
    write: bool = False,
    check: bool = False,
    offline: bool = False,
    json: bool = False,
) -> int:
    """Make a candidate package with newer libraries, prove it, and say what they change.

    Libraries that change an answer stay as they are, and are named. Nothing is published.

    Args:
        target: A reference such as `shop:1.4.0` or `shop@prod`, an archive, or a package folder.
        package: Move this library, such as `pandas` or `pandas==2.3.1`, and what it needs; may
            be given several times. Its answers may change, its contract may not break.
        python: Another Python, such as `3.13`.
        security: Move only what these advisories speak of, to the lowest version that is free of
            them: a file in OSV form, JSON or JSON Lines.
        inputs: A file with the rows to ask: JSON, JSON Lines, CSV or Parquet; by default the
            scenarios.
        route: Ask what a route was asked: its decisions, replayed; of many, an even sample.
        since: Decisions from a time on, in UTC: 2026-03-03, 2026-03-03T12:00, or 2h for the
            last two hours; by default those of the last day.
        log: The folder of a decision log, in place of the one of this home; any number of them.
        version: The version of the candidate; by default the next patch that is free.
        output: Also write the candidate as one OCI archive to this file.
        budget: How long it may look for the libraries that change answers, such as `5m`.
        write: Write the newer lock into the folder.
        check: Only tell which versions there are; nothing is built or run.
        offline: Use only libraries and interpreters that lie on this machine.
        json: Print one JSON value.
    """
    from ketch.cli.upgraded import upgraded_text  # all that builds and runs packages
    from ketch.compare.upgrade import Options
    from ketch.compare.upgrade import upgrade as upgrade_package
    from ketch.rollout.spans import read_span

    replaying = Replaying(route, since, None, log)
    replaying.check(inputs)
    printer, home = Printer(as_json=json), Home.default()
    budget_s = None if budget is None else read_span(budget).total_seconds()
    options = Options(
        packages=package,
        python=python,
        security=security,
        version=version,
        archive=output,
        inputs=inputs,
        ask=lambda asked: replaying.asked(home, (asked,)),
        budget_s=budget_s,
        write=write,
        check=check,
        offline=offline,
    )
    with printer.progress() as progress:
        found = upgrade_package(target, home=home, options=options, progress=progress)
    # What is said of a library stands in the text.
    told = () if json else ("upgrade/unfixed",)
    printer.findings([one for one in found.findings if one.code not in told])
    printer.show(found.to_json(), upgraded_text(found))
    return 0 if found.passed else 1
