"""Values as Python and as TOML write them: whatever a model calls its columns, it stays text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ketch.schema import Field

WIDEST = 88


def python(value: object, indent: int = 0) -> str:
    """Return a value as Python source: on one line when it fits, else one item a line."""
    flat = _flat(value)
    if len(flat) + indent <= WIDEST:
        return flat
    inner, outer = " " * (indent + 4), " " * indent
    match value:
        case Mapping():
            items = [f"{_flat(key)}: {python(one, indent + 4)}" for key, one in value.items()]
            return "{\n" + "".join(f"{inner}{item},\n" for item in items) + outer + "}"
        case tuple() | list():
            opening, closing = ("(", ")") if isinstance(value, tuple) else ("[", "]")
            items = [python(one, indent + 4) for one in value]
            return opening + "\n" + "".join(f"{inner}{item},\n" for item in items) + outer + closing
    return flat


def python_code(entries: Mapping[str, str], indent: int) -> str:
    """Return a dictionary as Python source whose values are expressions."""
    flat = "{" + ", ".join(f"{_flat(key)}: {code}" for key, code in entries.items()) + "}"
    if len(flat) + indent + len("return ") <= WIDEST:
        return flat
    inner = " " * (indent + 4)
    items = [f"{inner}{_flat(key)}: {code},\n" for key, code in entries.items()]
    return "{\n" + "".join(items) + " " * indent + "}"


def _flat(value: object) -> str:
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False) if value.isprintable() else repr(value)
        case Mapping():
            return "{" + ", ".join(f"{_flat(k)}: {_flat(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flat, value)) + "]"
        case tuple():
            items = ", ".join(map(_flat, value))
            return f"({items},)" if len(value) == 1 else f"({items})"
    return repr(value)


def docstring(value: str) -> str:
    """Return text that can stand in a docstring and does not end it."""
    return value[:160].replace("\\", "/").replace('"', "'")


def text(value: str) -> str:
    """Return text as a TOML string (toml.io/en/v1.0.0#string): JSON's, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def field_line(field: Field) -> str:
    """Return the line of ``ketch.toml`` that declares a field."""
    body = field.to_json()
    name = str(body.pop("name"))
    key = _key(name)
    if set(body) == {"type"}:
        return f"{key} = {text(str(body['type']))}"
    items = ", ".join(f"{member} = {_toml(value)}" for member, value in body.items())
    return f"{key} = {{ {items} }}"


def table(name: str, body: Mapping[str, object]) -> str:
    """Return a table of ``ketch.toml`` with a blank line behind it; nothing when it is empty."""
    lines = [f"{_key(key)} = {_toml(value)}" for key, value in body.items()]
    return "\n".join([f"[{name}]", *lines, "", ""]) if lines else ""


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else text(name)


def _toml(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(k))} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, bool):
        return "true" if value else "false"
    return text(value) if isinstance(value, str) else repr(value)
