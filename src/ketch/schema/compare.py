"""Whether answers are the expected ones, and where they are not.

Each output field is compared the way it declares: exactly; within ``rtol`` and ``atol``
(``|found - expected| <= atol + rtol * |expected|``, as numpy's isclose) for every float
inside; as a ``set``, where order and duplicates do not matter; as ``ranking@K``, where
the first K items count, in order; or by a function of the package. "Exactly" is by
value: instants are equal whatever their offset, and floats when they round to the same
float of the declared width.

Law: ``compare(fields, rows, rows) == ()`` for rows that decode.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice, zip_longest
from typing import TypeAlias

from ketch.schema.constraints import RANKING
from ketch.schema.decode import Row
from ketch.schema.equality import EXACT, Part, Tolerance, canonical, differences_inside
from ketch.schema.fields import Field
from ketch.schema.problems import show
from ketch.schema.types import List, Type

CompareFunction: TypeAlias = Callable[[object, object], bool | str]
"""Gets the expected and the found value; True or "" when equal, else False or what differs."""

_TOLD = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where an answer is not the expected one.

    Attributes:
        row: Number of the row, from 0.
        field: Path of the value in the row, such as ``scores[2]``; empty for the row.
        expected, found: The two values, in JSON form.
        message: What differs, for people.
    """

    row: int
    field: str
    expected: object
    found: object
    message: str

    def to_json(self) -> dict[str, object]:
        """Return the difference as a JSON object."""
        return asdict(self)


def compare(
    fields: Sequence[Field],
    expected: Sequence[Row],
    found: Sequence[Row],
    functions: Mapping[str, CompareFunction] | None = None,
) -> tuple[Difference, ...]:
    """Return every place where the found rows are not the expected ones.

    Args:
        fields: The outputs, which say how each is compared.
        expected: Decoded rows.
        found: Decoded rows.
        functions: The functions that ``compare = "module:function"`` names.
    """
    differences: list[Difference] = []
    if len(expected) != len(found):
        row = min(len(expected), len(found))
        message = f"expected `{len(expected)}` rows, found `{len(found)}`"
        differences.append(Difference(row, "", len(expected), len(found), message))
    for field in fields:
        rule = _rule(field, functions or {})
        for row, (one, other) in enumerate(zip(expected, found, strict=False)):
            differing = rule(field.name, one.get(field.name), other.get(field.name))
            differences.extend(_told(row, field.name, differing))
    differences.sort(key=lambda difference: difference.row)
    return tuple(differences)


def rows_that_differ(
    fields: Sequence[Field], expected: Sequence[Row], found: Sequence[Row]
) -> frozenset[int]:
    """Return the rows of which :func:`compare` tells a difference, and does not tell which.

    What ``compare = "module:function"`` names is not called: those fields differ.
    """
    fewer, more = sorted((len(expected), len(found)))
    rows = {fewer} if fewer < more else set()
    for field in fields:
        rule = _rule(field, {})
        for row, (one, other) in enumerate(zip(expected, found, strict=False)):
            if row in rows:
                continue
            if any(True for _ in rule(field.name, one.get(field.name), other.get(field.name))):
                rows.add(row)
    return frozenset(rows)


_Rule: TypeAlias = Callable[[str, object, object], Iterator[Part]]


def _told(row: int, name: str, parts: Iterator[Part]) -> Iterator[Difference]:
    """Yield the first differences of one field, and one that counts the rest."""
    for path, expected, found, message in islice(parts, _TOLD):
        yield Difference(row, path, expected, found, message)
    more = sum(1 for _ in parts)
    if more:
        yield Difference(row, name, None, None, f"and `{more}` more differences in `{name}`")


def _rule(field: Field, functions: Mapping[str, CompareFunction]) -> _Rule:
    how = field.compare
    if how is None:
        return partial(differences_inside, field.type, Tolerance(field.rtol, field.atol))
    if how == "set":
        return partial(_as_set, field.type)
    ranking = RANKING.fullmatch(how)
    if ranking:
        return partial(_as_ranking, field.type, int(ranking[1]))
    return partial(_by_function, how, functions.get(how))


def _as_set(t: Type, path: str, expected: object, found: object) -> Iterator[Part]:
    if not (isinstance(t, List) and isinstance(expected, list) and isinstance(found, list)):
        yield from differences_inside(t, EXACT, path, expected, found)
        return
    wanted = {canonical(t.item, item): item for item in expected}
    there = {canonical(t.item, item): item for item in found}
    missing = [show(item) for key, item in wanted.items() if key not in there]
    unwanted = [show(item) for key, item in there.items() if key not in wanted]
    told = [
        f"{len(items)} {what}, such as {items[0]}"
        for what, items in (("missing", missing), ("not expected", unwanted))
        if items
    ]
    if told:
        yield path, expected, found, f"the items differ: {'; '.join(told)}"


def _as_ranking(t: Type, first: int, path: str, expected: object, found: object) -> Iterator[Part]:
    if not (isinstance(t, List) and isinstance(expected, list) and isinstance(found, list)):
        yield from differences_inside(t, EXACT, path, expected, found)
        return
    for place, (one, other) in enumerate(zip_longest(expected[:first], found[:first])):
        if canonical(t.item, one) != canonical(t.item, other):
            message = f"expected {show(one)} at place {place + 1} of {first}, found {show(other)}"
            yield f"{path}[{place}]", one, other, message
            return  # what follows a wrong place has only moved


def _by_function(
    name: str, function: CompareFunction | None, path: str, expected: object, found: object
) -> Iterator[Part]:
    if function is None:
        yield path, expected, found, f"expected the function `{name}` to compare with, found none"
        return
    told = function(expected, found)
    if told is not True and told != "":
        yield path, expected, found, told or f"`{name}` says that they differ"
