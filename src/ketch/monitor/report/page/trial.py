"""A rollout on the page: arms, the lift as it came about, guardrails, and what was seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ketch.monitor.report import words
from ketch.monitor.report.page.intervals import Interval, intervals
from ketch.monitor.report.page.markup import figure, paragraph, section, table
from ketch.monitor.report.page.plots import Line, Spot, over_time
from ketch.monitor.rollouts import RolloutReport
from ketch.monitor.rollouts.report import GuardrailReport, HoldOut, Trial


def sections(of: RolloutReport) -> Iterator[str]:
    """Yield what there is to say of a rollout; of a route without one, who answers."""
    trial = of.rollout
    if trial is None:
        yield section("Who answers", _arms(of))
    else:
        yield section("Arms", paragraph(_told(of, trial)), _arms(of))
        yield section(f"Lift of {of.primary or 'nothing'}", _lift(of, trial))
        yield section("Guardrails", _guardrails(trial.guardrails, trial.against))
        yield section("Can it be relied on?", _facts(trial))
    if of.holdout is not None:
        yield section("Against the hold-out", _holdout(of.holdout))


def _told(of: RolloutReport, trial: Trial) -> str:
    pair = f"{trial.candidate} against {trial.against}"
    return f"{pair}, {words.period(trial, of.at)}; rollout {trial.id}."


def _arms(of: RolloutReport) -> str:
    kind = words.kind_of(of.rollout)
    heads = ("Arm", "Package", "Share", "Units", of.primary or "Outcomes", "Rate", "Between")
    rows = [
        (
            arm.stage,
            arm.package,
            words.share(arm),
            f"{arm.units:,}",
            f"{arm.rate.outcomes:,}",
            words.figure(arm.rate.rate, kind),
            words.span(arm.rate, kind),
        )
        for arm in of.arms
    ]
    return table("Units count once, with the arm that they saw first.", heads, rows, {2, 3, 4, 5})


def _lift(of: RolloutReport, trial: Trial) -> str:
    deciding = trial.deciding
    if deciding is None:
        return ""
    spots = [Spot(one.time, one.lift.estimate, one.lift.low, one.lift.high) for one in trial.series]
    last = deciding.reading.lift
    says = f"{words.change(last.estimate)} against {trial.against}, {words.between(last)}"
    plot = over_time(
        f"Lift of {of.primary}",
        [Line("lift", spots, has_band=True)],
        says=says,
        write=words.axis,
    )
    rows = [
        (
            words.stamp(one.time),
            f"{one.units:,}",
            words.change(one.lift.estimate),
            words.between(one.lift),
        )
        for one in trial.series
    ]
    numbers = table("The lift over time", ("Time", "Units", "Lift", "Between"), rows, {1, 2})
    shown = figure(plot, "The line is the best guess, the band what it lies between.", numbers)
    return paragraph(f"{says}.") + shown


def _guardrails(guardrails: Sequence[GuardrailReport], against: str) -> str:
    rows = [
        (
            one.reading.guardrail.metric,
            words.changed(one),
            words.between(one.reading.lift),
            words.evidence(one.reading.log_e_harm),
            words.proof(one.reading),
            f"{one.reading.guardrail.reaction} ({words.asks(one.reading.guardrail)})",
        )
        for one in guardrails
    ]
    heads = ("Guardrail", "Change", "Between", "Harm", "Safe", "If it is hurt")
    lifts = [(one.reading.guardrail.metric, one.reading.lift) for one in guardrails]
    drawn = [Interval(name, lift.estimate, lift.low, lift.high) for name, lift in lifts]
    plot = intervals(
        "Change of each guardrail",
        [_open(one) for one in drawn],
        says="; ".join(f"{row[0]} {row[1]}, {row[2]}" for row in rows),
        write=words.axis,
    )
    told = table(f"Compared with {against}, at every look.", heads, rows, {1, 3, 4})
    return figure(plot, "An end that is not drawn lies further out, or is not known yet.") + told


def _open(one: Interval) -> Interval:
    """Return an interval whose lower end is drawn only where it is known."""
    return one if one.low is None or one.low > -1 else Interval(one.name, one.value, None, one.high)


def _facts(trial: Trial) -> str:
    need, have = trial.minimum, trial.seen
    day = 86_400.0
    rows = [
        ("Units with the candidate", f"{have.units:,}", f"{need.units:,}"),
        ("Units without", f"{have.baseline_units:,}", f"{need.baseline_units:,}"),
        ("Outcomes", f"{have.outcomes:,}", f"{need.outcomes:,}"),
        (
            "Days",
            f"{have.lasted.total_seconds() / day:.1f}",
            f"{need.lasted.total_seconds() / day:.1f}",
        ),
    ]
    enough = words.is_enough(have, need)
    caption = f"{'Enough' if enough else 'Not enough yet'} was seen for a promotion."
    parts = [paragraph(f"Units were split {words.split(trial.log_e_srm)}.")]
    parts += [paragraph(f"Beware: {one}.") for one in trial.problems]
    parts.append(table(caption, ("", "Seen", "Waited for"), rows, {1, 2}))
    deciding = trial.deciding
    if deciding is not None and deciding.fixed.p_value is not None:
        fixed = deciding.fixed
        says = f"The usual test says p = {fixed.p_value:.2g} ({fixed.label}). It decides nothing."
        parts.append(paragraph(says, "soft"))
    return "".join(parts)


def _holdout(held: HoldOut) -> str:
    says = f"{held.candidate.package} in prod, held against {held.against.package}."
    return paragraph(says) + _guardrails(held.readings, held.against.package)
