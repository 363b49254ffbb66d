"""The declarations of fields in JSON Schema (draft 2020-12), for editors of ``ketch.toml``.

An editor knows less than :func:`~ketch.schema.fields.parse_fields`: it sees what each key
may be, but not whether the field's type can keep it. Law: a table without findings is
valid; not the other way round.
"""

from collections.abc import Mapping

from ketch.schema.constraints import COMPARING, CONSTRAINTS
from ketch.schema.types import NAME, PLAIN

_PLAIN = "|".join(PLAIN)
_NESTED = r"timestamp *\[.*\]|list *<.*>|struct *<.*>|tensor *<.*>"
_TYPE = {"type": "string", "pattern": f"^ *(?:{_PLAIN}|{_NESTED}) *$"}
_TYPE_OR_STRUCT = {"type": "string", "pattern": f"^ *(?:{_PLAIN}|{_NESTED}|struct) *$"}
_ONLY_STRUCTS_HAVE_FIELDS = {
    "if": {"properties": {"type": {"const": "struct"}}},
    "then": {"required": ["fields"]},
    "else": {"not": {"required": ["fields"]}},
}


def fields_schema(*, answers: bool) -> dict[str, object]:
    """Return the schema of ``[outputs]``, the ``answers``, or of ``[inputs]``."""
    left_out = frozenset() if answers else COMPARING
    keys = {
        key: {**one.schema, "description": one.says}
        for key, one in CONSTRAINTS.items()
        if key not in left_out
    }
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^(?:{NAME.pattern})$"},
        "additionalProperties": _declaration(keys),
    }


def definitions() -> dict[str, object]:
    """Return what the schemas above refer to below ``$defs``: the members of a struct."""
    return {"member": _declaration({"nullable": CONSTRAINTS["nullable"].schema})}


def _declaration(keys: Mapping[str, object]) -> dict[str, object]:
    """Return the schema of a type's name, or of a table with ``type`` and these keys."""
    members = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^(?:{NAME.pattern})$"},
        "additionalProperties": {"$ref": "#/$defs/member"},
    }
    table = {
        "type": "object",
        "properties": {"type": _TYPE_OR_STRUCT, "fields": members, **keys},
        "required": ["type"],
        "additionalProperties": False,
        **_ONLY_STRUCTS_HAVE_FIELDS,
    }
    return {"anyOf": [_TYPE, table]}
