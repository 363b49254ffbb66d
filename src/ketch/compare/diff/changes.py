"""Two JSON values, and every place where they are not the same.

Laws, for all JSON values ``a`` and ``b``: ``changes(a, a) == ()``; the changes from ``b`` to
``a`` are those from ``a`` to ``b``, each mirrored; and whoever makes the changes in ``a``,
one after the other, has ``b``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import zip_longest
from typing import Self, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of objects, and places in lists."""

MOST = 1_000
"""Changes of one component that are told one by one; what is beyond is counted."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NOTHING = object()


class Kind(StrEnum):
    """What became of something on the way from ``a`` to ``b``."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RENAMED = "renamed"

    @property
    def mirrored(self) -> Kind:
        """What became of it on the way back."""
        return {Kind.ADDED: Kind.REMOVED, Kind.REMOVED: Kind.ADDED}.get(self, self)


@dataclass(frozen=True, slots=True)
class Change:
    """One place where two values are not the same.

    Attributes:
        path: The way there.
        kind: What became of it.
        a, b: What stands there; ``None`` also where nothing does, as ``kind`` tells.
    """

    path: Path
    kind: Kind
    a: object = None
    b: object = None

    @property
    def place(self) -> str:
        """The way there as people write it, such as ``fees.standard[2]``."""
        return written(self.path)

    def mirrored(self) -> Self:
        """Return the same place, on the way from ``b`` to ``a``."""
        return replace(self, kind=self.kind.mirrored, a=self.b, b=self.a)

    def to_json(self) -> dict[str, object]:
        """Return the change as a JSON object; a side where nothing stands is left out."""
        body: dict[str, object] = {"path": self.place, "change": str(self.kind)}
        if self.kind is not Kind.ADDED:
            body["a"] = self.a
        if self.kind is not Kind.REMOVED:
            body["b"] = self.b
        return body


def changes(a: object, b: object, path: Path = ()) -> tuple[Change, ...]:
    """Return every place where two JSON values differ, in the order of their keys.

    ``1``, ``1.0`` and ``true`` are three values, for a package can tell them apart.

    >>> [change.place for change in changes({"k": [1, 2]}, {"k": [1, 3, 4]})]
    ['k[1]', 'k[2]']
    """
    return tuple(_changes(a, b, path))


def kind_of(*, in_a: bool, in_b: bool) -> Kind:
    """Return what became of something, by the sides on which it is there."""
    return Kind.CHANGED if in_a and in_b else Kind.REMOVED if in_a else Kind.ADDED


def written(path: Sequence[str | int]) -> str:
    """Return a way to a value as people write it.

    >>> written(("fees", "per day", 2))
    'fees["per day"][2]'
    """
    parts = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif _PLAIN.fullmatch(step):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{json.dumps(step, ensure_ascii=False)}]")
    return "".join(parts)


def _changes(a: object, b: object, path: Path) -> Iterator[Change]:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in sorted(a.keys() | b.keys()):
            yield from _changes(a.get(key, _NOTHING), b.get(key, _NOTHING), (*path, key))
    elif isinstance(a, list | tuple) and isinstance(b, list | tuple):
        pairs = zip_longest(a, b, fillvalue=_NOTHING)
        for at, (one, other) in enumerate(pairs):
            yield from _changes(one, other, (*path, at))
    elif a is _NOTHING:
        yield Change(path, Kind.ADDED, b=b)
    elif b is _NOTHING:
        yield Change(path, Kind.REMOVED, a=a)
    elif not _is_same(a, b):
        yield Change(path, Kind.CHANGED, a, b)


def _is_same(a: object, b: object) -> bool:
    return type(a) is type(b) and repr(a) == repr(b)  # `repr` tells 0.0 from -0.0
