"""Which parameters changed: by their dotted names, down to the values inside tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import cast

from ketch.compare.explain.inside.change import Change
from ketch.compare.explain.mixing import Files
from ketch.package.layers import PARAMS
from ketch.schema import canonical_json

Path = tuple[str, ...]
_MISSING = object()


class Parameters:
    """The parameters of two packages.

    Args:
        a, b: The table ``[params]`` of each.
    """

    def __init__(self, a: Mapping[str, object], b: Mapping[str, object]) -> None:
        self._a = a
        self._found = list(_parted(a, b, ()))
        self.changes = tuple(
            Change("parameter", ".".join(path), _plain(one), _plain(other))
            for path, one, other in self._found
        )

    def files(self, some: frozenset[int]) -> Files:
        """Return the parameters of A, some of them as B has them."""
        params = deepcopy(dict(self._a))
        for number in some:
            path, _, value = self._found[number]
            _put(params, path, value)
        return {PARAMS: canonical_json({"params": params}) + b"\n"}

    def along(self, some: frozenset[int]) -> frozenset[int]:  # noqa: ARG002 # each stands alone
        """Return nothing: every parameter can change alone."""
        return frozenset()


def _parted(
    one: Mapping[str, object], other: Mapping[str, object], above: Path
) -> Iterator[tuple[Path, object, object]]:
    for name in sorted(one.keys() | other.keys()):
        left, right = one.get(name, _MISSING), other.get(name, _MISSING)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            yield from _parted(left, right, (*above, name))
        elif _text(left) != _text(right):
            yield (*above, name), left, right


def _put(params: dict[str, object], path: Path, value: object) -> None:
    *tables, last = path
    table = params
    for name in tables:
        table = cast("dict[str, object]", table[name])  # both packages have a table there
    if value is _MISSING:
        table.pop(last, None)
    else:
        table[last] = value


def _text(value: object) -> bytes:
    return b"" if value is _MISSING else canonical_json(value)


def _plain(value: object) -> object:
    return None if value is _MISSING else value
