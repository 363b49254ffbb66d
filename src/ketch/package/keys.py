"""Tables of keys: one description that reads a TOML table and explains it to an editor.

A :class:`Table` lists the keys a table of ``ketch.toml`` may hold. The same list
checks what an author wrote and generates the JSON Schema that editors use, so the
two can't disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ketch.errors import Finding
from ketch.package.kinds import Kind, listed, shown, wrong
from ketch.package.paths import printable
from ketch.schema import did_you_mean

_MOST_UNKNOWN = 20  # a table with thousands of keys is another table, or an attack


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table."""

    name: str
    kind: Kind
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The keys a table may hold, and what the table is for.

    Attributes:
        doc: What it is for, in one sentence.
        keys: What it may hold.
        rules: What an editor is told of how the keys depend on each other.
    """

    doc: str
    keys: tuple[Key, ...]
    rules: Mapping[str, object] = field(default_factory=dict)

    def read(self, body: object, where: str, findings: list[Finding]) -> dict[str, object]:
        """Return the values that are right; append a finding for each that is not."""
        if not isinstance(body, Mapping):
            findings.append(wrong(f"expected a table, found `{shown(body)}`", where))
            return {}
        known = {key.name: key for key in self.keys}
        unknown = [str(name) for name in body if name not in known]
        findings += [_unknown(name, tuple(known), where) for name in unknown[:_MOST_UNKNOWN]]
        values: dict[str, object] = {}
        for key in self.keys:
            if key.name not in body:
                if key.required:
                    findings.append(_missing(key, where))
            elif found := key.kind.findings(body[key.name], f"{where}.{key.name}"):
                findings += found
            else:
                values[key.name] = body[key.name]
        return values

    def json_schema(self) -> dict[str, object]:
        """Return the table as JSON Schema, for editors."""
        return {
            "type": "object",
            "description": self.doc,
            "properties": {
                key.name: {**key.kind.schema, "description": key.doc} for key in self.keys
            },
            "required": [key.name for key in self.keys if key.required],
            "additionalProperties": False,
            **self.rules,
        }


def _missing(key: Key, where: str) -> Finding:
    return Finding(
        "manifest/missing-key", f"expected `{key.name}`, found nothing", where, hint=key.doc
    )


def _unknown(name: str, known: tuple[str, ...], where: str) -> Finding:
    hint = did_you_mean(name, known) or f"the keys here are {listed(known)}"
    return Finding("manifest/unknown-key", f"unknown key `{printable(name)}`", where, hint=hint)
