"""What is wrong with an outcome, before any of it is written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from ketch.errors import Finding, UsageError
from ketch.monitor.decisions.ids import is_id
from ketch.monitor.outcomes.outcome import Outcome
from ketch.package import names
from ketch.rollout.terms import MEASURED
from ketch.schema import canonical_json
from ketch.schema.problems import MOST, printable, show

LONGEST_KEY = 200
LONGEST_UNIT = 1_000
MOST_LABEL_BYTES = 4_096
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
"""How far the clock of whoever tells an outcome may be ahead of ours."""

_OF_WHOM = "name the decision (an answer has it as `Ketch-Decision`), or the unit that asked"
_NO_KEY = "give a `key` of the event, such as the number of the order, or `at`: when it happened"


def checked(outcomes: Sequence[Outcome], now: datetime) -> list[Finding]:
    """Return what is wrong with outcomes, at ``rows[3].at``, as far as anybody reads."""
    findings: list[Finding] = []
    for index, one in enumerate(outcomes):
        findings += check(one, now, f"rows[{index}]")
        if len(findings) > MOST:
            break
    return findings


def refusal(findings: Sequence[Finding]) -> UsageError:
    """Return the error that carries these findings."""
    first = findings[0]
    return UsageError(
        first.message, code=first.code, where=first.where, hint=first.hint, findings=findings
    )


def check(outcome: Outcome, now: datetime, where: str) -> Iterator[Finding]:
    """Yield all that is wrong with an outcome.

    Args:
        outcome: The outcome.
        now: The time.
        where: Its place, such as ``rows[3]``.
    """
    yield from check_route(outcome.route, f"{where}.route")
    yield from check_name(outcome.name, f"{where}.name")
    yield from _of_whom(outcome, where)
    yield from _key(outcome.key, where)
    if isinstance(outcome.value, bool) or not math.isfinite(outcome.value):
        message = f"expected a finite number, found {show(outcome.value)}"
        yield Finding("outcomes/value", message, f"{where}.value")
    yield from _label(outcome.label, where)
    if outcome.at is not None:
        yield from _time(outcome.at, now, f"{where}.at")


def check_route(text: str, where: str) -> Iterator[Finding]:
    """Yield why a route cannot be called so."""
    for wrong in names.check_name(text):
        yield Finding("outcomes/name", wrong.message, where, wrong.hint)


def check_name(text: str, where: str) -> Iterator[Finding]:
    """Yield why an outcome cannot be called so: as a route, but for what is measured anyway."""
    yield from check_route(text, where)
    if text in MEASURED:
        message = f"expected another name than `{text}`, which decisions tell themselves"
        yield Finding("outcomes/name", message, where, "call it something else")


def _of_whom(outcome: Outcome, where: str) -> Iterator[Finding]:
    decision, unit = outcome.decision, outcome.unit
    if decision is None and unit is None:
        message = "expected a `decision` or a `unit`, found neither"
        yield Finding("outcomes/of-whom", message, where, _OF_WHOM)
    elif decision is not None and unit is not None:
        message = "expected a `decision` or a `unit`, found both"
        hint = "leave the unit out: the decision says who it was"
        yield Finding("outcomes/of-whom", message, where, hint)
    elif decision is not None and not is_id(decision):
        message = f"expected the 32 digits of a decision, found `{printable(decision, 40)}`"
        hint = "the header `Ketch-Decision` of an answer names it"
        yield Finding("decisions/id", message, f"{where}.decision", hint)
    elif unit is not None and not 0 < len(unit) <= LONGEST_UNIT:
        message = f"expected a unit of 1 to {LONGEST_UNIT:,} characters, found {len(unit):,}"
        yield Finding("outcomes/of-whom", message, f"{where}.unit")
    if unit is not None and outcome.at is None and outcome.key is None:
        message = "expected a `key` or a time `at` beside a unit, found neither"
        yield Finding("outcomes/key", message, where, _NO_KEY)


def _key(key: str | None, where: str) -> Iterator[Finding]:
    if key is not None and (not 0 < len(key) <= LONGEST_KEY or not key.isprintable()):
        message = (
            f"expected a key of 1 to {LONGEST_KEY} printable characters, "
            f"found {len(key):,}: `{printable(key, 40)}`"
        )
        yield Finding("outcomes/key", message, f"{where}.key", "the number of the order will do")


def _label(label: object, where: str) -> Iterator[Finding]:
    if label is None:
        return
    try:
        size = len(canonical_json(label))
    except (TypeError, ValueError, RecursionError):
        message = f"expected a value that has a JSON form, found {show(label)}"
        yield Finding("outcomes/label", message, f"{where}.label")
        return
    if size > MOST_LABEL_BYTES:
        message = f"expected a label of at most {MOST_LABEL_BYTES:,} bytes of JSON, found {size:,}"
        hint = "a label says what was right; keep all else where it comes from"
        yield Finding("outcomes/label", message, f"{where}.label", hint)


def _time(at: datetime, now: datetime, where: str) -> Iterator[Finding]:
    if at.tzinfo is None:
        message = f"expected a time with an offset from UTC, found `{at.isoformat()}`"
        yield Finding("outcomes/time", message, where, "`datetime.now(UTC)` has one")
    elif at > now + AHEAD:
        message = f"expected a time that has come, found `{at.isoformat()}`"
        hint = "an outcome is told after it happened; see whether the clock and the zone are right"
        yield Finding("outcomes/time", message, where, hint)
    elif at < EARLIEST:
        message = f"expected a time from the year 2000 on, found `{at.isoformat()}`"
        yield Finding("outcomes/time", message, where, "is it in seconds where it should be text?")
