"""Personal data: what a report says of a field whose values nobody may read in it."""

from __future__ import annotations

from dataclasses import replace

from ketch.package import StepTrace
from ketch.schema import Difference, Schema


class Personal:
    """Leaves the values of fields out that a schema declares with ``pii = true``."""

    def __init__(self, schema: Schema) -> None:
        self._names = {field.name for field in (*schema.inputs, *schema.outputs) if field.pii}

    def __bool__(self) -> bool:
        """Whether there is any such field."""
        return bool(self._names)

    def difference(self, difference: Difference) -> Difference:
        """Return a difference, without the two values when they are personal."""
        of = difference.field
        if not any(of == name or of.startswith((f"{name}.", f"{name}[")) for name in self._names):
            return difference
        message = "it differs; personal data is not shown"
        return replace(difference, expected=None, found=None, message=message)

    def step(self, step: StepTrace) -> StepTrace:
        """Return what a step returned, with no more than a digest of what is personal."""
        fields = (
            replace(field, lowest=None, highest=None, mean=None, head=())
            if field.name in self._names
            else field
            for field in step.fields
        )
        return replace(step, fields=tuple(fields))
