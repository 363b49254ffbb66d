"""A traced decision in words, one screen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from ketch.cli.fit import WIDTH, crop
from ketch.cli.text import counted, percent, seconds
from ketch.cli.verification import difference_text
from ketch.monitor.outcomes.outcome import instant
from ketch.monitor.trace import Rerun, Trace
from ketch.registry import Event, Kind, Place
from ketch.rollout.assign import BUCKETS
from ketch.schema.problems import escaped

_INDENT = 16
_SHOWN = 10
_APPROVED = (Place.PROD, Place.BASELINE)

_WHY = {
    "unit": "drawn by chance, for its unit",
    "no-unit": "nobody said who asks, so it had the arm of the rest",
    "forced": "the caller chose it",
    "outside": "its unit is not in the layer of the rollout",
    "fallback": "the arm of its unit could not answer",
    "shadow": "a copy: no caller saw the answer",
}


def traced(found: Trace) -> str:
    """Return everything that a trace says, in sections."""
    lines = [
        *_decision(found),
        *_section("who put it there", _standing(found)),
        *_section("what it is made of", _package(found)),
        *_section("what was asked and answered", _answer(found)),
        *_section("what became of it", _outcomes(found)),
        *_section("asked again", _again(found.rerun)),
        *_section("not known", (("", note) for note in found.notes)),
    ]
    return "\n".join(lines)


def _section(title: str, told: Iterator[tuple[str, str]]) -> Iterator[str]:
    lines = [_line(name, text) for name, text in told]
    if lines:
        yield from ("", title, *lines)


def _line(name: str, text: str) -> str:
    return crop(
        escaped(f"  {name:<{_INDENT - 2}}{' '.join(text.splitlines())}"), WIDTH * 2
    ).rstrip()


def _decision(found: Trace) -> Iterator[str]:
    one, why = found.decision, found.assigned
    yield f"decision {one.id}  {one.time:%Y-%m-%d %H:%M:%S.%f} UTC"
    yield _line("route", one.route)
    yield _line("answered by", f"{one.package}  as {one.arm}")
    yield _line("digest", one.digest)
    chance = "" if why.probability is None else f", as {percent(why.probability)} of units"
    yield _line("why", f"{_WHY.get(why.why, why.why)}{chance}")
    if why.unit is not None:
        yield _line("unit", f"{why.unit} (a hash with the key of the log)")
    if why.bucket is not None:
        same = "as recorded" if why.recomputed == one.arm else f"recorded is {one.arm}"
        place = f"bucket {why.bucket:,} of {BUCKETS:,}"
        yield _line("recomputed", f"{place}: {why.recomputed}, {same}")
    if why.shares:
        shares = ", ".join(f"{arm} {percent(share)}" for arm, share in why.shares.items())
        yield _line("shares", shares)
    if one.rollout:
        yield _line("rollout", one.rollout)
    if one.shadow_of:
        yield _line("copy of", one.shadow_of)


def _standing(found: Trace) -> Iterator[tuple[str, str]]:
    stood = found.standing
    if stood.promotion is not None:
        yield "promotion", _event(stood.promotion)
    if stood.share is not None and stood.share != stood.promotion:
        yield "its share", _event(stood.share)
    for one in stood.approvals:
        yield "approval", _event(one)
    if stood.promotion is not None and not stood.approvals and found.decision.arm in _APPROVED:
        yield "approval", "none"
    if stood.version is not None:
        at = f"{stood.version.published:%Y-%m-%d %H:%M} UTC"
        yield "published", f"{at}, {stood.version.publisher}"


def _event(event: Event) -> str:
    body = event.body
    share = body.get("share")
    word = "for" if event.kind is Kind.APPROVED else "to"
    to = f" {word} {body['stage']}" if body.get("stage") else ""
    with_share = f" with {percent(float(str(share)))}" if share else ""
    overridden = f", OVERRIDING {', '.join(map(str, _list(body.get('override'))))}"
    override = overridden if body.get("override") else ""
    why = f": {body['reason']}" if body.get("reason") else ""
    when = f"event {event.seq}, {event.time:%Y-%m-%d %H:%M} UTC, {event.actor}"
    package = f" {body['package']}" if body.get("package") else ""
    return f"{when}: {event.kind}{package}{to}{with_share}{override}{why}"


def _package(found: Trace) -> Iterator[tuple[str, str]]:
    package = found.package
    if package is None:
        return
    yield "owner", str(package["owner"])
    components = _table(package["components"])
    yield from ((name, str(digest)) for name, digest in components.items())
    if params := _table(package["params"]):
        yield "parameters", ", ".join(f"{name} = {_json(one)}" for name, one in params.items())
    for name, one in _table(package["data"]).items():
        reference = _table(one)
        version = f" at {reference['version']}" if reference.get("version") else ""
        yield f"data {name}", f"{reference.get('source', '')}{version}"
    environment = _table(package["environment"])
    libraries = counted(len(_table(environment["libraries"])), "library").replace(
        "librarys", "libraries"
    )
    yield "runs on", f"Python {environment['python']}, {libraries}"


def _answer(found: Trace) -> Iterator[tuple[str, str]]:
    one = found.decision
    yield "inputs", one.inputs
    yield "outputs", one.outputs if one.error is None else f"{one.error}, status {one.status}"
    steps = json.loads(one.steps)
    took = ", ".join(f"{name} {us / 1000:.1f} ms" for name, us in steps.items())
    yield "took", f"{one.duration_us / 1000:.1f} ms{f': {took}' if took else ''}"
    if one.batch_rows > one.rows:
        yield "in a call", f"of {counted(one.batch_rows, 'row')}, {one.rows} of them its own"


def _outcomes(found: Trace) -> Iterator[tuple[str, str]]:
    for one in found.outcomes[:_SHOWN]:
        label = "" if one.label is None else f" {one.label}"
        of = "" if one.decision else ", of its unit"
        yield one.name, f"{one.value:g}{label} at {instant(one.at):%Y-%m-%d %H:%M:%S} UTC{of}"
    if len(found.outcomes) > _SHOWN:
        yield "", f"and {len(found.outcomes) - _SHOWN} more"
    for shadow in found.shadows:
        same = "the same" if shadow.outputs == found.decision.outputs else shadow.outputs
        yield "shadow", f"{shadow.package} answered {same}"


def _again(done: Rerun | None) -> Iterator[tuple[str, str]]:
    if done is None:
        return
    marks = {
        True: "✓ the same answer, byte for byte",
        False: "✗ another answer",
        None: "? it cannot be told",
    }
    yield "", f"{marks[done.identical]} ({seconds(done.seconds)})"
    if done.why:
        yield "", f"  {done.why}"
    for one in done.differences[:_SHOWN]:
        yield "", difference_text(one, indent=_INDENT)
    if len(done.differences) > _SHOWN:
        yield "", f"and {len(done.differences) - _SHOWN} more differences"
    if done.divergence is not None:
        moved = done.divergence
        yield "first moved", f"step `{moved.step}`, field `{moved.field}`"


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
