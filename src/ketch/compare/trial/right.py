"""What was right for each row, as a metric takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from ketch.compare.trial.measures import Wanted
from ketch.compare.trial.validation import Validation
from ketch.errors import UsageError
from ketch.monitor.metrics.answers import Told
from ketch.package import Package
from ketch.rollout.metric import RANKED
from ketch.schema import String, Type, parse_json

Right: TypeAlias = Sequence[Sequence[Told]]
"""For each row what is known to be right; nothing where it is not known."""


def right_of_file(
    found: Validation, wanted: Sequence[Wanted], package: Package
) -> dict[str, Right]:
    """Return what the columns of a file say was right: name of the metric → of each row.

    A cell of CSV is read as the output that it is held against: text for an output of text,
    else JSON: a number, ``true``, or for a list of items ``["tea", "mug"]`` or ``tea`` alone.
    """
    right: dict[str, Right] = {}
    for one in wanted:
        values = found.columns[one.target]
        if found.is_text:
            is_text = _is_text(one, package)
            values = [cell(value, is_text=is_text) for value in values]
        right[one.name] = [() if value is None else (_told(value),) for value in values]
    return right


def _told(value: object) -> Told:
    return Told(1.0, msgspec.json.encode(value).decode(), by_unit=False)


def _is_text(wanted: Wanted, package: Package) -> bool:
    """Whether a cell is the value itself."""
    outputs: dict[str, Type] = {one.name: one.type for one in package.manifest.schema.outputs}
    kind = outputs.get(wanted.metric.output)
    return wanted.metric.measure not in RANKED and isinstance(kind, String)


def cell(value: object, *, is_text: bool) -> object:
    """Return what a cell of CSV holds: text, or else JSON where it is that; None where empty."""
    if not isinstance(value, str) or value == "":
        return None
    if is_text:
        return value
    text = value.lower() if value.lower() in ("true", "false") else value  # as inputs are read
    try:
        return parse_json(text.encode())
    except UsageError:
        return value
