"""``ketch explain``: why a package answers otherwise than another."""

from __future__ import annotations

from pathlib import Path

from ketch.cli.printer import Printer
from ketch.runtime import Home


def explain(
    a: str,
    b: str,
    /,
    *,
    inputs: Path | None = None,
    budget: str | None = None,
    offline: bool = False,
    json: bool = False,
) -> int:
    """Say why a package answers otherwise than another: from which component, and what in it.

    Mixtures of their code, model, parameters and environments are run on the same rows. What
    was run is remembered: the same command goes on where it was stopped.

    Args:
        a: What was there before: a package folder, an archive, or a reference.
        b: What came after, likewise.
        inputs: A file with the rows to ask: JSON, JSON Lines, CSV or Parquet; by default the
            scenarios of both.
        budget: How long it may take, such as `90s` or `3m`: then nothing new is begun, and what
            is known by then is told.
        offline: Use only libraries and interpreters that lie on this machine.
        json: Print one JSON value.
    """
    from ketch.authoring import Options as Building  # all that builds and runs packages
    from ketch.authoring import target_package
    from ketch.cli.explained import explained
    from ketch.compare.explain import Options
    from ketch.compare.explain import explain as explain_packages
    from ketch.rollout.spans import read_span

    printer, home = Printer(as_json=json), Home.default()
    budget_s = None if budget is None else read_span(budget).total_seconds()
    with printer.progress() as progress:
        one, other = (
            target_package(said, home, Building(offline=offline), progress)[0] for said in (a, b)
        )
        names = (a, b) if one.reference == other.reference and a != b else None
        options = Options(inputs, budget_s, offline, names)
        found = explain_packages(one, other, home, options, progress)
    printer.show(found.to_json(), explained(found))
    return 0
