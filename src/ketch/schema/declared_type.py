"""The type of a field as a table of ``ketch.toml`` declares it.

A type is text in Arrow's names, or, where a struct gets long, a table::

    [inputs.address]
    type = "struct"
    fields = { street = "string", flat = { type = "int64", nullable = true } }
"""

from collections.abc import Mapping

from ketch.errors import Finding, UsageError
from ketch.schema.nearest import did_you_mean
from ketch.schema.problems import printable, show
from ketch.schema.type_parser import MAX_DEPTH, parse_type
from ketch.schema.types import NAME, Member, Struct, Type

_MEMBER_KEYS = ("type", "fields", "nullable")


def read_type(declared: object, where: str, findings: list[Finding], depth: int = 1) -> Type | None:
    """Return the declared type; None when it cannot be read, which adds findings."""
    if isinstance(declared, str):
        return _parse(declared, where, findings)
    if not isinstance(declared, Mapping):
        message = f"expected the name of a type, or a table with `type`, found {show(declared)}"
        findings.append(Finding("schema/bad-field", message, where, 'such as `"float64"`'))
        return None
    name = declared.get("type")
    if not isinstance(name, str):
        message = (
            f"expected the name of a type, found {show(name) if 'type' in declared else 'none'}"
        )
        findings.append(Finding("schema/bad-type", message, f"{where}.type"))
        return None
    if "fields" not in declared:
        return _parse(name, f"{where}.type", findings)
    if name != "struct" or depth > MAX_DEPTH:
        message = f"expected `fields` in at most {MAX_DEPTH} levels of `struct`, found {show(name)}"
        findings.append(Finding("schema/bad-field", message, f"{where}.fields"))
        return None
    return _read_struct(declared["fields"], f"{where}.fields", findings, depth)


def _read_struct(table: object, where: str, findings: list[Finding], depth: int) -> Struct | None:
    if not isinstance(table, Mapping) or not table:
        message = f"expected a table of members, found {show(table)}"
        findings.append(Finding("schema/bad-field", message, where))
        return None
    before = len(findings)
    members = [
        _read_member(str(name), part, f"{where}.{printable(str(name))}", findings, depth + 1)
        for name, part in table.items()
    ]
    right = tuple(member for member in members if member is not None)
    return Struct(right) if len(findings) == before else None


def _read_member(
    name: str, declared: object, where: str, findings: list[Finding], depth: int
) -> Member | None:
    if not NAME.fullmatch(name) or name.endswith(" "):
        message = f"expected the name of a member, found {show(name)}"
        findings.append(Finding("schema/bad-name", message, where))
    body = declared if isinstance(declared, Mapping) else {}
    for key in body:
        if key not in _MEMBER_KEYS:
            hint = did_you_mean(str(key), _MEMBER_KEYS)
            message = f"expected `type`, `fields` or `nullable` in a member, found {show(key)}"
            findings.append(Finding("schema/unknown-key", message, where, hint))
    nullable = body.get("nullable", False)
    if not isinstance(nullable, bool):
        message = f"expected true or false, found {show(nullable)}"
        findings.append(Finding("schema/bad-constraint", message, f"{where}.nullable"))
    member_type = read_type(declared, where, findings, depth)
    return None if member_type is None else Member(name, member_type, nullable=nullable is True)


def _parse(text: str, where: str, findings: list[Finding]) -> Type | None:
    try:
        return parse_type(text, where)
    except UsageError as error:
        findings.append(Finding(error.code, error.message, error.where, error.hint))
        return None
