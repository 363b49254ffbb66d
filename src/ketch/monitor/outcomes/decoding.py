"""Outcomes as others write them: objects of a request, and rows of a file.

Nothing is guessed: ``"7"`` is no value, a time has its offset from UTC, and a name that
nobody knows is told, with the one that was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self, TypeAlias, get_args

from ketch.errors import Finding, UsageError
from ketch.monitor.outcomes.checking import check_name, check_route, checked, refusal
from ketch.monitor.outcomes.outcome import Outcome
from ketch.schema import Decoder, Field, Float, Row, String, Timestamp, parse_json

_TEXT = Field("", String(), optional=True)
Member: TypeAlias = Literal["route", "name", "decision", "unit", "value", "label", "at", "key"]
MEMBERS: tuple[Member, ...] = get_args(Member)
_LABEL_BYTES = 64 * 1024


@dataclass(frozen=True)
class Form:
    """How outcomes are written, and what all of them have in common.

    Attributes:
        route: The route of all of them; None where each says its own.
        name: The name of all of them; None where each says its own.
        columns: What members are called that are not called as they are here.
        clock: The time, in UTC.
    """

    route: str | None = None
    name: str | None = None
    columns: Mapping[Member, str] = field(default_factory=dict)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def checked(self) -> Self:
        """Return this form.

        Raises:
            UsageError: ``outcomes/name``: no route or outcome is called so;
                ``outcomes/columns``: two members are to be read from one column.
        """
        findings = [] if self.route is None else [*check_route(self.route, "route")]
        findings += [] if self.name is None else check_name(self.name, "name")
        if findings:
            raise refusal(findings)
        if self.name is not None and "name" in self.columns:
            raise UsageError(
                "expected a name for all rows, or a column of names, found both",
                code="outcomes/columns",
            )
        names = [field.name for field in self.text_fields]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UsageError(
                f"expected a column for each of {', '.join(f'`{one}`' for one in MEMBERS[1:])}, "
                f"found `{twice}` for two",
                code="outcomes/columns",
                hint="say which other column it is, such as `--value-column total`",
            )
        return self

    def column(self, member: Member) -> str:
        """Return what a member is called."""
        return self.columns.get(member, member)

    @property
    def fields(self) -> tuple[Field, ...]:
        """What must and may be written of an outcome; a label is any JSON, and not here."""
        return tuple(
            replace(_FIELDS[one], name=self.column(one)) for one in _FIELDS if one not in self._said
        )

    @property
    def text_fields(self) -> tuple[Field, ...]:
        """The same where all is text, and so is a label."""
        return (*self.fields, replace(_TEXT, name=self.column("label")))

    @property
    def columns_of_file(self) -> tuple[Field, ...]:
        """The columns of a table: those that were named are there, or it is another table."""
        named = set(self.columns.values())
        return tuple(
            replace(one, optional=one.optional and one.name not in named)
            for one in self.text_fields
        )

    @property
    def _said(self) -> tuple[str, ...]:
        common = {"route": self.route, "name": self.name}
        return tuple(one for one, value in common.items() if value is not None)


Decode: TypeAlias = Callable[[list[Row]], tuple[list[Row], Sequence[Finding]]]
"""Returns rows as the fields of a form have them, or all that is wrong with them."""

Read: TypeAlias = Callable[[Sequence[Any]], tuple[list[Outcome], Sequence[Finding]]]
"""Returns outcomes and no finding, or all that is wrong with rows, at ``rows[0].at``."""


def reader(form: Form) -> Read:
    """Return what reads objects of JSON."""
    decoder = Decoder(form.fields)
    label = form.column("label")
    identities = (form.column("unit"), form.column("key"))

    def read(rows: Sequence[Any]) -> tuple[list[Outcome], Sequence[Finding]]:
        labels = [row.get(label) if isinstance(row, dict) else None for row in rows]
        decoded, findings = decoder.decode([_prepared(row, label, identities) for row in rows])
        return _told(form, decoded, labels, findings)

    return read


def cell_reader(form: Form, decode: Decode) -> Read:
    """Return what reads cells of text.

    Args:
        form: The form.
        decode: Turns cells into rows of ``form.text_fields``.
    """
    label = form.column("label")

    def read(rows: Sequence[Any]) -> tuple[list[Outcome], Sequence[Finding]]:
        decoded, findings = decode(list(rows))
        return _told(form, decoded, [label_of(row.get(label)) for row in decoded], findings)

    return read


def outcomes_of(form: Form, rows: Sequence[object]) -> list[Outcome]:
    """Return the outcomes of rows in JSON form.

    Raises:
        UsageError: ``outcomes/…``, ``schema/…``: all that is wrong with them.
    """
    outcomes, findings = reader(form)(rows)
    if findings:
        raise refusal(findings)
    return outcomes


def label_of(cell: object) -> object:
    """Return what a cell of text says: the JSON that it is, else the text; None when empty.

    >>> label_of('["a","b"]'), label_of("7"), label_of("tea"), label_of("")
    (['a', 'b'], 7, 'tea', None)
    """
    if not isinstance(cell, str) or not cell:
        return None
    with suppress(UsageError):
        return parse_json(cell.encode(errors="replace"), max_bytes=_LABEL_BYTES)
    return cell


def _told(
    form: Form, rows: Sequence[Row], labels: Sequence[object], findings: Sequence[Finding]
) -> tuple[list[Outcome], Sequence[Finding]]:
    if findings:
        return [], findings
    outcomes = [_outcome(form, *pair) for pair in zip(rows, labels, strict=True)]
    return outcomes, [_as_called(form, one) for one in checked(outcomes, form.clock())]


def _outcome(form: Form, row: Row, label: object) -> Outcome:
    at, value = (row.get(form.column(one)) for one in ("at", "value"))
    return Outcome(
        route=form.route or str(row[form.column("route")]),
        name=form.name or str(row[form.column("name")]),
        at=None if at is None else datetime.fromisoformat(str(at)),
        key=_text(row, form.column("key")),
        value=1.0 if value is None else float(str(value)),
        label=label,
        decision=_text(row, form.column("decision")),
        unit=_text(row, form.column("unit")),
    )


def _text(row: Row, name: str) -> str | None:
    text = row.get(name)
    return None if text is None else str(text)


def _prepared(row: Any, label: str, identities: Sequence[str]) -> Any:
    """Return a row without its label, and with whole numbers as the identities they are.

    A unit that an input of the package holds as a number is the same unit here.
    """
    if not isinstance(row, dict):
        return row
    return {
        name: str(value) if type(value) is int and name in identities else value
        for name, value in row.items()
        if name != label
    }


def _as_called(form: Form, finding: Finding) -> Finding:
    """Return a finding whose place has the name that the member is called."""
    head, _, member = (finding.where or "").partition("].")
    if member not in MEMBERS:
        return finding
    return replace(finding, where=f"{head}].{form.column(member)}")


_FIELDS: Mapping[Member, Field] = {
    "route": Field("", String()),
    "name": Field("", String()),
    "decision": _TEXT,
    "unit": Field("", String(), optional=True, pii=True),
    "value": Field("", Float(64), optional=True),
    "at": Field("", Timestamp("ns", "UTC"), optional=True),
    "key": _TEXT,
}
