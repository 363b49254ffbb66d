"""``ketch outcome``: record what became of answers, from a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.cli.text import counted, rows
from ketch.errors import NotFound
from ketch.monitor.decisions.segments import routes
from ketch.monitor.outcomes import Outcomes
from ketch.monitor.outcomes.decoding import Form, Member
from ketch.monitor.outcomes.files import File, import_file, send_file
from ketch.monitor.outcomes.known import has_answered
from ketch.runtime import Home
from ketch.schema import did_you_mean
from ketch.schema.problems import printable
from ketch.tables import Format

if TYPE_CHECKING:
    from ketch.monitor.outcomes import Recorded
    from ketch.progress import Progress

_FOLDER = "decisions"


def outcome(
    route: str,
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    name: str | None = None,
    name_column: str | None = None,
    unit_column: str | None = None,
    decision_column: str | None = None,
    value_column: str | None = None,
    label_column: str | None = None,
    at_column: str | None = None,
    key_column: str | None = None,
    input_format: Format | None = None,
    to: str | None = None,
    json: bool = False,
) -> None:
    """Record what became of answers: purchases, clicks, corrections, from a file.

    Columns are called name, unit, decision, value, label, at and key, unless an option
    says otherwise. All rows are recorded, or none; the same file again changes nothing.

    Args:
        route: The route that answered.
        file: A JSON, JSONL, CSV or Parquet file; `-` reads standard input.
        name: What happened in every row, such as `purchase`; then no column says it.
        name_column: The column that says what happened.
        unit_column: The column with the unit that it happened to.
        decision_column: The column with the decision that it came of.
        value_column: The column that says how much; without one it is 1.
        label_column: The column with what would have been right.
        at_column: The column that says when it happened, with an offset from UTC.
        key_column: The column that says which event it is, such as an order's number.
        input_format: json, jsonl, csv or parquet, when the file's name does not say.
        to: The address of a gateway to send them to, in place of this machine's log; the
            token that it may ask for is in KETCH_GATEWAY_TOKEN.
        json: Print one JSON value.
    """
    columns: dict[Member, str | None] = {
        "name": name_column,
        "unit": unit_column,
        "decision": decision_column,
        "value": value_column,
        "label": label_column,
        "at": at_column,
        "key": key_column,
    }
    named = {member: column for member, column in columns.items() if column is not None}
    form = Form(route, name, named).checked()
    source = File(None if file == "-" else Path(file), form, input_format)
    printer = Printer(as_json=json)
    with printer.progress(amount=rows) as progress:
        done = _sent(source, to, progress) if to else _recorded(source, route, progress)
    text = f"{counted(done.new, 'outcome')} recorded on {route}"
    text += f", {counted(done.known, 'outcome')} known already" if done.known else ""
    printer.show({"route": route, "recorded": done.new, "known": done.known}, text)


def _recorded(source: File, route: str, progress: Progress) -> Recorded:
    home = Home.default()
    with Outcomes(home.path / _FOLDER) as outcomes:
        _check_route(home, route)
        return import_file(source, outcomes, progress)


def _sent(source: File, to: str, progress: Progress) -> Recorded:
    from ketch.client import Client  # which few files need

    with Client(to, os.environ.get("KETCH_GATEWAY_TOKEN")) as client:
        return send_file(source, client.outcomes, progress)


def _check_route(home: Home, route: str) -> None:
    """Refuse a route that nobody ever asked, before a typo takes outcomes nowhere.

    Raises:
        NotFound: ``outcomes/no-route``.
    """
    log = home.path / _FOLDER
    if has_answered(log, route):
        return
    with home.desk() as desk:
        known = sorted({one.name for one in desk.routes()} | routes(log))
    if route not in known:
        listed = ", ".join(f"`{one}`" for one in known[:5])
        there = f"known here: {listed}" if known else "`--to URL` sends them to a gateway"
        raise NotFound(
            f"expected a route that answered here, found `{printable(route, 64)}`",
            code="outcomes/no-route",
            hint=did_you_mean(route, known) or there,
        )
