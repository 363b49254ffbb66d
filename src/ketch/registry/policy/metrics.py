"""The model metrics of a policy: how well outputs agreed with what turned out to be right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ketch.registry.reading import Reader, Reading, count, number, one_of, span, text
from ketch.rollout.metric import RANKED, Metric, Scored
from ketch.rollout.spans import write_span

_MOST = 50
_MOST_K = 10_000
_NEEDED = ("measure", "output", "outcome")
_READERS: Mapping[str, Reader] = {
    "measure": lambda value: Scored(one_of(*Scored)(value)),
    "output": text,
    "outcome": text,
    "k": count(_MOST_K, least=1),
    "window": span,
    "absent": number("a number", lambda _: True),
    "score": text,
}


def read_metrics(given: object, reading: Reading) -> tuple[Metric, ...]:
    """Return the metrics that can be read; tell of the others."""
    found = reading.entries(given, "metrics")
    if len(found) > _MOST:
        reading.wrong(f"expected at most {_MOST} metrics, found {len(found)}", "metrics")
    return tuple(one for name, body in found[:_MOST] for one in _metric(name, body, reading))


def write_metric(one: Metric) -> dict[str, object]:
    """Return a metric as a table of a policy, but for its name."""
    body: dict[str, object] = {
        "measure": str(one.measure),
        "output": one.output,
        "outcome": one.outcome,
        "k": one.k if one.measure in RANKED else None,
        "window": write_span(one.window),
        "absent": one.absent,
        "score": one.score,
    }
    return {name: value for name, value in body.items() if value is not None}


def _metric(name: str, body: object, reading: Reading) -> Iterator[Metric]:
    at = f"metrics.{name[:60]}"
    before = len(reading.findings)
    reading.take(text, name, at)
    found = reading.table(body, _READERS, at)
    if isinstance(body, Mapping):
        for message in _amiss(body, found.get("measure")):
            reading.wrong(message, at)
    if len(reading.findings) == before:
        yield Metric(name, **found)  # type: ignore[arg-type] # each was read by its own reader


def _amiss(body: Mapping[str, object], measure: object) -> Iterator[str]:
    """Yield what does not go together."""
    if missing := [f"`{name}`" for name in _NEEDED if name not in body]:
        yield f"expected {', '.join(missing)} too, found none"
    if measure is not None and measure not in RANKED and "k" in body:
        yield f"expected `k` for {' and '.join(RANKED)} only, found it for `{measure}`"
    if measure is not None and measure is not Scored.ACCURACY and "score" in body:
        yield f"expected `score` for {Scored.ACCURACY} only, found it for `{measure}`"
