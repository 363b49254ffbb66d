"""The report of a route on one screen, readable without colour: the verdict first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ketch.cli.estimated import estimates_lines
from ketch.cli.fit import WIDTH, crop, folded
from ketch.cli.measured import metrics_lines, shadow_lines
from ketch.cli.tables import table
from ketch.monitor.report import Hint, RouteReport, words
from ketch.monitor.rollouts import RolloutReport
from ketch.monitor.rollouts.report import ArmReport, GuardrailReport, Trial
from ketch.registry.rollouts import Rollout
from ketch.schema.problems import escaped

Row = Sequence[str]


def report_text(report: RouteReport) -> str:
    """Return the report of a route."""
    return "\n".join(_lines(report))


def line_of(report: RolloutReport) -> tuple[str, ...]:
    """Return a route as one line among several."""
    trial = report.rollout
    if trial is None:
        prod = next((arm.package for arm in report.arms), "-")
        return (report.route, prod, "", "", "", "", "no rollout")
    mine, deciding = report.arms[0], trial.deciding
    lift = None if deciding is None else deciding.reading.lift
    return (
        report.route,
        trial.candidate,
        words.share(mine),
        f"{mine.units:,}",
        "" if lift is None else words.change(lift.estimate),
        "" if lift is None else words.between(lift),
        words.VERDICTS[trial.verdict.action],
    )


HEADS = ("route", "package", "share", "units", "change", "between", "verdict")


def rollouts_text(found: Sequence[Rollout]) -> str:
    """Return the rollouts of a route, one a line."""
    rows = [
        (
            one.id,
            one.candidate.package,
            one.against.package,
            f"{one.began:%Y-%m-%d %H:%M}",
            "under way" if one.ended is None else f"{one.ended:%Y-%m-%d %H:%M}",
            "" if one.ended_by is None else f"{one.ended_by.kind} by {one.ended_by.actor}",
        )
        for one in found
    ]
    heads = ("rollout", "candidate", "against", "began", "ended", "how")
    return table([heads, *rows])


def _lines(report: RouteReport) -> Iterator[str]:
    of = report.of
    yield crop(f"{of.route}  {words.stamp(of.at)}", WIDTH)
    yield from folded(escaped(words.sentence(of)), indent=2, most=8)
    if of.rollout is not None:
        yield from _rollout(of, of.rollout)
    elif of.arms:
        yield ""
        yield _arms(of.arms, words.kind_of(None), of.primary)
    if of.holdout is not None:
        yield from _holdout(of)
    if report.shadow is not None:
        yield from shadow_lines(report.shadow)
    yield from metrics_lines(of, report.metrics, estimates_lines(report.estimates))
    yield from _hints("missing", report.missing)
    yield from _hints("next", report.next)


def _rollout(of: RolloutReport, trial: Trial) -> Iterator[str]:
    yield ""
    told = f"rollout {trial.id}: {trial.candidate} against {trial.against}, "
    told += words.period(trial, of.at)
    yield from folded(escaped(told), indent=2)
    yield _arms(of.arms, words.kind_of(trial), of.primary)
    yield ""
    yield _guardrails(trial.guardrails)
    yield ""
    facts = [("split", words.split(trial.log_e_srm)), ("seen", words.seen(trial))]
    facts += [("beware", one) for one in trial.problems]
    if (deciding := trial.deciding) is not None and deciding.fixed.p_value is not None:
        usual = f"p = {deciding.fixed.p_value:.2g} ({deciding.fixed.label}); it decides nothing"
        facts.append(("usual test", usual))
    for name, says in facts:
        yield from folded(f"  {name:<10}  {escaped(says)}", indent=14)


def _arms(arms: Sequence[ArmReport], kind: str, primary: str | None) -> str:
    counted = primary or "outcomes"
    rows = [("arm", "package", "share", "units", counted, "rate", "between, at every look")]
    rows += [
        (
            arm.stage,
            arm.package,
            words.share(arm),
            f"{arm.units:,}",
            f"{arm.rate.outcomes:,}",
            words.figure(arm.rate.rate, kind),
            words.span(arm.rate, kind),
        )
        for arm in arms
    ]
    return table(rows, right=(2, 3, 4, 5), indent=2)


def _guardrails(guardrails: Sequence[GuardrailReport]) -> str:
    rows: list[Row] = [("guardrail", "change", "between", "harm", "safe", "if it is hurt")]
    for one in guardrails:
        reading, guardrail = one.reading, one.reading.guardrail
        rows.append(
            (
                guardrail.metric,
                words.changed(one),
                words.between(reading.lift),
                words.evidence(reading.log_e_harm),
                words.proof(reading),
                f"{guardrail.reaction} ({words.asks(guardrail)})",
            )
        )
    legend = "harm and safe are evidence: 1 says nothing, and 20 is rare by chance"
    return f"{table(rows, right=(1, 3, 4), indent=2)}\n  {legend}"


def _holdout(of: RolloutReport) -> Iterator[str]:
    held = of.holdout
    assert held is not None  # noqa: S101 - the caller looked
    yield ""
    yield from folded(
        escaped(f"{held.candidate.package} in prod against the hold-out, {held.against.package}"),
        indent=2,
    )
    yield _guardrails(held.readings)


def _hints(title: str, hints: Sequence[Hint]) -> Iterator[str]:
    if hints:
        yield f"\n{title}"
    for one in hints:
        at = f": `{one.command}`" if one.command else ""
        yield from folded(escaped(f"  {one.says}{at}"), indent=4)
