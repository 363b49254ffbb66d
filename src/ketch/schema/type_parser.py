"""Reading a type from its Arrow name."""

import re

from ketch.errors import UsageError
from ketch.schema.nearest import did_you_mean
from ketch.schema.problems import printable
from ketch.schema.types import (
    NAME,
    PLAIN,
    Bool,
    Float,
    Int,
    List,
    Member,
    Struct,
    Tensor,
    Timestamp,
    Type,
)

MAX_DEPTH = 16
"""How many lists and structs may stand inside one another; also the most dimensions."""

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*|[+-][0-9]{2}:[0-9]{2}")
_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIMENSION = re.compile(r"-1|[1-9][0-9]{0,9}")
_LONGEST = 65_536
_NAMES = (*PLAIN, "timestamp", "list", "struct", "tensor")
_MEANT = {
    "boolean": "bool",
    "bytes": "binary",
    "category": "string",
    "date": "date32",
    "datetime": "timestamp[us, UTC]",
    "datetime64": "timestamp[us, UTC]",
    "dict": "struct<name: type>",
    "double": "float64",
    "float": "float64",
    "int": "int64",
    "integer": "int64",
    "long": "int64",
    "number": "float64",
    "object": "string",
    "str": "string",
    "text": "string",
}


def parse_type(text: str, where: str | None = None) -> Type:
    """Read a type from its Arrow name; ``parse_type(str(t)) == t`` for every type ``t``.

    Args:
        text: The name, such as ``list<float64>``.
        where: The place it stands in, for the error.

    Raises:
        UsageError: ``schema/bad-type`` with the place in the text and what was expected.
    """
    if len(text) > _LONGEST:
        raise UsageError(
            f"expected a type of at most `{_LONGEST}` characters, found `{len(text)}`",
            code="schema/bad-type",
            where=where,
        )
    reader = _Reader(text, where)
    found = reader.type(depth=1)
    reader.end()
    return found


class _Reader:
    """A recursive descent over the text of one type."""

    def __init__(self, text: str, where: str | None) -> None:
        self.text = text
        self.where = where
        self.at = 0

    def type(self, depth: int) -> Type:
        if depth > MAX_DEPTH:
            raise self.wrong(f"at most {MAX_DEPTH} levels of nesting")
        name = self.match(_TOKEN) or ""
        if name in PLAIN:
            return PLAIN[name]
        match name:
            case "timestamp":
                return self.timestamp()
            case "list":
                self.take("<")
                item = self.type(depth + 1)
                self.take(">")
                return List(item)
            case "struct":
                return self.struct(depth)
            case "tensor":
                return self.tensor()
        self.at -= len(name)
        raise self.wrong("a type", _hint(name))

    def timestamp(self) -> Timestamp:
        self.take("[")
        zone: str | None = None
        match self.match(_TOKEN):
            case "s" | "ms" | "us" | "ns" as unit:
                pass
            case _:
                raise self.wrong("a unit (`s`, `ms`, `us` or `ns`)", "such as `timestamp[us, UTC]`")
        if self.maybe(","):
            zone = self.match(_ZONE)
            if zone is None:
                raise self.wrong("a time zone such as `UTC` or `Europe/Berlin`")
        self.take("]")
        return Timestamp(unit, zone)

    def struct(self, depth: int) -> Struct:
        self.take("<")
        members: dict[str, Member] = {}
        while not members or self.maybe(","):
            name = (self.match(NAME) or "").rstrip(" ")
            if not name:
                raise self.wrong("the name of a member", "such as `struct<name: string>`")
            if name in members:
                raise self.wrong(f"each member once, but `{name}` stands twice")
            self.take(":")
            member_type = self.type(depth + 1)
            members[name] = Member(name, member_type, nullable=self.maybe("?"))
        self.take(">")
        return Struct(tuple(members.values()))

    def tensor(self) -> Tensor:
        self.take("<")
        start = self.at
        dtype = PLAIN.get(self.match(_TOKEN) or "")
        if not isinstance(dtype, Bool | Int | Float):
            self.at = start
            raise self.wrong("a number type or `bool`", "such as `tensor<float32, [-1, 3]>`")
        self.take(",")
        self.take("[")
        shape: list[int] = []
        while not shape or self.maybe(","):
            length = self.match(_DIMENSION)
            if length is None:
                raise self.wrong("a length, or -1 for any")
            shape.append(int(length))
        if len(shape) > MAX_DEPTH:
            raise self.wrong(f"at most {MAX_DEPTH} dimensions")
        self.take("]")
        self.take(">")
        return Tensor(dtype, tuple(shape))

    def end(self) -> None:
        self.skip_spaces()
        if self.at < len(self.text):
            raise self.wrong("the end of the type")

    def match(self, pattern: re.Pattern[str]) -> str | None:
        self.skip_spaces()
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found.group()

    def maybe(self, mark: str) -> bool:
        self.skip_spaces()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def take(self, mark: str) -> None:
        if not self.maybe(mark):
            raise self.wrong(f"`{mark}`")

    def skip_spaces(self) -> None:
        while self.text.startswith(" ", self.at):
            self.at += 1

    def wrong(self, expected: str, hint: str | None = None) -> UsageError:
        rest = printable(self.text[self.at : self.at + 20])
        found = f"`{rest}` at character {self.at + 1}" if rest else "the end"
        return UsageError(
            f"expected {expected}, found {found} in type `{printable(self.text, 80)}`",
            code="schema/bad-type",
            where=self.where,
            hint=hint,
        )


def _hint(name: str) -> str | None:
    meant = _MEANT.get(name.lower())
    return f"did you mean `{meant}`?" if meant else did_you_mean(name, _NAMES)
