"""What drift is called: the sentence a person reads first, and what tables and pages say."""

from __future__ import annotations

from collections.abc import Iterator

from ketch.monitor.drift.measures.told import percent
from ketch.monitor.drift.value import RISK, Against, Drift, Effect, FieldDrift, Measure, Test

NAMES = {
    Measure.KS: "KS",
    Measure.L_INFINITY: "L∞",
    Measure.LENGTH: "KS of lengths",
    Measure.MISSING: "missing",
    Measure.OTHER_TYPE: "other type",
    Measure.UNSEEN: "unseen",
    Measure.OUTSIDE: "outside",
}


def sentence(drift: Drift) -> str:
    """Return what was found, for somebody who has never heard of a measure."""
    asked = [one for one in drift.drifted if one.side == "input"]
    answered = [one for one in drift.drifted if one.side == "output"]
    of = reference(drift)
    if not drift.drifted:
        return f"No drift: what {drift.package} is asked and answers looks like {of}."
    if not asked:
        return (
            f"Drift: the answers of {drift.package} moved ({_list(answered)}), its inputs did not."
        )
    first = asked[0]
    said = f"Drift: {_list(asked)} {_no_longer(asked)} like {of}"
    if first.effect is None or not first.effect.weight:
        moved = "; nothing shows that it moves the answers" if first.effect is not None else ""
        return f"{said}{moved}."
    most = "it moves" if len(asked) == 1 else f"{first.name} moves the answers most,"
    return f"{said}; {most} {told(first.effect)}."


def told(effect: Effect) -> str:
    """Return an effect in words: ``score by 0.075``."""
    if effect.change is None:
        return f"{effect.output} in {percent(effect.share)} of the rows"
    return f"{effect.output} by {effect.change:.3g} on average"


def facts(drift: Drift) -> Iterator[str]:
    """Yield what the finding rests on."""
    span = f"{drift.since:%Y-%m-%d %H:%M} to {drift.until:%Y-%m-%d %H:%M} UTC"
    yield f"{drift.decisions:,} decisions of {drift.package} on {drift.route}, {span}"
    if drift.fields:
        least = min(drift.fields, key=lambda one: one.noise)
        yield (
            f"changes from {percent(least.noise)} of the rows on are told from chance; "
            f"where nothing drifted, at most {RISK * 100:g} look in 100 says otherwise"
        )
    if drift.repeats > 1.05:
        yield (
            f"{drift.repeats:.3g} rows count as one: the same units ask again and again, "
            "and are no new witnesses"
        )
    if drift.left_out:
        yield f"{drift.left_out:,} more fields have no profile, for there are too many"


def measure(test: Test) -> str:
    """Return a measure with its value."""
    return f"{NAMES[test.measure]} {test.value:.3f}"


def effect(field: FieldDrift) -> str:
    """Return what a field moves, or why nobody knows."""
    if field.side == "output":
        return ""
    return field.why_no_effect if field.effect is None else told(field.effect)


def against(field: FieldDrift) -> str:
    """Return what a field was held against."""
    return "training" if field.against is Against.TRAINING else "window before"


def reference(drift: Drift) -> str:
    """Return what most fields were held against."""
    if drift.against is Against.TRAINING:
        return "its training data"
    return "the same time before"


def _list(fields: list[FieldDrift]) -> str:
    names = [one.name for one in fields[:3]]
    if len(fields) > len(names):
        return f"{', '.join(names)} and {len(fields) - len(names)} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _no_longer(fields: list[FieldDrift]) -> str:
    return "no longer looks" if len(fields) == 1 else "no longer look"
