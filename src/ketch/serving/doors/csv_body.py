"""A body of CSV: a line of names, then a line a row, each cell typed by the schema."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace

from ketch.errors import Finding, UsageError
from ketch.runtime.predictor import refused
from ketch.schema import Field, Row, check_columns, read_text_rows

_INDEX_HINT = "leave the index out: in pandas, `to_csv(index=False)`"


def read_csv(body: bytes, fields: Sequence[Field]) -> list[Row]:
    """Return the rows of a body.

    Raises:
        UsageError: ``request/csv`` or ``schema/…``, with every finding.
    """
    try:
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        cells, names = list(reader), list(reader.fieldnames or ())
    except UnicodeDecodeError as error:
        message = "expected UTF-8, found bytes that are not"
        raise UsageError(message, code="request/csv", where="body") from error
    except csv.Error as error:
        message = f"expected CSV, found otherwise: {error}"
        raise UsageError(message, code="request/csv", where="body") from error
    findings = [_hinted(one) for one in check_columns(fields, names, "line 1")]
    if findings:
        raise refused(findings)
    rows, found = read_text_rows(fields, cells)
    if found:
        raise refused(found)
    return rows


def _hinted(finding: Finding) -> Finding:
    """Return a finding on a column; one without a name is the index of a pandas frame."""
    is_index = finding.code == "schema/unknown-field" and finding.message.endswith("found ``")
    return replace(finding, hint=_INDEX_HINT) if is_index else finding
