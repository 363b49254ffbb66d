"""One check for each type: strict, lossless, built once and run on every value.

A check takes a value in JSON form and returns it in normal form, or raises
:class:`~ketch.schema.problems.Wrong`. The only value that changes its kind is an
integer in a floating-point field, and only when the float is exactly the integer.
``type(x) is int`` stands where ``isinstance`` would let a boolean pass.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from operator import length_hint

from ketch.schema.nearest import did_you_mean, nearest
from ketch.schema.problems import Check, Problem, Wrong, attempt, check_items, printable
from ketch.schema.scalars import UNBOUNDED, Bounds, scalar_checker, wrong_type
from ketch.schema.types import List, Struct, Tensor, Type


def checker(t: Type, bounds: Bounds = UNBOUNDED) -> Check:
    """Return the check of a type with its bounds; null never passes, see :func:`nullable`."""
    match t:
        case List(item):
            return _list(t, checker(item, bounds), bounds.max_items)
        case Tensor(dtype, _):
            return _tensor(t, checker(dtype, bounds))
        case Struct(members):
            parts = {
                one.name: nullable(checker(one.type)) if one.nullable else checker(one.type)
                for one in members
            }
            return record(parts)
        case _:
            return scalar_checker(t, bounds)


def nullable(check: Check) -> Check:
    """Return a check that lets null pass and is otherwise the same."""
    return lambda value: None if value is None else check(value)


def record(parts: Mapping[str, Check], optional: frozenset[str] = frozenset()) -> Check:
    """Return the check of an object: exactly these members, in this order.

    Args:
        parts: The check of each member.
        optional: Members that may be absent, which means null.
    """
    items = tuple(parts.items())
    absent = dict.fromkeys(optional)
    size = len(items)

    def check(value: object) -> object:
        if type(value) is not dict:
            raise Wrong(Problem("schema/wrong-type", "an object of named values", value))
        row = {**absent, **value} if absent else value
        rest = iter(items)
        failed: Wrong | None = None
        try:
            if len(row) == size:
                return {name: part(row[name]) for name, part in rest}
        except KeyError:
            pass  # the name is missing, which is said below
        except Wrong as inner:
            failed = inner
        raise _explain_record(parts, row, rest, failed)

    return check


def _explain_record(
    parts: Mapping[str, Check],
    row: Mapping[str, object],
    rest: Iterator[tuple[str, Check]],
    failed: Wrong | None,
) -> Wrong:
    """Return all that is wrong with an object; ``rest`` are the parts not yet checked."""
    wrong = _wrong_names(parts, row)
    if failed:
        name = tuple(parts)[len(parts) - length_hint(rest) - 1]
        wrong.add(f".{name}", failed)
    for name, part in rest:  # never those before, see `check_items`
        inner = attempt(part, row[name]) if name in row else None
        if inner:
            wrong.add(f".{name}", inner)
    return wrong


def _wrong_names(parts: Mapping[str, Check], row: Mapping[str, object]) -> Wrong:
    missing = [name for name in parts if name not in row]
    unknown = [printable(str(name), 64) for name in row if name not in parts]
    wrong = Wrong()
    for name in missing:
        wrong.add(f".{name}", _missing(name, unknown))
    for name in unknown:
        wrong.add(f".{name}", _unknown(name, missing or parts))
    return wrong


def _missing(name: str, unknown: Iterable[str]) -> Wrong:
    def hint() -> str | None:
        close = nearest(name, unknown)
        return f"`{close}` is there; is it the same under another name?" if close else None

    expected = f"a field `{name}`"
    return Wrong(Problem("schema/missing-field", expected, None, hint, found="none"))


def _unknown(name: str, known: Iterable[str]) -> Wrong:
    hint = partial(did_you_mean, name, known)
    expected = "no field of this name"
    return Wrong(Problem("schema/unknown-field", expected, name, hint, found=f"`{name}`"))


def _list(t: List, item: Check, max_items: int | None) -> Check:
    def check(value: object) -> object:
        if type(value) is not list:
            raise wrong_type(t, value)
        if max_items is not None and len(value) > max_items:
            found = f"`{len(value)}`"
            expected = f"at most `{max_items}` items"
            raise Wrong(Problem("schema/too-many-items", expected, value, found=found))
        return check_items(item, value)

    return check


def _tensor(t: Tensor, element: Check) -> Check:
    rank = len(t.shape)
    box: Type = t.dtype
    items = element
    for _ in t.shape:
        box = List(box)
        items = _list(box, items, None)

    def check(value: object) -> object:
        if type(value) is not list:
            raise wrong_type(t, value)
        shape = _shape(value, rank)
        if shape is None or not _fits(shape, t.shape):
            found = "arrays of unequal length or depth" if shape is None else f"`{list(shape)}`"
            expected = f"shape `{list(t.shape)}`"
            raise Wrong(Problem("schema/bad-shape", expected, value, found=found))
        return items(value)

    return check


def _shape(value: object, rank: int) -> tuple[int, ...] | None:
    """Return the lengths of nested arrays; None when ragged, 0 below an empty one."""
    if type(value) is not list:
        return None
    if rank == 1:
        return (len(value),)
    inner = {_shape(one, rank - 1) for one in value} or {(0,) * (rank - 1)}
    if len(inner) > 1:
        return None
    below = inner.pop()
    return None if below is None else (len(value), *below)


def _fits(found: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    """Whether each length is the declared one; below an empty array there is none to see."""
    for length, wanted in zip(found, declared, strict=True):
        if wanted not in (-1, length):
            return False
        if length == 0:
            return True
    return True
