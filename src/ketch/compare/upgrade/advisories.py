"""Advisories: which versions of libraries are known to be unsafe, from a file in OSV form.

The `OSV schema <https://ossf.github.io/osv-schema/>`_ is what databases of advisories for
Python export. A file holds one record, a list of them, or one after the other. What is not
about PyPI, and what was withdrawn, is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ketch.compare.upgrade.spans import FIRST, Affected, Event, Range
from ketch.env import Lock
from ketch.errors import NotFound, UsageError

_ECOSYSTEM = "PyPI"
_COMPARED = {"ECOSYSTEM", "SEMVER"}
"""Kinds of ranges whose ends are versions; those of GIT are commits."""

_ENDS = {"introduced": True, "fixed": False, "last_affected": False}
_PATH = " - at `$"


@dataclass(frozen=True, slots=True)
class Advisory:
    """What is known of one library.

    Attributes:
        id: The identity of the record, such as ``GHSA-…`` or ``PYSEC-…``.
        library: Normalised name.
        affected: The versions that it speaks of.
        summary: What it is about, in a line; empty where nobody says.
    """

    id: str
    library: str
    affected: Affected
    summary: str = ""


class _Package(msgspec.Struct):
    ecosystem: str = ""
    name: str = ""


class _Range(msgspec.Struct):
    type: str
    events: list[dict[str, str]] = []


class _Affected(msgspec.Struct):
    package: _Package | None = None
    ranges: list[_Range] | None = None
    versions: list[str] | None = None


class _Record(msgspec.Struct):
    id: str
    summary: str = ""
    withdrawn: str | None = None
    affected: list[_Affected] | None = None


def read_advisories(path: Path) -> tuple[Advisory, ...]:
    """Read a file of advisories.

    Raises:
        NotFound: There is no such file.
        UsageError: ``upgrade/advisories``: it is not in OSV form; the error names the place.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as problem:
        message = f"no file `{path}`"
        raise NotFound(message, code="upgrade/advisories", where=str(path)) from problem
    except UnicodeDecodeError as problem:
        raise _refused("expected UTF-8, found bytes that are not", str(path)) from problem
    found: list[Advisory] = []
    for where, value in _values(text, str(path)):
        found += _advisories(value, where)
    if not found and not text.strip():
        raise _refused("expected advisories, found an empty file", str(path))
    return tuple(found)


def known(lock: Lock, advisories: Iterable[Advisory]) -> dict[str, tuple[Advisory, ...]]:
    """Return the advisories that a lock is affected by, by library."""
    by_name: dict[str, list[Advisory]] = {}
    for one in advisories:
        by_name.setdefault(one.library, []).append(one)
    found: dict[str, tuple[Advisory, ...]] = {}
    for pin in lock.packages:
        version = Version(pin.version)
        held = tuple(one for one in by_name.get(pin.name, ()) if one.affected.holds(version))
        if held:
            found[pin.name] = tuple(dict.fromkeys((*found.get(pin.name, ()), *held)))
    return found


def _values(text: str, path: str) -> Iterator[tuple[str, object]]:
    """Yield the records of a file, each with its place: `FILE:LINE`, and `[N]` in a list."""
    decoder, at = json.JSONDecoder(), _next(text, 0)
    line, counted = 1, 0
    while at < len(text):
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as problem:
            place = f"{path}:{problem.lineno}"
            raise _refused(f"expected JSON, found none: {problem.msg}", place) from problem
        except ValueError as problem:
            raise _refused("expected numbers of fewer digits", f"{path}:{line}") from problem
        except RecursionError as problem:
            raise _refused("expected a record, found endless lists", f"{path}:{line}") from problem
        if isinstance(value, list):
            yield from ((f"{path}:{line}: [{number}]", one) for number, one in enumerate(value))
        else:
            yield f"{path}:{line}: ", value
        at = _next(text, end)


def _next(text: str, at: int) -> int:
    """Return where the next value begins."""
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _advisories(value: object, where: str) -> Iterator[Advisory]:
    try:
        record = msgspec.convert(value, _Record)
    except msgspec.ValidationError as problem:
        said, _, path = str(problem).partition(_PATH)
        place = _joined(where, path.rstrip("`").removeprefix("."))
        raise _refused(f"{said[:1].lower()}{said[1:]}", place) from problem
    if record.withdrawn is not None:
        return
    found: dict[str, Affected] = {}
    for at, one in enumerate(record.affected or ()):
        if one.package is None or one.package.ecosystem.partition(":")[0] != _ECOSYSTEM:
            continue
        place = _joined(where, f"affected[{at}]")
        if not one.package.name:
            raise _refused("expected the name of a library", f"{place}.package.name")
        name = canonicalize_name(one.package.name)
        before = found.get(name, Affected())
        found[name] = Affected(
            (*before.ranges, *_ranges(one.ranges or (), place)),
            before.versions | _versions(one.versions),
        )
    for library, affected in found.items():
        yield Advisory(record.id, library, affected, " ".join(record.summary.split()))


def _ranges(ranges: Sequence[_Range], where: str) -> Iterator[Range]:
    for at, one in enumerate(ranges):
        if one.type not in _COMPARED:
            continue
        events, limits = [], []
        for number, event in enumerate(one.events):
            place = f"{where}.ranges[{at}].events[{number}]"
            for kind, said in event.items():
                if kind == "limit":
                    limits += [] if said == "*" else [_version(said, f"{place}.{kind}")]
                    continue
                if kind not in _ENDS:
                    expected = "expected `introduced`, `fixed`, `last_affected` or `limit`"
                    raise _refused(f"{expected}, found `{kind}`", place)
                is_first = kind == "introduced" and said == "0"
                version = FIRST if is_first else _version(said, f"{place}.{kind}")
                events.append(Event((version, kind == "last_affected"), _ENDS[kind]))
        if not any(event.is_affected for event in events):
            raise _refused("expected an event `introduced`", f"{where}.ranges[{at}].events")
        is_open = any(event.get("limit") == "*" for event in one.events)
        yield Range(tuple(events), () if is_open else tuple(limits))


def _version(text: str, where: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as problem:
        raise _refused(f"expected a version as PEP 440 writes it, found `{text}`", where) from (
            problem
        )


def _versions(texts: Iterable[str] | None) -> frozenset[Version]:
    """Return versions; old ones that are none any more cannot be in a lock."""
    found = set()
    for text in texts or ():
        try:
            found.add(Version(text))
        except InvalidVersion:
            continue
    return frozenset(found)


def _joined(where: str, path: str) -> str:
    return f"{where}{path}" if where.endswith(" ") or not path else f"{where}.{path}"


def _refused(message: str, where: str) -> UsageError:
    return UsageError(
        message,
        code="upgrade/advisories",
        where=where.strip().rstrip(":"),
        hint="give records in OSV form: https://ossf.github.io/osv-schema/",
    )
