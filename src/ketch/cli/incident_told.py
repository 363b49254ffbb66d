"""An incident in words: what broke in a sentence, then what changed, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ketch.cli.columns import columns
from ketch.cli.fit import folded
from ketch.cli.text import counted
from ketch.cli.verification import difference_text
from ketch.compare.incident import Break, Cause, Incident, Story, sentence, words
from ketch.schema.problems import escaped

_MOST = 5
_OTHERS = 6
_SHOWN = 5


def incident_text(found: Incident) -> str:
    """Return what broke on a route, and what changed before it."""
    return "\n".join(_lines(found))


def story_text(found: Story) -> str:
    """Return why a decision went as it did."""
    return "\n".join(_story(found))


def _lines(found: Incident) -> Iterator[str]:
    yield from folded(escaped(sentence(found)), indent=0, most=8)
    if found.incident is not None:
        yield ""
        yield columns([_HEADS, *(_row(one, found) for one in _broken(found))])
    for number, cause in enumerate(found.causes[:_MOST], 1):
        yield ""
        yield from _cause(number, cause, found)
    if len(found.causes) > _MOST:
        yield f"\n  and {len(found.causes) - _MOST} less likely; `--json` has them"
    yield ""
    yield from folded(escaped(_looked(found)), indent=2, most=6)
    for note in found.notes:
        yield from folded(escaped(f"! {note}"), indent=2)


_HEADS = ("", "before", "after", "since", "between", "by chance")


def _broken(found: Incident) -> Iterator[Break]:
    if found.incident is not None:
        yield found.incident
    yield from found.others[:_OTHERS]


def _row(one: Break, found: Incident) -> tuple[str, ...]:
    first, last = (_clock(when, found) for when in one.interval)
    return (
        one.metric,
        words.level(one.before, one.kind),
        words.level(one.after, one.kind),
        _clock(one.at, found),
        f"{first} and {last}",
        f"{one.p_value:.1g}",
    )


def _cause(number: int, cause: Cause, found: Incident) -> Iterator[str]:
    when = _clock(cause.when, found)
    yield from folded(escaped(f"{number}. {when}  {cause.what}  ({cause.score:.2f})"), indent=3)
    for one in cause.evidence:
        yield from folded(escaped(f"   {one}"), indent=5)
    yield escaped(f"   check: {cause.check}")


def _looked(found: Incident) -> str:
    ends = f"{found.until:%Y-%m-%d} " if found.until.date() != found.since.date() else ""
    first = f"{found.since:%Y-%m-%d} {_clock(found.since, found)}"
    when = f"{first} to {ends}{_clock(found.until, found)} UTC"
    said = f"looked at {counted(found.decisions, 'decision')}, {when}"
    if found.sampled > 1:
        said += f", one of {found.sampled} of them"
    return ": ".join(part for part in (said, ", ".join(found.looked_at)) if part)


def _clock(when: datetime, found: Incident) -> str:
    return words.clock(when, found.step)


def _story(found: Story) -> Iterator[str]:
    one, errors = found.trace.decision, found.errors
    yield from folded(escaped(found.sentence), indent=0, most=6)
    yield ""
    yield escaped(f"  decision    {one.id}  {one.time:%Y-%m-%d %H:%M:%S} UTC")
    yield escaped(f"  answered    {one.package} as {one.arm}")
    if errors is not None:
        first = f"{errors.first:%Y-%m-%d %H:%M:%S} UTC"
        yield escaped(f"  error       {errors.code}: {errors.count:,} since {first}")
    if found.before is not None:
        before = found.before
        same = "the same" if before.outputs == one.outputs else "something else"
        said = f"{before.package} answered {same} at {before.time:%Y-%m-%d %H:%M:%S} UTC"
        yield from folded(escaped(f"  same unit   {said}"), indent=14)
    yield from _again(found)
    for note in found.notes:
        yield from folded(escaped(f"! {note}"), indent=2)
    yield escaped(f"  check       ketch trace {one.id} --rerun")


def _again(found: Story) -> Iterator[str]:
    rerun, then = found.trace.rerun, found.previous
    if rerun is not None:
        marks = {True: "the same answer, byte for byte", False: "another answer"}
        said = marks.get(bool(rerun.identical)) if rerun.identical is not None else rerun.why
        yield from folded(escaped(f"  again       {said}"), indent=14)
    if then is None:
        return
    yield from folded(escaped(f"  before      {then.package}; {then.differ}"), indent=14)
    for difference in then.asked.differences[:_SHOWN]:
        yield f"    {difference_text(difference, indent=6)}"
    if then.asked.why and not then.asked.differences:
        yield from folded(escaped(f"    {then.asked.why}"), indent=6)
    if then.divergence is not None:
        moved = then.divergence
        field = f", field `{moved.field}`" if moved.field else ""
        yield escaped(f"  first moved step `{moved.step}`{field}")
