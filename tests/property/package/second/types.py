"""The names of types: ``schema-types.md``."""

from __future__ import annotations

import re

from tests.property.package.second.texts import require

_NUMBER = "bool|u?int(?:8|16|32|64)|float(?:16|32|64)"
_PLAIN = re.compile(f"{_NUMBER}|string|binary|date32")
_ZONE = r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*|[+-][0-9]{2}:[0-9]{2}"
_TIMESTAMP = re.compile(rf"timestamp *\[ *(?:s|ms|us|ns) *(?:, *(?:{_ZONE}) *)?\]")
_LENGTH = "(?:-1|[1-9][0-9]{0,9})"
_TENSOR = re.compile(
    rf"tensor *< *(?:{_NUMBER}) *, *\[ *{_LENGTH} *(?:, *{_LENGTH} *){{0,15}}\] *>"
)
_MEMBER = re.compile(r" *([A-Za-z_][A-Za-z0-9_ .-]{0,127}?) *:")


def check_type(text: str) -> None:
    rest = _after_type(text.strip(" "), 1)
    require(not rest.strip(" "), 20, text)


def _after_type(text: str, depth: int) -> str:
    """Return what follows a type's name."""
    require(depth <= 16, 20, text)
    text = text.lstrip(" ")
    for pattern in (_TIMESTAMP, _TENSOR):
        if found := pattern.match(text):
            return text[found.end() :]
    if found := re.match(r"list *<", text):
        return _taken(">", _after_type(text[found.end() :], depth + 1))
    if found := re.match(r"struct *<", text):
        return _after_members(text[found.end() :], depth)
    found = re.match(r"[A-Za-z_][A-Za-z0-9_]*", text)
    require(found and _PLAIN.fullmatch(found[0]), 20, text)
    return text[found.end() if found else 0 :]


def _after_members(text: str, depth: int) -> str:
    names = set()
    while True:
        found = _MEMBER.match(text)
        require(found and found[1] not in names, 20, text)
        names.add(found[1] if found else "")
        text = _after_type(text[found.end() if found else 0 :], depth + 1).lstrip(" ")
        text = text.removeprefix("?").lstrip(" ")
        if not text.startswith(","):
            return _taken(">", text)
        text = text[1:]


def _taken(mark: str, text: str) -> str:
    text = text.lstrip(" ")
    require(text.startswith(mark), 20, text)
    return text[1:]
