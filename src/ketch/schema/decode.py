"""The one decoder behind every door: HTTP, files and Python get the same rows or errors.

A :class:`Decoder` is built once for a list of fields and then run on every request. It
changes nothing but the notation: an integer in a floating-point field becomes that
float, an instant is written in UTC, an absent optional name becomes null, and members
stand in the declared order. Everything else that is not exactly of the declared type is
a finding: ``1.7`` or ``1.0`` in an integer, ``"false"`` in a boolean, null where it is
not declared, a name nobody declared.

Law: rows that were decoded decode to themselves.
"""

from collections.abc import Sequence
from typing import TypeAlias, cast

from ketch.errors import Finding
from ketch.schema.checks import record
from ketch.schema.fields import Field
from ketch.schema.problems import Wrong, check_items, show

Row: TypeAlias = dict[str, object]
"""One row in JSON form, by field name."""


class Decoder:
    """Decodes rows of one list of fields."""

    def __init__(self, fields: Sequence[Field]) -> None:
        parts = {field.name: field.check() for field in fields}
        optional = frozenset(field.name for field in fields if field.optional)
        self._check = record(parts, optional)

    def decode(self, rows: object, *, first: int = 0) -> tuple[list[Row], tuple[Finding, ...]]:
        """Return the rows in normal form, or none of them and every finding.

        Args:
            rows: A list or tuple of objects; anything else is a finding.
            first: The number of the first row in its file, for the findings.

        Returns:
            All the rows and no finding, or no rows and up to 100 findings at places such
            as ``rows[3].items[2]``; one more finding counts the rest.
        """
        if not isinstance(rows, list | tuple):
            message = f"expected a list of rows, found {show(rows)}"
            return [], (Finding("schema/wrong-type", message, "rows"),)
        try:
            return cast("list[Row]", check_items(self._check, rows, first)), ()
        except Wrong as wrong:
            return [], tuple(wrong.to_findings("rows"))


def decode(fields: Sequence[Field], rows: object) -> tuple[list[Row], tuple[Finding, ...]]:
    """Decode rows once; for more than one call build a :class:`Decoder` and keep it."""
    return Decoder(fields).decode(rows)
