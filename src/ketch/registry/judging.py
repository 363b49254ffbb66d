"""How a verdict is recorded: read strictly, and only on the rollout that is under way.

Whoever watches a rollout, the guard or another program of the team, records a verdict when
what it asks for changes. The newest on the rollout under way opens the gate to prod, or
keeps it closed; it ends with its rollout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ketch.errors import Refused, UsageError
from ketch.package.digest import Digest
from ketch.registry.events import Draft, Kind
from ketch.registry.promotion import subject
from ketch.registry.reading import Reader, Reading, one_of
from ketch.registry.route import Place, Route
from ketch.rollout.terms import Action
from ketch.schema.parse import canonical_json, parse_json

MOST_EVIDENCE = 32 * 1024
"""How long the numbers of a verdict may be, in bytes of JSON."""

_DEPTH = 8
_SENTENCE = 1_000
_REASON = 4_000
_ROLLOUT = re.compile(r"[0-9a-f]{12}")


def judge(route: Route, verdict: object) -> Draft:
    """Return the event that records what was concluded of the rollout under way.

    Args:
        route: The route as it stands.
        verdict: ``rollout``, ``digest`` of the candidate, ``action``, ``sentence``; and, if
            there is more to say, ``package``, ``evidence``, ``reason``.

    Raises:
        UsageError: ``rollout/verdict``, with every finding.
        Refused: ``rollout/over``: it is not on the rollout that is under way.
    """
    limited = route.at(Place.LIMITED)
    said = read_verdict(verdict)
    if limited is None or said["rollout"] != route.rollout:
        raise _over(route, str(said["rollout"]))
    for name, is_ in (("digest", str(limited.digest)), ("package", limited.package)):
        if said.get(name, is_) != is_:
            message = f"expected `{is_}`, the candidate, found `{said[name]}`"
            raise UsageError(message, code="rollout/verdict", where=f"verdict: {name}")
    body = {"evidence": {}, "reason": "", **said, "package": limited.package}
    return Draft(Kind.JUDGED, subject(route.name), body)


def read_evidence(value: object) -> dict[str, object]:
    """Read the numbers that somebody acted on: a JSON object of at most 32 KiB.

    Raises:
        ValueError: It is none, or too long or too deep.
    """
    says = f"a JSON object of at most {MOST_EVIDENCE // 1024} KiB, nested at most {_DEPTH} deep"
    if not isinstance(value, Mapping):
        raise ValueError(says)  # noqa: TRY004 # which a reader tells
    try:
        written = canonical_json(dict(value))
        found = parse_json(written, max_bytes=MOST_EVIDENCE, max_depth=_DEPTH)
    except (TypeError, ValueError, RecursionError, UsageError) as problem:
        raise ValueError(says) from problem
    if not isinstance(found, dict):
        raise TypeError("an object was written, and another value was read")
    return found


def evidence_of(value: Mapping[str, object] | None) -> dict[str, object]:
    """Return the part of an event that tells on which numbers somebody acted, if on any.

    Raises:
        UsageError: ``rollout/verdict``.
    """
    if value is None:
        return {}
    try:
        return {"evidence": read_evidence(value)}
    except ValueError as problem:
        message = f"expected {problem}, found `{str(value)[:60]}`"
        raise UsageError(message, code="rollout/verdict", where="evidence") from problem


def read_verdict(verdict: object) -> dict[str, object]:
    """Read a verdict strictly; see :func:`judge`.

    Raises:
        UsageError: ``rollout/verdict``, with every finding.
    """
    reading = Reading(
        "verdict", unknown_key="rollout/unknown-key", wrong_value="rollout/wrong-value"
    )
    found = reading.table(verdict, _READERS)
    if isinstance(verdict, Mapping) and (
        missing := [f"`{n}`" for n in _NEEDED if n not in verdict]
    ):
        reading.wrong(f"expected {', '.join(missing)} too, found none", "")
    if reading.findings:
        raise UsageError(
            "the verdict cannot be recorded as it is",
            code="rollout/verdict",
            where="verdict",
            findings=reading.findings,
        )
    return found


def _over(route: Route, named: str) -> Refused:
    now = "none is under way" if route.rollout is None else f"`{route.rollout}` is under way"
    return Refused(
        f"expected a verdict on a rollout that is under way on `{route.name}`, "
        f"found one on `{named}`; {now}",
        code="rollout/over",
        where=f"route:{route.name}",
        hint=f"`ketch history {route.name}` shows how it ended",
    )


def _line(most: int, *, least: int = 1) -> Reader:
    def read(value: object) -> str:
        if (
            isinstance(value, str)
            and least <= len(value) <= most
            and value.isprintable()
            and value.strip() == value
        ):
            return value
        raise ValueError(f"text of {least} to {most:,} characters on one line")

    return read


def _rollout(value: object) -> str:
    if isinstance(value, str) and _ROLLOUT.fullmatch(value):
        return value
    raise ValueError("12 hexadecimal digits")


def digest_text(value: object) -> str:
    """Read a digest."""
    if isinstance(value, str):
        return str(Digest.parse(value))
    raise ValueError("a digest, `sha256:…`")


sentence: Reader = _line(_SENTENCE)
"""Reads what people are told, on one line."""

_READERS: Mapping[str, Reader] = {
    "rollout": _rollout,
    "package": _line(200),
    "digest": digest_text,
    "action": one_of(*Action),
    "sentence": sentence,
    "evidence": read_evidence,
    "reason": _line(_REASON, least=0),
}
_NEEDED = ("rollout", "digest", "action", "sentence")
