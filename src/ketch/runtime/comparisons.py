"""A package's own comparison functions, run in its worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketch.schema import CompareFunction, Schema

if TYPE_CHECKING:
    from ketch.runtime.process import Worker


def comparisons(worker: Worker, schema: Schema) -> dict[str, CompareFunction]:
    """Return each ``module:function`` that an output field compares with, as a callable."""

    def caller(name: str) -> CompareFunction:
        return lambda expected, found: worker.compare(name, expected, found)

    named = (field.compare for field in schema.outputs)
    return {name: caller(name) for name in named if name and ":" in name}
