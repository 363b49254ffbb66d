"""What verification found, in words: a hundred columns, the failures first to last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ketch.cli.fit import WIDTH, both, crop, folded
from ketch.cli.text import counted, seconds
from ketch.package import Divergence
from ketch.schema import Difference
from ketch.schema.problems import escaped
from ketch.verify import ProbeResult, Report, ScenarioResult

SHOWN = 5
"""How many scenarios, and differences of one scenario, are shown in full."""

_LAST_WORDS = 8


def report_text(report: Report) -> str:
    """Return what verification found: failures in full, the rest counted."""
    return "\n".join(_report(report))


def _report(report: Report) -> Iterator[str]:
    yield f"{report.name}  {report.digest.short}"
    if report.problem is not None:
        yield from folded(f"✗ could not be verified: {escaped(report.problem)}", indent=4)
        yield from _last_words(report.said, 12, indent=4)
    yield from _scenarios(report.scenarios)
    yield from _probes(report.probes)
    yield from _first_moved(report)
    if report.metrics:
        listed = ", ".join(f"{name} {value:.4g}" for name, value in sorted(report.metrics.items()))
        yield from folded(escaped(f"  metrics: {listed}"), indent=4, most=10)
    yield f"  {_measured(report)}"
    for note in report.notes:
        yield from folded(f"  ! {escaped(note)}", indent=4)
    yield from _printed(report)
    verdict = "✓ keeps its contract" if report.passed else "✗ breaks its contract"
    yield f"{verdict} ({seconds(report.duration_s)})"


def _scenarios(results: Sequence[ScenarioResult]) -> Iterator[str]:
    passed = sum(result.passed for result in results)
    mark = "✓" if passed == len(results) else "✗"
    yield f"{mark} {passed} of {len(results)} scenarios answered as promised"
    failed = [result for result in results if not result.passed and result.asked]
    for result in failed[:SHOWN]:
        yield crop(f"  ✗ {result.name}", WIDTH)
        for difference in result.differences[:SHOWN]:
            yield f"      {difference_text(difference, indent=6)}"
        if len(result.differences) > SHOWN:
            yield f"      … and {len(result.differences) - SHOWN} more differences"
        yield from _last_words(result.said, _LAST_WORDS, indent=8)
        if result.hint:
            yield from folded(f"      {escaped(result.hint)}", indent=6, most=5)
    yield from _named("failed, too", failed[SHOWN:])
    yield from _named("not asked", [result for result in results if not result.asked])


def _named(what: str, results: Sequence[ScenarioResult]) -> Iterator[str]:
    if results:
        names = ", ".join(result.name for result in results)
        yield crop(f"  ✗ {counted(len(results), 'scenario')} {what}: {names}", WIDTH)


def _probes(results: Sequence[ProbeResult]) -> Iterator[str]:
    required = [result for result in results if result.required]
    if required:
        passed = sum(result.passed for result in required)
        mark = "✓" if passed == len(required) else "✗"
        yield f"{mark} {passed} of {len(required)} probes survived"
    for result in results:
        if result.passed:
            continue
        mark = "✗" if result.required else "·"
        yield from folded(f"  {mark} {result.name}: {escaped(result.detail)}", indent=6)
        if result.hint and result.required:
            yield from folded(f"      {result.hint}", indent=6)


def _first_moved(report: Report) -> Iterator[str]:
    """Yield the first step that moved; without an earlier run, nobody knows which it is."""
    moved = report.first_divergence
    of = next((one for one in report.scenarios if one.divergence is moved), None)
    if moved is None or of is None or _is_said(of, moved):
        return
    if report.passed:
        yield _moved_text("  ! the answers agree, but", moved)
    elif of.compared:
        yield _moved_text("✗", moved)


def _is_said(result: ScenarioResult, moved: Divergence) -> bool:
    """Whether the scenario names this step already, as what was raised does."""
    said = str(moved.found)
    return not moved.field and any(said in one.message for one in result.differences)


def _moved_text(who: str, moved: Divergence) -> str:
    where = f"step `{moved.step}`"
    if moved.field:
        where += f", field `{moved.field}`"
    if moved.measure:
        where += f", {moved.measure}"
    if moved.row is not None:
        where += f", row {moved.row}"
    values = moved.expected, moved.found
    told = (_json(one) if moved.field else escaped(str(one)) for one in values)
    return both(escaped(f"{who} first moved at {where}"), *told, indent=4)


def difference_text(difference: Difference, *, indent: int = 4) -> str:
    """Return one difference; the lines after the first are indented.

    Args:
        difference: Where an answer is not the expected one.
        indent: Columns before the first line, which the caller writes.
    """
    said = escaped(difference.message)
    space = " " * indent
    if difference.field:
        place = f"{space}row {difference.row}, `{difference.field}`"
        if said.startswith("expected "):  # the values themselves say as much, and more
            told = map(_json, (difference.expected, difference.found))
            return both(place, *told, indent=indent + 2)[indent:]
        said = f"row {difference.row}, `{difference.field}`: {said}"
    return "\n".join(folded(f"{space}{said}", indent=indent + 2))[indent:]


def value_text(value: object) -> str:
    """Return a value as short JSON in backticks."""
    return crop(_json(value), WIDTH - 6)


def _json(value: object) -> str:
    return f"`{escaped(json.dumps(value, ensure_ascii=False, default=str))}`"


def _measured(report: Report) -> str:
    measured = report.measured
    parts = [f"started in {seconds(measured.start_s)}"]
    if measured.latency_ms is not None:
        parts.append(f"{measured.latency_ms:.1f} ms a row")
    if measured.memory_mb is not None:
        parts.append(f"{measured.memory_mb:.0f} MB")
    return ", ".join(parts)


def _printed(report: Report) -> Iterator[str]:
    """Yield what the package printed; during probes it says the same for every question."""
    probes_failed = any(one.required and not one.passed for one in report.probes)
    for check, text in report.printed.items():
        if check != "probes" or probes_failed:
            yield f"  the package printed, during {check}:"
            lines = escaped(text).splitlines()
            yield from (crop(f"    │ {line}", WIDTH) for line in lines)


def _last_words(said: str, count: int, *, indent: int) -> Iterator[str]:
    lines = escaped(said.strip()).splitlines()
    return (crop(f"{' ' * indent}{line}", WIDTH) for line in lines[-count:])
