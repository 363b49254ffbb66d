"""MLflow's scoring protocol: ``POST /invocations``, ``/ping``, ``/version``.

A body is an object with exactly one of ``dataframe_split``, ``dataframe_records``,
``instances`` and ``inputs``, or CSV with a line of names. Lists of plain values are taken
where the package has one input, which they then are. Predictions are one object a row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import msgspec

from ketch.errors import Finding, KetchError, UsageError
from ketch.runtime.predictor import refused
from ketch.schema import Field, Row, check_columns, parse_json
from ketch.schema.problems import kind, printable, show
from ketch.schema.quick import Quick
from ketch.serving.answers import Answered, Asked
from ketch.serving.contract import Contract
from ketch.serving.doors.csv_body import read_csv
from ketch.serving.doors.door import (
    MOST_BYTES,
    MOST_ROWS,
    no_rows,
    signed,
    too_many_rows,
    wrong_media_type,
)
from ketch.serving.doors.problems import headers_of, in_words, outward, status_of
from ketch.serving.http.messages import Request, Response

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")

_TAKEN = ("application/json", "text/csv")
_ERROR_CODES: Mapping[int, str] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_PLACE = re.compile(r"rows\[(\d+)\](?:\.(.+))?", re.DOTALL)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Style:
    """How the rows of a request stood in its body.

    Attributes:
        form: One of ``FORMS``; ``rows`` for CSV.
        names: Columns in the order they were sent.
        sole: The only input, whose values were sent without its name.
    """

    form: str
    names: Sequence[str] = ()
    sole: str | None = None

    def place(self, row: int, path: str) -> str:
        """Return where a part of a row's value stood."""
        name = max((n for n in self.names if _begins(path, n)), key=len, default=None)
        rest = path if name is None else path[len(name) :]
        if self.sole is not None:
            return f"{self.form}[{row}]{path.removeprefix(self.sole)}"
        if self.form == "dataframe_split":
            here = f"dataframe_split.data[{row}]"
            return here if name is None else f"{here}[{self.names.index(name)}]{rest}"
        if self.form == "inputs" and name is not None:
            return f"inputs.{name}[{row}]{rest}"
        return f"{self.form}[{row}]{'.' if path else ''}{path}"


