"""Rows that a package was asked, and that it can be asked again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

from ketch.monitor.decisions.keyed import hashed_fields
from ketch.monitor.decisions.sample import sample
from ketch.package import Package
from ketch.schema import Decoder, Row, parse_json


def sampled(
    logs: Sequence[Path],
    route: str,
    package: Package,
    *,
    since: datetime,
    until: datetime,
    most_rows: int,
) -> list[list[Row]]:
    """Return the rows of some decisions of a package, in JSON form, the oldest first.

    Rows with personal data, of which the log has hashes alone,
    and rows that the schema refuses are left out.

    Args:
        logs: The folders of the decision logs.
        route: Of which route.
        package: Whose decisions.
        since: From when on.
        until: Until when, not included.
        most_rows: So many rows at most.
    """
    found = sample(logs, route, since, until, most_rows=most_rows, digest=str(package.digest))
    return list(_cut(_rows(found.listed, package), most_rows))


def _rows(listed: Iterable[tuple[str, str]], package: Package) -> Iterator[list[Row]]:
    decoder = Decoder(package.manifest.schema.inputs)
    for _, inputs in listed:
        value = parse_json(inputs.encode())
        rows = cast("list[Row]", value if isinstance(value, list) else [value])
        if hashed_fields(rows):
            continue
        checked, refused = decoder.decode(rows)
        if checked and not refused:
            yield checked


def _cut(asked: Iterator[list[Row]], most_rows: int) -> Iterator[list[Row]]:
    left = most_rows
    for rows in asked:
        if left <= 0:
            return
        yield rows[:left]
        left -= len(rows)
