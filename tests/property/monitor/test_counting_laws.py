"""Units are counted as the reference counts them, however their decisions and outcomes come."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tallies import POLICY, ROUTE, Writer, at, decided, rollout

from ketch.monitor.decisions import Decision, time_of
from ketch.monitor.decisions.keyed import KEY_FILE
from ketch.monitor.decisions.sealing import seal
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.monitor.rollouts import Tally
from ketch.rollout import Split
from ketch.rollout.stats import Event, Exposed, Unit, count
from ketch.rollout.terms import ERRORS, SLOW, Guardrail

SLOW_US = 80_000
times = st.integers(0, 16).map(lambda step: step * 900.0)  # some fall on the ends of windows


@dataclass(frozen=True)
class Story:
    """What happened, cut into parts that are written one after the other.

    Each part holds decisions by log, and outcomes; then logs are sealed, or not, and whoever
    follows catches up, or not.
    """

    parts: tuple[tuple[tuple[tuple[int, Decision], ...], tuple[Outcome, ...], bool, bool], ...]

    @property
    def decisions(self) -> list[Decision]:
        return [one for part in self.parts for _, one in part[0]]

    @property
    def outcomes(self) -> list[Outcome]:
        return [one for part in self.parts for one in part[1]]


@st.composite
def decision(draw: st.DrawFn, number: int) -> Decision:
    return decided(
        draw(st.sampled_from([None, "ana", "bo", "cy", "dee"])),
        draw(st.sampled_from(["limited", "prod"])),
        draw(times),
        share=draw(st.sampled_from([10_000, 500_000])),
        held=draw(st.sampled_from([0, 50_000])),
        status=draw(st.sampled_from([200, 200, 422, 503])),
        ms=draw(st.sampled_from([1.0, 80.0, 81.0])),
        why=draw(st.sampled_from(["unit", "unit", "unit", "forced"])),
        tail=0x8000000000000000 + number,
    )


@st.composite
def outcome(draw: st.DrawFn, key: int, decisions: list[Decision]) -> Outcome:
    unit = draw(st.sampled_from([None, "ana", "bo", "nobody"]))
    of = draw(st.sampled_from(decisions))
    return Outcome(
        ROUTE,
        draw(st.sampled_from(["purchase", "revenue", "pages", "other"])),
        at=at(draw(times)),
        key=str(key),
        value=draw(st.sampled_from([0.1, 0.2, 0.7, 33.3, 250.0, -0.3, 0.0])),
        unit=unit,
        decision=None if unit else of.id,
    )


@st.composite
def stories(draw: st.DrawFn) -> Story:
    decisions = [draw(decision(number)) for number in range(draw(st.integers(1, 12)))]
    outcomes = [draw(outcome(key, decisions)) for key in range(draw(st.integers(0, 10)))]
    again = draw(st.lists(st.sampled_from(outcomes), max_size=3)) if outcomes else []
    told = draw(st.permutations([*outcomes, *again]))
    written = draw(st.permutations(decisions))
    parts = []
    for left in (2, 1, 0):
        here = len(written) if not left else draw(st.integers(0, len(written)))
        there = len(told) if not left else draw(st.integers(0, len(told)))
        logs = [(draw(st.integers(0, 1)), one) for one in written[:here]]
        parts.append((tuple(logs), tuple(told[:there]), draw(st.booleans()), draw(st.booleans())))
        written, told = written[here:], told[there:]
    return Story(tuple(parts))


def reference(story: Story, guardrail: Guardrail, now: datetime) -> list[Unit]:
    """Return what the reference counts of a story."""
    mine = [one for one in story.decisions if one.unit and one.why == "unit"]
    exposures = [
        Exposed(
            one.unit or "",
            time_of(one.id),
            one.origin.arm == "limited",
            Split.told(one.origin.shares).probability,
        )
        for one in mine
    ]
    units = {one.id: one.unit for one in story.decisions}
    events = [
        Event(unit, one.at, one.key or "", one.value)
        for one in story.outcomes
        if (unit := one.unit or units.get(one.decision or "")) and one.at is not None
        if one.name == guardrail.metric
    ]
    if guardrail.metric in (ERRORS, SLOW):
        events = [
            Event(one.unit or "", time_of(one.id), one.id)
            for one in mine
            if (one.status >= 500 if guardrail.metric == ERRORS else one.duration_us > SLOW_US)
        ]
    return count(exposures, events, guardrail.measure, now=now).rows()


@settings(max_examples=12)
@given(stories(), st.integers(0, 40), st.integers(1, 2))
def test_who_follows_and_who_loads_anew_count_what_the_reference_counts(
    story: Story, quarters: int, number: int
) -> None:
    """Shuffled, told twice, late, from two logs, sealed and put together in between."""
    now = at(quarters * 900.0)
    with TemporaryDirectory(prefix="ketch-laws-") as folder:
        logs = _logs(Path(folder), number)
        with Tally(rollout(), logs) as following:
            writers = [Writer(log) for log in logs]
            for decisions, outcomes, sealed, caught in story.parts:
                for place, log in enumerate(logs):
                    mine = [one for which, one in decisions if which % number == place]
                    writers[place].write(mine)
                    with Outcomes(log) as ledger:
                        ledger.record(outcomes)
                if sealed:
                    _seal(logs, writers)
                if caught:
                    following.catch_up()
            following.catch_up()
            with Tally(rollout(), logs) as anew:
                for guardrail in POLICY.guardrails:
                    expected = reference(story, guardrail, now)
                    assert following.units(guardrail, now).rows() == expected, guardrail.metric
                    assert anew.units(guardrail, now).rows() == expected, guardrail.metric
                assert following.evidence(now) == anew.evidence(now)


def _logs(folder: Path, number: int) -> list[Path]:
    """Return logs with one key, so that a unit is the same in all of them."""
    logs = [folder / str(index) for index in range(number)]
    Writer(logs[0]).write([])
    for log in logs[1:]:
        log.mkdir()
        shutil.copy(logs[0] / KEY_FILE, log / KEY_FILE)
    return logs


def _seal(logs: list[Path], writers: list[Writer]) -> None:
    for log, writer in zip(logs, writers, strict=True):
        writer.rotate()
        seal(log, datetime.now(UTC) + timedelta(days=1))
