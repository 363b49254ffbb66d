r"""Changing a member of a JSON object in the text that a person wrote.

Everything else keeps its place, its order and its spaces, so that what a tool changed is
all that a review shows. What is written anew looks like what it replaces, or like another
value of the same file.

>>> set_member('{"a": [1, 2], "b": 3}', "b", [4, 5])
'{"a": [1, 2], "b": [4, 5]}'
>>> drop_member('{"a": 1, "b": 2}', "a")
'{"b": 2}'
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_SPACE = " \t\r\n"
_STEP = "  "
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class _Part:
    """A member of an object, or an item of an array, by its place in a text.

    Attributes:
        key: Of a member.
        start: Where it starts, its key included.
        value: Where its value starts.
        end: Behind its value.
    """

    key: str | None
    start: int
    value: int
    end: int

    def of(self, text: str) -> str:
        """Return the text of its value."""
        return text[self.value : self.end]


def set_member(text: str, name: str, value: object, *, like: str = "") -> str:
    """Return the text of an object with a member set to a value, or added at its end.

    Args:
        text: A JSON object, with at least one member.
        name: The member.
        value: Its new value, in JSON form.
        like: The member that a new one should look like.
    """
    parts = list(_parts(text))
    by_name = {part.key: part for part in parts}
    old = by_name.get(name)
    writer = _Writer.of(text, parts)
    example = old or by_name.get(like)
    written = writer.write(value, example.of(text) if example else "", writer.indent)
    if old is not None:
        return text[: old.value] + written + text[old.end :]
    last = parts[-1].end
    return text[:last] + writer.joint + writer.member(name, written) + text[last:]


def drop_member(text: str, name: str) -> str:
    """Return the text of an object without a member, if it has it."""
    parts = list(_parts(text))
    at = next((at for at, part in enumerate(parts) if part.key == name), None)
    if at is None:
        return text
    if at:
        return text[: parts[at - 1].end] + text[parts[at].end :]
    following = parts[1].start if len(parts) > 1 else parts[0].end
    return text[: parts[0].start] + text[following:]


def member_text(text: str, name: str) -> str | None:
    """Return how the value of a member is written."""
    return next((part.of(text) for part in _parts(text) if part.key == name), None)


@dataclass(frozen=True, slots=True)
class _Writer:
    """How a file is written.

    Attributes:
        indent: What stands before the members of its object; empty on one line.
        is_long: Whether each of those stands on a line of its own.
        colon, comma: What stands after a key, and between what is on one line.
        newline: How lines end.
        ascii: Whether other letters are escaped.
    """

    indent: str
    is_long: bool
    colon: str
    comma: str
    newline: str
    ascii: bool

    @classmethod
    def of(cls, text: str, parts: list[_Part]) -> _Writer:
        first = parts[0]
        key = json.dumps(first.key)
        colon = text[first.start + len(key) : first.value] if first.key else ": "
        indent = _indent(text, first)
        return cls(
            indent=indent or "",
            is_long=indent is not None,
            colon=colon if colon.strip(" ") == ":" else ": ",
            comma=", " if colon != ":" else ",",
            newline="\r\n" if "\r\n" in text else "\n",
            ascii=text.isascii() and "\\u" in text,
        )

    @property
    def joint(self) -> str:
        """What stands between two members of the object."""
        return f",{self.newline}{self.indent}" if self.is_long else self.comma

    def member(self, name: str, written: str) -> str:
        return f"{self._short(name)}{self.colon}{written}"

    def write(self, value: object, like: str, indent: str) -> str:
        """Return a value, on as many lines as a similar one has."""
        examples = list(_parts(like)) if like[:1] in ("{", "[") else []
        if not self.is_long or not examples or _indent(like, examples[0]) is None:
            return self._short(value)
        inner = indent + (self.indent or _STEP)
        if isinstance(value, dict) and value:
            known = {part.key: part.of(like) for part in examples}
            fields = (
                self.member(key, self.write(one, known.get(key, ""), inner))
                for key, one in value.items()
            )
            return self._long("{", fields, "}", indent)
        if isinstance(value, list) and value:
            texts = [part.of(like) for part in examples]
            items = (self.write(one, _example(texts, at), inner) for at, one in enumerate(value))
            return self._long("[", items, "]", indent)
        return self._short(value)

    def _long(self, start: str, parts: Iterable[str], end: str, indent: str) -> str:
        inner = f"{self.newline}{indent}{self.indent or _STEP}"
        return f"{start}{inner}{f',{inner}'.join(parts)}{self.newline}{indent}{end}"

    def _short(self, value: object) -> str:
        separators = (self.comma, self.colon)
        return json.dumps(value, ensure_ascii=self.ascii, separators=separators)


def _parts(text: str) -> Iterator[_Part]:
    """Yield the members or items of a JSON object or array."""
    at = _skip(text, 0)
    is_object = text[at] == "{"
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        start, key = at, None
        if is_object:
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        value = at
        _, at = _DECODER.raw_decode(text, at)
        yield _Part(key, start, value, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


def _example(texts: list[str], at: int) -> str:
    """Return what an item of an array should look like: the one in its place, or any other."""
    if at < len(texts) and texts[at][:1] in ("{", "["):
        return texts[at]
    return next((text for text in texts if text[:1] in ("{", "[")), texts[0])


def _indent(text: str, part: _Part) -> str | None:
    """Return what stands before a part on its line; ``None`` when other text does."""
    line = text[: part.start].rpartition("\n")
    return line[2] if line[1] and not line[2].strip() else None
