"""Drift as one file of HTML: the sentence, a table, and each drifted field beside what it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ketch.monitor.drift import words
from ketch.monitor.drift.bars import side_by_side
from ketch.monitor.drift.measures.told import percent
from ketch.monitor.drift.value import Drift, FieldDrift
from ketch.monitor.report.page.document import document
from ketch.monitor.report.page.markup import figure, paragraph, section, table, text

MOST_PLOTS = 30

_READ = (
    (
        "A field drifted where chance is ruled out, together with all other fields, and where "
        "the change is more than a trifle: a twentieth of the rows for how values lie, a "
        "hundredth for what is missing, was never seen or lies beyond the reference."
    ),
    (
        "KS is the largest change of the share below any one number, L∞ that of the share of "
        "any one value. PSI is told for those who know it, and decides nothing."
    ),
    (
        "What a field moves is found by asking the package again, with the field given back its "
        "reference distribution: a field may drift far and move nothing."
    ),
)


def page(drift: Drift) -> str:
    """Return what drifted as a whole document of HTML, which is well-formed XML, too."""
    title = f"{drift.route}: {_word(drift)} · ketch drift"
    return document(title, _parts(drift), "Made by ketch from profiles of the decision log.")


def _parts(drift: Drift) -> Iterator[str]:
    kind = "hold" if drift.drifted else "promote-ready"
    said = words.sentence(drift).partition(": ")[2]
    said = said if drift.drifted else f"{said[0].upper()}{said[1:]}"  # names keep their letters
    yield paragraph(f"Drift of a route against {words.reference(drift)}", "soft")
    yield f"<h1>{text(drift.route)}</h1>"
    yield (f'<div class="verdict {kind}">{paragraph(_word(drift), "word")}{paragraph(said)}</div>')
    yield "".join(paragraph(f"{one}.", "soft") for one in words.facts(drift))
    yield section("Inputs", _table(drift, "input"))
    yield section("Answers", _table(drift, "output"))
    plots = [_plot(one) for one in drift.drifted[:MOST_PLOTS]]
    yield section("What moved", *plots)
    rows = list(drift.not_compared.items())
    yield section("Not compared", table("Fields without a reference.", ("Field", "Why"), rows))
    yield f"<details><summary>How to read this</summary>{''.join(map(paragraph, _READ))}</details>"


def _word(drift: Drift) -> str:
    return "Drift" if drift.drifted else "No drift"


def _table(drift: Drift, side: str) -> str:
    heads = ("Field", "Drifted", "Measure", "What moved", "PSI", "Against", "It moves")
    rows = [
        (
            one.name,
            "yes" if one.drifted else "no",
            ", ".join(words.measure(test) for test in (one.main, *one.others)),
            "; ".join(test.says for test in (one.main, *one.others)),
            f"{one.figures['psi']:.3f}" if "psi" in one.figures else "",
            words.against(one),
            words.effect(one),
        )
        for one in drift.fields
        if one.side == side
    ]
    return table("What drifted first, by what it moves.", heads, rows, {4})


def _plot(field: FieldDrift) -> str:
    bars = field.bars
    if bars is None:
        return ""
    says = f"{field.name}, {words.measure(field.main)}: {field.main.says}"
    drawn = side_by_side(field.name, bars, says=says)
    rows = _numbers(bars.names, bars.reference, bars.live)
    numbers = table(field.name, ("Value", words.against(field), "live"), rows, {1, 2})
    return figure(drawn, f"{says}.", numbers)


def _numbers(
    names: Sequence[str], reference: Sequence[float], live: Sequence[float]
) -> list[tuple[str, str, str]]:
    shares = zip(names, reference, live, strict=True)
    return [(name, percent(a), percent(b)) for name, a, b in shares]
