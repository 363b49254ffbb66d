"""The columns of a file, judged by their names before any row is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ketch.errors import Finding, UsageError
from ketch.schema import Field, check_columns

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def check_header(fields: Sequence[Field] | None, names: Sequence[str], where: str) -> None:
    """Refuse a line of names that does not name the declared columns.

    Raises:
        UsageError: ``table/unreadable``: there are no names, or something else than commas
            is between them; ``schema/…``: columns are missing, double or unknown.
    """
    if not names:
        raise _unreadable("expected a line of column names, found nothing", where)
    if fields is None:
        return
    for mark, found in _SEPARATORS.items():
        if len(names) == 1 and mark in names[0]:
            message = f"expected commas between column names, found {found}"
            raise _unreadable(message, where, "write the file with commas")
    if findings := list(column_findings(fields, names, where)):
        raise refusal(findings)


def column_findings(fields: Sequence[Field], names: Sequence[str], where: str) -> Iterator[Finding]:
    """Yield what is wrong with the names of columns."""
    for finding in check_columns(fields, names, where):
        of_pandas = finding.message.endswith(("found ``", "found `__index_level_0__`"))
        hint = "pandas wrote its index; `index=False` leaves it out"
        yield replace(finding, hint=hint) if of_pandas else finding


def refusal(findings: Sequence[Finding]) -> UsageError:
    """Return the error that carries these findings."""
    first = findings[0]
    return UsageError(
        first.message, code=first.code, where=first.where, hint=first.hint, findings=findings
    )


def _unreadable(message: str, where: str, hint: str | None = None) -> UsageError:
    return UsageError(message, code="table/unreadable", where=where, hint=hint)
