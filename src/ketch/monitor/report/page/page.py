"""The page of a report: the verdict, what to do next, and then why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ketch.monitor.report import words
from ketch.monitor.report.gathering import RouteReport
from ketch.monitor.report.missing import Hint
from ketch.monitor.report.page import estimated, measured
from ketch.monitor.report.page.document import document
from ketch.monitor.report.page.markup import paragraph, section, text
from ketch.monitor.report.page.trial import sections
from ketch.monitor.rollouts import RolloutReport

_READ = (
    (
        "Intervals and evidence hold at every look: whoever rolls back as soon as the evidence of "
        "harm reaches 20 rolls back at most 1 in 20 candidates that are as good."
    ),
    (
        "Harm and safety are e-values: 1 says nothing, 20 is rare by chance. A candidate is ready "
        "to promote when each guardrail is safe, and enough was seen."
    ),
    (
        "A change is relative to the arm that the candidate is compared with. An end that is not "
        "drawn lies further out, or is not known yet."
    ),
    "What came of answers by package is no comparison: its units were not drawn for it.",
)


def page(report: RouteReport) -> str:
    """Return a report as a whole document of HTML, which is well-formed XML, too."""
    of = report.of
    return document(f"{of.route}: {_word(of)} · ketch report", _parts(report), _made(of))


def _parts(report: RouteReport) -> Iterator[str]:
    of = report.of
    trial = of.rollout
    kind = "none" if trial is None or trial.ended else str(trial.verdict.action)
    yield paragraph(f"Report of a route, {words.stamp(of.at)}", "soft")
    yield f"<h1>{text(of.route)}</h1>"
    yield (f'<div class="verdict {kind}">{paragraph(_word(of), "word")}{paragraph(_why(of))}</div>')
    yield section("Next", _hints(report.next))
    yield section("Missing", _hints(report.missing))
    yield from sections(of)
    if report.shadow is not None:
        yield measured.shadow(report.shadow)
    yield from measured.metrics(report.of, report.metrics, estimated.section_of(report.estimates))
    read = "".join(paragraph(one) for one in _READ)
    yield f"<details><summary>How to read this</summary>{read}</details>"


def _word(of: RolloutReport) -> str:
    if of.rollout is None:
        return "No rollout"
    is_over = of.rollout.ended is not None
    return "Ended" if is_over else words.VERDICTS[of.rollout.verdict.action].capitalize()


def _why(of: RolloutReport) -> str:
    """Return the sentence, without the word that stands above it already."""
    said = words.sentence(of)
    head, _, rest = said.partition(": ")
    return f"{rest[0].upper()}{rest[1:]}" if rest and head == _word(of) else said


def _hints(hints: Sequence[Hint]) -> str:
    items = "".join(
        f"<li>{text(one.says)}{f': <code>{text(one.command)}</code>' if one.command else ''}</li>"
        for one in hints
    )
    return f"<ul>{items}</ul>" if items else ""


def _made(of: RolloutReport) -> str:
    return f"Made by ketch from the decision log and the outcomes, as of {words.stamp(of.at)}."
