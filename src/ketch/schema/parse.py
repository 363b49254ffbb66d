"""The one reader of JSON that somebody else wrote, and the one canonical writer.

Every JSON text that enters ketch passes :func:`parse_json`: requests, scenario files,
manifests, answers of workers. It refuses what RFC 8259 leaves open and readers
disagree about: NaN and Infinity, numbers beyond a double, duplicate members, a byte
order mark, encodings other than UTF-8, lone surrogates, bottomless nesting.
Canonical text is what digests are taken of: sorted members, no spaces, UTF-8.
"""

import json
from collections.abc import Sequence

import msgspec

from ketch.errors import UsageError
from ketch.schema.problems import printable

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 32

_CONTAINERS = frozenset({dict, list})
_DIGITS = bytes(ord("0") if chr(one).isdigit() and one < 128 else ord(" ") for one in range(256))
_TOO_MANY = b"0" * 309
"""As many digits as an integer has that may be beyond every double."""


def parse_json(
    data: bytes,
    *,
    max_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
    where: str | None = None,
) -> object:
    """Read one JSON text strictly: dicts, lists, str, int, finite float, bool, None.

    Args:
        data: The text in UTF-8, without byte order mark.
        max_bytes: The longest text accepted.
        max_depth: The deepest nesting accepted; ``[[1]]`` nests two levels.
        where: What is being read, for the error.

    Raises:
        UsageError: ``json/too-large``, ``json/too-deep``, ``json/not-utf8``,
            ``json/number``, ``json/duplicate-member`` or ``json/syntax``.
    """
    if len(data) > max_bytes:
        raise UsageError(
            f"expected at most `{max_bytes}` bytes of JSON, found `{len(data)}`",
            code="json/too-large",
            where=where,
        )
    value = _decode(data, max_depth, where)
    # Every member has its colon, and colons inside text only add to the count; so when
    # the numbers agree no member was lost to a duplicate, and the slow look is not needed.
    if _count_members(value, max_depth, where) != data.count(b":"):
        _refuse_duplicates(data, where)
    if len(data) >= len(_TOO_MANY) and _TOO_MANY in data.translate(_DIGITS):
        _refuse_endless_integers(data, where)
    return value


def canonical_json(value: object) -> bytes:
    """Return the one canonical text of a JSON value: equal values, equal bytes.

    Members are sorted by code point, nothing is escaped that need not be.

    Raises:
        TypeError, ValueError: The value has no JSON form, such as NaN or a lone surrogate.
    """
    text = json.dumps(
        value, allow_nan=False, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )
    return text.encode()


def _decode(data: bytes, max_depth: int, where: str | None) -> object:
    try:
        return msgspec.json.decode(data)
    except RecursionError as error:
        raise _too_deep(max_depth, where) from error
    except UnicodeDecodeError as error:
        message = "expected UTF-8, found bytes that are not"
        raise UsageError(message, code="json/not-utf8", where=where) from error
    except msgspec.ValidationError as error:
        raise _no_double(where) from error
    except msgspec.DecodeError as error:
        raise UsageError(
            f"expected JSON (RFC 8259), found otherwise: {error}",
            code="json/syntax",
            where=where,
            hint=_syntax_hint(data),
        ) from error


def _syntax_hint(data: bytes) -> str | None:
    if data.startswith(b"\xef\xbb\xbf"):
        return "save the text as UTF-8 without byte order mark"
    if not data.strip():
        return "the text is empty"
    if b"NaN" in data or b"Infinity" in data:
        return "JSON has no NaN or Infinity; write `null` for a missing value"
    return None


def _count_members(value: object, max_depth: int, where: str | None) -> int:
    """Return how many object members a value has; go down level by level, not by recursion."""
    members = 0
    depth = 0
    level = [value] if type(value) in _CONTAINERS else []
    while level:
        depth += 1
        if depth > max_depth:
            raise _too_deep(max_depth, where)
        inner: list[object] = []
        for container in level:
            if isinstance(container, dict):
                members += len(container)
                inner += _containers(list(container.values()))
            elif isinstance(container, list):
                inner += _containers(container)
        level = inner
    return members


def _containers(values: Sequence[object]) -> list[object]:
    if _CONTAINERS.isdisjoint(map(type, values)):
        return []
    return [value for value in values if type(value) in _CONTAINERS]


def _refuse_duplicates(data: bytes, where: str | None) -> None:
    def members(pairs: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise UsageError(
                    f"expected each member once, found `{printable(name, 64)}` twice",
                    code="json/duplicate-member",
                    where=where,
                )
            seen.add(name)

    json.loads(data, object_pairs_hook=members)


def _refuse_endless_integers(data: bytes, where: str | None) -> None:
    def integer(digits: str) -> int:
        try:
            float(int(digits))
        except (OverflowError, ValueError) as error:
            raise _no_double(where) from error
        return 0

    json.loads(data, parse_int=integer)


def _no_double(where: str | None) -> UsageError:
    message = "expected numbers that fit a double, found one out of range"
    return UsageError(message, code="json/number", where=where)


def _too_deep(max_depth: int, where: str | None) -> UsageError:
    return UsageError(
        f"expected at most `{max_depth}` levels of nesting, found more",
        code="json/too-deep",
        where=where,
    )