class Mlflow:
    """The door behind ``POST /invocations``.

    Args:
        most_rows: How many rows a request may hold.
        most_bytes: How long its body may be.
    """

    name = "mlflow"

    def __init__(self, *, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> None:
        self._most_rows = most_rows
        self._most_bytes = most_bytes

    def read(
        self,
        request: Request,
        contract: Contract,
        quick: Quick | None = None,  # noqa: ARG002 # of rows that no door has to put together
    ) -> Asked:
        """Return the rows of a request.

        Raises:
            UsageError: ``request/…``, ``json/…`` or ``schema/…``, with every finding.
        """
        fields = contract.schema.inputs
        if _media_type(request) == "text/csv":
            rows, style = read_csv(request.body, fields), Style("rows")
        else:
            body = parse_json(request.body, max_bytes=self._most_bytes, where="body")
            rows, style = _rows(body, fields)
        if not rows:
            raise no_rows(style.form)
        if len(rows) > self._most_rows:
            raise too_many_rows(len(rows), self._most_rows)
        return Asked(rows, style=style)

    def wrong(self, asked: Asked, findings: Sequence[Finding]) -> KetchError:
        """Return what the schema found, at its places in the body."""
        style = asked.style
        if not isinstance(style, Style):
            return refused(findings)
        return refused([replace(one, where=_place(one.where, style)) for one in findings])

    def reply(self, asked: Asked, answered: Answered) -> Response:  # noqa: ARG002 # other doors ask it
        """Return one object a row."""
        body = _encode({"predictions": answered.rows})
        return Response(200, body, headers=signed(answered))

    def refuse(self, error: KetchError, request: Request) -> Response:  # noqa: ARG002 # as every door
        """Return an error as MLflow does."""
        told = outward(error)
        status = status_of(told)
        code = _ERROR_CODES.get(status, "BAD_REQUEST")
        body = _encode({"error_code": code, "message": in_words(told)})
        return Response(status, body, headers=headers_of(error, status))


def ping(*, is_ready: bool) -> Response:
    """Answer ``GET /ping`` and ``GET /health``."""
    return Response(200 if is_ready else 503, b"\n", "text/plain; charset=utf-8")


def told_version() -> Response:
    """Answer ``GET /version``: the version of ketch, as there is no MLflow behind the door."""
    return Response(200, version("ketch").encode(), "text/plain; charset=utf-8")


def _media_type(request: Request) -> str:
    found = request.media_type
    said = request.headers.get("content-type", "").partition(";")[2].replace(" ", "").lower()
    if found not in _TAKEN or said not in {"", "charset=utf-8", 'charset="utf-8"'}:
        raise wrong_media_type(f"{found};{said}" if said else found, _TAKEN)
    return found


def _rows(body: object, fields: Sequence[Field]) -> tuple[list[Row], Style]:
    """Return the rows of a JSON body, and how they stood in it."""
    forms = [name for name in FORMS if name in body] if isinstance(body, dict) else []
    if not isinstance(body, dict) or len(forms) != 1:
        found = f"`{'` and `'.join(forms)}`" if forms else show(body)
        message = f"expected an object with one of `{'`, `'.join(FORMS)}`, found {found}"
        raise UsageError(message, code="request/form", where="body")
    form = forms[0]
    _check_beside(body, form)
    value = body[form]
    if form == "dataframe_split":
        return _split(value, fields)
    if isinstance(value, dict) and form == "inputs":
        return _columns(value, fields)
    if not isinstance(value, list):
        raise _wrong_kind("a list of rows", value, form)
    if form != "dataframe_records" and len(fields) == 1:
        name = fields[0].name
        if not any(isinstance(one, dict) for one in value):
            return [{name: one} for one in value], Style(form, (name,), name)
    return value, Style(form)


def _check_beside(body: Mapping[str, object], form: str) -> None:
    findings = []
    if body.get("params"):
        message = "expected no `params`: what a package is parametrised by is part of it"
        findings.append(Finding("request/form", message, "params"))
    for name in body:
        if name not in {form, "params"}:
            message = f"expected nothing beside `{form}`, found `{printable(name, 64)}`"
            findings.append(Finding("request/form", message, "body"))
    if findings:
        raise refused(findings)


def _split(value: object, fields: Sequence[Field]) -> tuple[list[Row], Style]:
    here = "dataframe_split"
    columns = value.get("columns") if isinstance(value, dict) else None
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise _wrong_kind("a list of names", columns, f"{here}.columns")
    if not isinstance(data, list):
        raise _wrong_kind("a list of rows", data, f"{here}.data")
    findings = list(check_columns(fields, columns, f"{here}.columns"))
    for index, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            message = f"expected a list of `{len(columns)}` values, found {kind(row)}"
            findings.append(Finding("request/form", message, f"{here}.data[{index}]"))
    if findings:
        raise refused(findings[:100])
    rows = [dict(zip(columns, row, strict=True)) for row in data]
    return rows, Style(here, columns)


def _columns(value: Mapping[str, object], fields: Sequence[Field]) -> tuple[list[Row], Style]:
    names = list(value)
    findings = list(check_columns(fields, names, "inputs"))
    lists = [one for one in value.values() if isinstance(one, list)]
    for name, one in value.items():
        if not isinstance(one, list):
            message = f"expected a list of values, one a row, found {kind(one)}"
            findings.append(Finding("request/form", message, f"inputs.{printable(name, 64)}"))
    if len({len(one) for one in lists}) > 1:
        message = "expected as many values in every column"
        findings.append(Finding("request/form", message, "inputs"))
    if findings:
        raise refused(findings[:100])
    rows = [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]
    return rows, Style("inputs", names)


def _wrong_kind(expected: str, value: object, where: str) -> UsageError:
    message = f"expected {expected}, found {kind(value)}"
    return UsageError(message, code="request/form", where=where)


def _begins(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}[", f"{name}."))


def _place(where: str | None, style: Style) -> str | None:
    found = _PLACE.fullmatch(where or "")
    return where if found is None else style.place(int(found[1]), found[2] or "")
