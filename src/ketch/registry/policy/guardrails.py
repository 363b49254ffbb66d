"""The guardrails of a policy: what may not get worse while a candidate is tried.

::

    [guardrails.purchase]     # an outcome's name, or `errors`, `slow`
    kind = "amount"           # happened, count, amount
    window = "7d"             # how long after a unit's first answer its events count; of
                              # `errors` 365d, for what begins to fail late must be seen, too
    cap = 250.0               # count, amount: what a unit counts at most
    worse = "lower"           # lower, higher
    reaction = "rollback"     # rollback, hold, observe
    margin = 0.0              # from which relative loss on it counts as hurt
    tolerated = 0.05          # the relative loss that a promotion may risk; of `errors` and
                              # `slow` none is asked to be proved, unless it is written

    [guardrails.slow]
    limit_ms = 80             # answers that took longer are slow

``guardrails = ["errors", "purchase"]`` is short for their defaults.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ketch.registry.reading import Reader, Reading, number, one_of, span, text
from ketch.rollout.spans import write_span
from ketch.rollout.terms import ERRORS, MEASURED, SLOW, Guardrail, Measure, Reaction

HAPPENED = "happened"
LASTING = Measure(window=timedelta(days=365))
"""Longer than rollouts last: units that come every day would else be out of sight in a week."""

DEFAULT = Guardrail(ERRORS, "higher", None, measure=LASTING)
"""What is watched on a route whose policy names nothing."""

_MOST = 50
_READERS: dict[str, Reader] = {
    "kind": one_of(HAPPENED, "count", "amount"),
    "window": span,
    "cap": number("a number above 0", lambda one: one > 0),
    "worse": one_of("lower", "higher"),
    "reaction": lambda value: Reaction(one_of(*Reaction)(value)),
    "margin": number("a number from 0 to below 1", lambda one: 0 <= one < 1),
    "tolerated": number("a number above 0 and below 1", lambda one: 0 < one < 1),
    "limit_ms": number("a number above 0", lambda one: one > 0),
}
_MEASURE = ("kind", "window", "cap")


def read_guardrails(given: object, reading: Reading) -> tuple[Guardrail, ...]:
    """Return the guardrails that can be read; tell of the others."""
    if isinstance(given, list):
        given = {name: {} for name in _names(given, reading)}
    if not isinstance(given, Mapping):
        reading.wrong(
            f"expected tables, or a list of text, found `{str(given)[:60]}`", "guardrails"
        )
        return ()
    found = list(given.items())
    if len(found) > _MOST:
        reading.wrong(f"expected at most {_MOST} guardrails, found {len(found)}", "guardrails")
    return tuple(one for name, body in found[:_MOST] for one in _guardrail(name, body, reading))


def write_guardrail(one: Guardrail) -> dict[str, object]:
    """Return a guardrail as a table of a policy, but for its name."""
    body: dict[str, object] = {
        "kind": one.measure.kind,
        "window": write_span(one.measure.window),
        "cap": None if one.measure.kind == HAPPENED else one.measure.cap,
        "worse": one.worse,
        "reaction": str(one.reaction),
        "margin": one.margin,
        "tolerated": one.tolerated,
        "limit_ms": one.limit_ms,
    }
    return {name: value for name, value in body.items() if value is not None}


def settled(guardrails: Iterable[Guardrail], primary: str | None) -> tuple[Guardrail, ...]:
    """Return guardrails in their order: the primary outcome first, one of its own if need be."""
    found = {one.metric: one for one in guardrails} or {ERRORS: DEFAULT}
    if primary is not None and primary not in found:
        found[primary] = Guardrail(primary, "lower")
    return tuple(sorted(found.values(), key=lambda one: (one.metric != primary, one.metric)))


def _names(given: list[object], reading: Reading) -> Iterator[str]:
    known: set[str] = set()
    for value in given:
        name = reading.take(text, value, "guardrails")
        if name in known:
            reading.wrong(f"expected each name once, found `{name}` again", "guardrails")
        elif name is not None:
            known.add(name)
            yield name


def _guardrail(name: str, body: object, reading: Reading) -> Iterator[Guardrail]:
    at = f"guardrails.{name[:60]}"
    before = len(reading.findings)
    reading.take(text, name, at)
    found = reading.table(body, _READERS, at)
    written = body.keys() if isinstance(body, dict) else ()
    for message in _amiss(name, written, found):
        reading.wrong(message, at)
    if len(reading.findings) == before:
        yield _built(name, found)


def _amiss(name: str, written: Iterable[str], found: dict[str, object]) -> Iterator[str]:
    """Yield what does not go together."""
    written = set(written)
    if name in MEASURED and found.get("kind", HAPPENED) != HAPPENED:
        yield f'expected `kind = "{HAPPENED}"` for `{name}`, found `{found["kind"]}`'
    if name == SLOW and "limit_ms" not in written:
        yield "expected `limit_ms`: from how many milliseconds on an answer is slow; found none"
    if name != SLOW and "limit_ms" in written:
        yield f"expected `limit_ms` for `{SLOW}` only, found it for `{name}`"
    if "kind" in written and "kind" not in found:
        return  # what it needs is not known
    kind = found.get("kind", HAPPENED)
    if kind != HAPPENED and "cap" not in written:
        yield f"expected `cap`, what a unit counts at most in a {kind}; found none"
    if kind == HAPPENED and "cap" in written:
        yield '`cap` goes with `kind = "count"` or `"amount"`, found it with `happened`'


def _built(name: str, found: dict[str, object]) -> Guardrail:
    usually = LASTING if name == ERRORS else Measure()
    measure = replace(usually, **{key: found[key] for key in _MEASURE if key in found})  # type: ignore[arg-type] # each was read by its own reader
    body: dict[str, Any] = {key: value for key, value in found.items() if key not in _MEASURE}
    usual: dict[str, Any] = {"worse": "lower"}
    if name in MEASURED:
        usual = {"worse": "higher", "tolerated": None}
    return Guardrail(name, **{**usual, **body}, measure=measure)
