"""``ketch compare``: packages beside each other, on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.cli.replaying import Replaying
from ketch.errors import NotFound, UsageError
from ketch.files import check_place, write_whole
from ketch.runtime import Home

if TYPE_CHECKING:
    from ketch.package import Comparison, Package
    from ketch.registry import Policy

_Many = Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)]


def compare(
    a: str,
    b: str,
    /,
    *others: str,
    inputs: Path | None = None,
    metric: _Many = None,
    tolerance: float = 0.0,
    unit: str | None = None,
    slice: _Many = None,  # noqa: A002 # the word of the command line
    route: str | None = None,
    since: str | None = None,
    until: str | None = None,
    log: _Many = None,
    pick: str | None = None,
    record: bool = False,
    html: Path | None = None,
    offline: bool = False,
    json: bool = False,
) -> int:
    """Ask packages the same rows, each in its own environment, and tell how they differ.

    By what was right, where it is known; in what they answer, output by output; in how long
    they take, and in memory. The others stand beside the first.

    Args:
        a: The package to stand beside: a package folder, an archive, or a reference.
        b: Another package, likewise.
        others: More packages.
        inputs: A file with the rows to ask: JSON, JSON Lines, CSV or Parquet; by default the
            scenarios of all packages.
        metric: What to measure, as `OUTPUT:MEASURE:TARGET`, such as `price:rmse:paid`: an output,
            one of accuracy, auc, calibration, rmse, mae, precision and ndcg (`ndcg@5` for the
            first five), and what says what was right: a column of the file, or with `--route`
            the name of an outcome. Any number of them; with `--route` by default the metrics of
            its policy.
        tolerance: So much worse does not count: a part of the value of the first package, such
            as 0.01.
        unit: The column that says whom a row is about, where several rows are about one; with
            `--route` by default the input that its policy names.
        slice: Columns by whose values to tell of differences and metrics, too.
        route: Ask what a route was asked: its decisions, replayed; of many, an even sample.
        since: Decisions from a time on, in UTC: 2026-03-03, 2026-03-03T12:00, or 2h for the
            last two hours; by default those of the last day.
        until: Decisions before a time.
        log: The folder of a decision log, in place of the one of this home; any number of them.
        pick: Choose one of the packages by a metric, such as `rmse`: the best, or the quickest
            of those that cannot be told from it.
        record: Keep what was found as evidence of each other package beside the first, for the
            gate of a promotion.
        html: Write a page with plots, too: one file that needs no network.
        offline: Use only libraries and interpreters that lie on this machine.
        json: Print one JSON value.
    """
    from ketch.authoring import Options as Building  # all that builds and runs packages
    from ketch.authoring import target_package
    from ketch.cli.compared import compared
    from ketch.compare.trial import Happened, Options
    from ketch.compare.trial import compare as compare_packages
    from ketch.compare.trial.measures import declared
    from ketch.monitor.logs import log_folders

    replaying = Replaying(route, since, until, log)
    replaying.check(inputs)
    if record:
        _check_named((a, b, *others))
    if html is not None:
        check_place(html)
    printer, home, said = Printer(as_json=json), Home.default(), (a, b, *others)
    started = datetime.now(UTC)
    with printer.progress() as progress:
        building = Building(offline=offline)
        packages = [target_package(one, home, building, progress)[0] for one in said]
        references = [one.reference for one in packages]
        names = references if len(set(references)) == len(references) else said
        policy = _policy(home, route)
        metrics = metric or ([] if policy is None else declared(policy.metrics, packages))
        if record and not metrics:
            raise UsageError(
                "expected a metric with `--record`, found none",
                code="usage/arguments",
                hint="name one with `--metric`: scenarios promise what their author wrote, and do "
                "not say which package is better",
            )
        options = Options(
            inputs=inputs,
            asked=replaying.asked(home, packages),
            happened=None if route is None else Happened(log_folders(home.path, log or ()), route),
            metrics=metrics,
            tolerance=tolerance,
            unit=unit or _asker(policy, packages),
            slices=slice or (),
            pick=pick,
            offline=offline,
            names=names,
        )
        found = compare_packages(packages, home, options, progress)
    value, told = found.to_json(), compared(found)
    if record:
        from ketch.compare.trial.recording import record as keep

        kept = keep(found, packages, home.store, started=started)
        value["recorded"] = [one.name for one in kept]
        told = f"{told}\n\n{_kept(kept, references[0])}"
    if html is not None:
        from ketch.compare.trial.page import page

        write_whole(html, page(found).encode())
        value["html"] = str(html)
        told = f"{told}\n\nwritten to {html}"
    printer.show(value, told)
    return 0


def _policy(home: Home, route: str | None) -> Policy | None:
    """Return the rules of a route; None where none is named, or known."""
    if route is None:
        return None
    with home.desk() as desk, suppress(NotFound):
        return desk.route(route).policy
    return None


def _asker(policy: Policy | None, packages: Sequence[Package]) -> str | None:
    """Return the input that says who asks, where the policy names one that all packages have."""
    name = None if policy is None else policy.unit
    has = all(any(one.name == name for one in each.manifest.schema.inputs) for each in packages)
    return name if has else None


def _check_named(said: Sequence[str]) -> None:
    """Refuse a folder: what is recorded is about a package that has a name."""
    for one in said:
        if Path(one).is_dir():
            raise UsageError(
                f"expected a package with a name for `--record`, found the folder `{one}`",
                code="usage/target",
                where=one,
                hint=f"`ketch pack {quote(one)}` gives it a name",
            )


def _kept(kept: Sequence[Comparison], first: str) -> str:
    lines = []
    for one in kept:
        word = "nothing speaks against it" if one.passed else "it speaks against it"
        lines.append(f"recorded of {one.name}, beside {first}: {word}")
    return "\n".join([*lines, "a hub learns of it by `ketch push`"])
