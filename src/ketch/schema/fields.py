"""What a package declares about its inputs and outputs.

A :class:`Field` is one named, typed value of a row; a :class:`Schema` holds the fields
that go in and those that come out, in the declared order, which is the column order a
package sees. :func:`parse_fields` reads the tables ``[inputs]`` and ``[outputs]``::

    shopper = "string"
    hour    = { type = "int64", min = 0, max = 23, nullable = true }

``nullable``: null is a value, the name must still be there. ``optional``: the name may
be absent, which means null. Bounds hold for every scalar inside a list or tensor.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Self

from ketch.errors import Finding, ManifestError
from ketch.schema.checks import checker, nullable
from ketch.schema.constraints import read_constraints
from ketch.schema.declared_type import read_type
from ketch.schema.problems import Check, Wrong, printable, show
from ketch.schema.scalars import Bound, Bounds
from ketch.schema.types import NAME, Type, to_wire

_MOST_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Field:
    """One named value of a row and what is promised about it.

    Attributes:
        name: What the value is called, in the grammar of ``types.NAME``.
        type: Its type.
        nullable: Whether it may be null.
        optional: Whether its name may be absent, which means null; implies nullable.
        min, max: Smallest and largest number, or day or instant as ISO 8601 text.
        values: The only values there are.
        max_items: Most items of a list.
        max_length: Most characters of a string, or bytes of a binary.
        rtol, atol: How far a float may be from the expected one (as numpy's isclose).
        compare: ``set``, ``ranking@K`` or ``module:function``; None compares exactly.
        pii: Whether it holds personal data, which no message may show.
        description: For people.
    """

    name: str
    type: Type
    nullable: bool = False
    optional: bool = False
    min: Bound = None
    max: Bound = None
    values: tuple[int | str, ...] | None = None
    max_items: int | None = None
    max_length: int | None = None
    rtol: float | None = None
    atol: float | None = None
    compare: str | None = None
    pii: bool = False
    description: str = ""

    def __post_init__(self) -> None:
        if self.optional:
            object.__setattr__(self, "nullable", True)

    @property
    def bounds(self) -> Bounds:
        """What is promised beyond the type."""
        return Bounds(self.min, self.max, self.values, self.max_items, self.max_length)

    def check(self) -> Check:
        """Return a new check of this field's values; build it once, run it often."""
        check = checker(self.type, self.bounds)
        if self.pii:
            check = _without_values(check)
        return nullable(check) if self.nullable else check

    def to_json(self) -> dict[str, object]:
        """Return the declaration with its name, without what is left at its default."""
        body: dict[str, object] = {"name": self.name, "type": str(self.type)}
        for one in fields(self)[2:]:
            value = getattr(self, one.name)
            if value != one.default:
                body[one.name] = list(value) if isinstance(value, tuple) else value
        if self.optional:
            del body["nullable"]
        return body

    def to_wire(self) -> dict[str, object]:
        """Return what the worker needs to know: name, type, whether it may be null."""
        return {"name": self.name, "type": to_wire(self.type), "nullable": self.nullable}


@dataclass(frozen=True, slots=True)
class Schema:
    """The typed prediction API of a package.

    Law: ``Schema.from_json(schema.to_json()) == schema``.
    """

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]

    def to_json(self) -> dict[str, object]:
        """Return the schema as a JSON value; equal schemas, equal values."""
        return {
            "inputs": [field.to_json() for field in self.inputs],
            "outputs": [field.to_json() for field in self.outputs],
        }

    @classmethod
    def from_json(cls, value: object, where: str = "schema.json") -> Self:
        """Read a schema that :meth:`to_json` wrote.

        Raises:
            ManifestError: ``schema/invalid``, with every finding.
        """
        findings: list[Finding] = []
        if not isinstance(value, dict) or set(value) != {"inputs", "outputs"}:
            message = f"expected an object of `inputs` and `outputs`, found {show(value)}"
            raise ManifestError(message, code="schema/invalid", where=where)
        sides = [
            _from_list(value[side], f"{where}: {side}", findings, answers=side == "outputs")
            for side in value
        ]
        if findings:
            message = f"expected a schema without findings, found `{len(findings)}`"
            raise ManifestError(message, code="schema/invalid", where=where, findings=findings)
        named = dict(zip(value, sides, strict=True))
        return cls(named["inputs"], named["outputs"])


def parse_fields(
    table: Mapping[str, object], where: str, *, answers: bool = True
) -> tuple[tuple[Field, ...], tuple[Finding, ...]]:
    """Read a table of field declarations; return the readable fields and every finding.

    Args:
        table: A type's name, or a table with ``type`` and constraints, by field name.
        where: The path of the table, such as ``ketch.toml: inputs``.
        answers: Whether these are outputs, which say how they are compared.
    """
    found: list[Field] = []
    findings: list[Finding] = []
    for name, declared in table.items():
        if len(findings) >= _MOST_FINDINGS:
            findings.append(Finding("schema/more", "and more in the fields that follow", where))
            break
        place = f"{where}.{printable(str(name))}"
        field = _read_field(str(name), declared, place, findings, answers=answers)
        if field is not None:
            found.append(field)
    return tuple(found), tuple(findings)


def _read_field(
    name: str, declared: object, where: str, findings: list[Finding], *, answers: bool
) -> Field | None:
    findings.extend(_name_findings(name, where))
    field_type = read_type(declared, where, findings)
    if field_type is None or not NAME.fullmatch(name):
        return None
    body = declared if isinstance(declared, Mapping) else {}
    constraints = read_constraints(field_type, body, where, findings, answers=answers)
    return Field(name, field_type, **constraints)


def _name_findings(name: str, where: str) -> Iterator[Finding]:
    if not NAME.fullmatch(name):
        yield Finding(
            "schema/bad-name",
            f"expected a field name, found {show(name)}",
            where,
            "up to 128 letters, digits, `_`, ` `, `.` or `-`, a letter or `_` first",
        )


def _from_list(
    value: object, where: str, findings: list[Finding], *, answers: bool
) -> tuple[Field, ...]:
    table: dict[str, object] = {}
    for index, one in enumerate(value if isinstance(value, list) else [value]):
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(one, dict) or not isinstance(name, str) or name in table:
            message = f"expected a field with a `name` of its own, found {show(one)}"
            findings.append(Finding("schema/bad-field", message, f"{where}[{index}]"))
        else:
            table[name] = {key: part for key, part in one.items() if key != "name"}
    found, more = parse_fields(table, where, answers=answers)
    findings.extend(more)
    return found


def _without_values(check: Check) -> Check:
    def private(value: object) -> object:
        try:
            return check(value)
        except Wrong as wrong:
            raise wrong.without_values() from None

    return private
