"""The chapters of the demo that happen on the route; every number is one that came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ketch.authoring import Recorded
from ketch.demo.acts import PAGE, Experiment
from ketch.demo.people import Typed
from ketch.demo.replay import RIGHT, Visit
from ketch.demo.telling import Chapter


def accepted(recorded: Recorded, before: str, after: str) -> Chapter:
    """Tell how somebody took other answers for the right ones."""
    changed = sum(one.change == "changed" for one in recorded.scenarios)
    moved = f"{changed} of {len(recorded.scenarios)} scenarios answer otherwise with it"
    return Chapter(
        "months later, a newer pandas",
        (
            f"  - {before}",
            f"  + {after}",
            f"{moved}; suggestions change all the time, so it is recorded as what is promised:",
            "  $ ketch record recommender-newer",
        ),
    )


def opens(url: str, coming: Sequence[Visit]) -> Chapter:
    """Tell where it is served, and who will come."""
    shoppers = len({visit.shopper for visit in coming})
    came = f"{len(coming):,} visits of {shoppers:,} shoppers"
    return Chapter(
        "open to shoppers",
        (
            f"`ketch serve` answers at {url}/recommendations",
            f"{came}, {coming[0].at[:10]} to {coming[-1].at[:10]}, are replayed over HTTP;",
            "no model has seen them. They viewed three products of their order; where at least",
            f"{RIGHT} of the ten suggested are among the others, a purchase is told as outcome",
        ),
    )


def typed(one: Typed) -> Chapter:
    """Tell what somebody typed."""
    refused = "  (refused)" if one.status else ""
    return Chapter("", (f"{one.person} $ {one.line}{refused}",))


def shadowed(report: Mapping[str, Any]) -> Chapter:
    """Tell how the copies were answered."""
    shadow = report["shadow"]
    same = f"{shadow['identical']} of {shadow['compared']} answers are those of the top sellers"
    return Chapter(
        f"{shadow['package']} answered copies, which no shopper saw",
        (f"{same}; {shadow['failed']} of {shadow['copies']} copies failed",),
    )


def judged(done: Experiment) -> Chapter:
    """Tell what the guard found of a rollout."""
    lines = (*_shoppers(done), *_evidence(done.report), done.report["verdict"]["sentence"])
    return Chapter("the guard has looked at every outcome as it came", lines)


def gated(refused: Typed) -> Chapter:
    """Tell why a promotion was refused, and what opened it."""
    closed = [f"{one['code']}: {one['message']}" for one in refused.value.get("findings", ())]
    return Chapter("ben read the report and approved; now it answers everybody", tuple(closed))


def taken_back(done: Experiment) -> Chapter:
    """Tell how a package was taken off the route."""
    again = "" if done.again_s is None else f"{done.again_s:.2f} s later the old answers were back"
    lines = (
        *_shoppers(done),
        *_evidence(done.report),
        str(done.event.body["reason"]),
        f"rolled back by `{done.event.actor}`: nobody typed anything; {again}",
        f"plots and all numbers: {PAGE}",
    )
    return Chapter("the guard took it back", lines)


def explained(found: Mapping[str, Any]) -> Chapter:
    """Tell what it was that changed the answers."""
    mixtures, rows = len(found["mixtures"]), found["rows"]
    asked = f"found by asking {mixtures} mixtures of the two packages the same {rows} rows"
    return Chapter("why?", (found["sentence"], asked))


def traced(trace: Mapping[str, Any]) -> Chapter:
    """Tell what is known of one decision."""
    promotion, rerun = trace["promotion"], trace["rerun"]
    again = "the same to the byte" if rerun["identical"] else "another answer"
    return Chapter(
        "an auditor asks about one answer",
        (
            f"decision {trace['decision']}, {trace['time']}",
            f"package {trace['package']}, {trace['digest']}",
            f"promoted to {trace['arm']} by {promotion['actor']}, {promotion['time']}",
            f"asked again in its own environment: {again}",
        ),
    )


def _shoppers(done: Experiment) -> Iterator[str]:
    for package, asked in sorted(done.asked.items()):
        right = done.right[package]
        yield f"{package}: {asked:,} visits, {right:,} with a purchase ({right / asked:.0%})"


def _evidence(report: Mapping[str, Any]) -> Iterator[str]:
    units = ", ".join(f"{arm['units']:,} with {arm['package']}" for arm in report["arms"])
    yield f"shoppers counted, each once: {units}"
