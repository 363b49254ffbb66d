"""JSON Schema (draft 2020-12), as far as ``ketch.schema.json`` needs it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.property.package.second.layers import REFERENCE

TABLES = json.loads((REFERENCE / "ketch.schema.json").read_text())

TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
_TEXTS: dict[str, Callable[[Any, str], bool]] = {
    "pattern": lambda rule, text: bool(re.search(rule.removesuffix("$") + r"\Z", text)),
    "maxLength": lambda rule, text: len(text) <= rule,
}
_NUMBERS: dict[str, Callable[[Any, float], bool]] = {
    "minimum": lambda rule, number: number >= rule,
    "maximum": lambda rule, number: number <= rule,
    "exclusiveMinimum": lambda rule, number: number > rule,
}
_LISTS: dict[str, Callable[[Any, list[Any]], bool]] = {
    "minItems": lambda rule, items: len(items) >= rule,
    "uniqueItems": lambda _, items: len({json.dumps(one) for one in items}) == len(items),
    "items": lambda rule, items: all(is_valid(rule, one) for one in items),
}
_OBJECTS: dict[str, Callable[[Any, dict[str, Any]], bool]] = {
    "minProperties": lambda rule, members: len(members) >= rule,
    "required": lambda rule, members: set(rule) <= members.keys(),
    "propertyNames": lambda rule, members: all(is_valid(rule, name) for name in members),
    "properties": lambda rule, members: all(
        is_valid(rule[name], members[name]) for name in rule if name in members
    ),
}
_SAYS_NOTHING = {"then", "else", "description", "$schema", "$defs", "title"}


def is_valid(schema: Any, value: Any) -> bool:
    if isinstance(schema, bool):
        return schema
    return all(_keeps(key, rule, value, schema) for key, rule in schema.items())


def _keeps(key: str, rule: Any, value: Any, schema: dict[str, Any]) -> bool:
    for kind, rules in (("string", _TEXTS), ("number", _NUMBERS), ("array", _LISTS), ("object", _OBJECTS)):  # fmt: skip
        if key in rules:
            return not TYPES[kind](value) or rules[key](rule, value)
    match key:
        case "type":
            return any(TYPES[one](value) for one in (rule if isinstance(rule, list) else [rule]))
        case "enum":
            return value in rule
        case "const":
            return type(value) is type(rule) and bool(value == rule)
        case "additionalProperties":
            others = value.keys() - schema.get("properties", {}) if isinstance(value, dict) else ()
            return all(is_valid(rule, value[name]) for name in others)
        case "anyOf":
            return any(is_valid(one, value) for one in rule)
        case "not":
            return not is_valid(rule, value)
        case "if":
            return is_valid(schema.get("then" if is_valid(rule, value) else "else", True), value)
        case "$ref":
            return is_valid(TABLES["$defs"][rule.rpartition("/")[2]], value)
    if key in _SAYS_NOTHING:
        return True
    raise NotImplementedError(key)
