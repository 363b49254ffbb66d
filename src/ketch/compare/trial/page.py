"""A comparison as one file of HTML: the sentence, metrics with their intervals, and where."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ketch.compare.trial import words
from ketch.compare.trial.sentence import sentence
from ketch.compare.trial.trial import Beside, Measured, Trial
from ketch.monitor.report.page.document import document
from ketch.monitor.report.page.intervals import Interval, intervals
from ketch.monitor.report.page.markup import figure, paragraph, section, table, text

_READ = (
    (
        "All packages are asked the same rows in turns, each in its own environment. A metric is "
        "measured on the rows that every one of them answered."
    ),
    (
        "An interval beside the first package is that of the paired difference: it holds the true "
        "one in 95 of 100 such comparisons. Where it holds zero, the two cannot be told apart."
    ),
    (
        "How far answers moved is the mean of the difference over the larger number; anything "
        "else that differs counts as all the way. Of many slices some stand out by chance."
    ),
)


def page(found: Trial) -> str:
    """Return a comparison as a whole document of HTML, which is well-formed XML, too."""
    title = f"{', '.join(found.names)} · ketch compare"
    return document(title, _parts(found), "Made by ketch from packages asked the same rows.")


def _parts(found: Trial) -> Iterator[str]:
    yield paragraph("Packages on the same rows", "soft")
    first, *others = found.names
    listed = ", ".join(others)
    yield f"<h1>{text(f'{listed} beside {first}')}</h1>"
    kind = "promote-ready" if all(one.passed for one in found.beside) else "hold"
    word = "Picked" if found.choice is not None else "Compared"
    said = sentence(found)
    yield f'<div class="verdict {kind}">{paragraph(word, "word")}{paragraph(said)}</div>'
    yield "".join(paragraph(one, "soft") for one in (f"{words.asked(found)}.", *found.notes))
    plots = [_plot(found, one) for one in found.metrics]
    measured = _table("Each metric on the same rows.", words.metrics(found), {2, 4})
    yield section("Metrics", *plots, measured if found.metrics else "")
    costs = _table(
        "Time in turns on the same rows; the ratio is to the first package.",
        words.costs(found),
        range(1, 8),
    )
    yield section("Time and memory", costs)
    yield section("To know", "".join(paragraph(one) for one in words.remarks(found)))
    for one in found.beside:
        yield _beside(found, one)
    yield f"<details><summary>How to read this</summary>{''.join(map(paragraph, _READ))}</details>"


def _plot(found: Trial, metric: Measured) -> str:
    """Return by how much each other package has more of a metric."""
    rows = [
        Interval(name, one.value, one.low, one.high)
        for name, one in list(zip(found.names, metric.differences, strict=True))[1:]
    ]
    better = metric.wanted.to_json()["better"]
    says = f"{metric.wanted.name} beside {found.names[0]}: {better} is better."
    return figure(intervals(metric.wanted.name, rows, says=says, write=words.signed), says)


def _beside(found: Trial, one: Beside) -> str:
    parts = [paragraph(f"! {why}") for why in one.speaks_against]
    if one.differences.moved:
        parts.append(_table("Where answers part.", words.outputs(one.differences), {1, 2, 3, 4}))
    else:
        parts.append(paragraph(f"{words.same(one.differences).capitalize()}."))
    for caption, slices in (("Where they part most.", one.most), ("By slice.", one.slices)):
        if slices:
            parts.append(_table(caption, words.slices("slice", slices), {1, 2, 3}))
    return section(f"Answers of {found.names[one.at]} beside {found.names[0]}", *parts)


def _table(caption: str, lines: Sequence[words.Line], numbers: Collection[int]) -> str:
    heads, *rows = lines
    return table(caption, [f"{one[:1].upper()}{one[1:]}" for one in heads], rows, numbers)
