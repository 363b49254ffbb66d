"""``ketch explain``: why a package answers otherwise than another, or what broke on a route."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ketch.cli.breaking import Breaking
from ketch.cli.printer import Printer
from ketch.cli.replaying import Replaying
from ketch.runtime import Home


def explain(
    a: str | None = None,
    b: str | None = None,
    /,
    *,
    at: Annotated[str | None, Parameter(name="--at")] = None,
    metric: str | None = None,
    window: str | None = None,
    decision: str | None = None,
    inputs: Path | None = None,
    route: str | None = None,
    since: str | None = None,
    until: str | None = None,
    log: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    budget: str | None = None,
    offline: bool = False,
    json: bool = False,
) -> int:
    """Say why a package answers otherwise than another, or what broke on a route.

    Of two packages, mixtures of their code, model, parameters and environments are run on the
    same rows. What was run is remembered: the same command goes on where it was stopped. Of a
    route, its metrics are searched for a break around a time, and what changed before it is
    told, the likeliest first.

    Args:
        a: What was there before: a package folder, an archive, or a reference. Alone it is a
            route, on which something broke.
        b: What came after, likewise.
        at: When something was seen to be wrong on a route, in UTC: 2026-03-03T14:10, or 2h for
            two hours ago; by default now.
        metric: What was wrong: `errors`, `slow`, an outcome or a metric of the route; by
            default what changed most.
        window: How far back it may have begun, such as `30m` or `2d`; by default `6h`.
        decision: Say instead why one decision went as it did; the route may be left out.
        inputs: A file with the rows to ask: JSON, JSON Lines, CSV or Parquet; by default the
            scenarios of both.
        route: Ask what a route was asked: its decisions, replayed; of many, an even sample.
        since: Decisions from a time on, in UTC: 2026-03-03, 2026-03-03T12:00, or 2h for the
            last two hours; by default those of the last day.
        until: Decisions before a time.
        log: The folder of a decision log, in place of the one of this home; any number of them.
        budget: How long it may take, such as `90s` or `3m`: then nothing new is begun, and what
            is known by then is told.
        offline: Use only libraries and interpreters that lie on this machine.
        json: Print one JSON value.
    """
    incident = Breaking(a, at, metric, window, decision)
    of_packages = {"--inputs": inputs, "--route": route, "--since": since, "--until": until}
    incident.check(b, {**of_packages, "--budget": budget})
    if b is None or a is None:
        return incident.explain(Printer(as_json=json), Home.default(), log, offline=offline)
    from ketch.authoring import Options as Building  # all that builds and runs packages
    from ketch.authoring import target_package
    from ketch.cli.explained import explained
    from ketch.compare.explain import Options
    from ketch.compare.explain import explain as explain_packages
    from ketch.rollout.spans import read_span

    replaying = Replaying(route, since, until, log)
    replaying.check(inputs)
    printer, home = Printer(as_json=json), Home.default()
    budget_s = None if budget is None else read_span(budget).total_seconds()
    with printer.progress() as progress:
        one, other = (
            target_package(said, home, Building(offline=offline), progress)[0] for said in (a, b)
        )
        names = (a, b) if one.reference == other.reference and a != b else None
        asked = replaying.asked(home, (one, other))
        options = Options(inputs, budget_s, offline, names, asked)
        found = explain_packages(one, other, home, options, progress)
    printer.show(found.to_json(), explained(found))
    return 0
