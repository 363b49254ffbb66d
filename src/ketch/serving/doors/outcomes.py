"""``POST /outcomes``: what became of answers, told by whoever saw it.

The body is one object, or a list of them: ``{"route", "name", "decision" or "unit",
"value", "label", "at", "key"}``. All of a request is on the disk when it is answered by
200, or nothing of it is there. To send the same again is always harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from ketch.errors import KetchError, NotFound, Unavailable, UsageError
from ketch.monitor.outcomes import Outcome
from ketch.monitor.outcomes.decoding import Form, outcomes_of
from ketch.monitor.outcomes.intake import Intake
from ketch.monitor.outcomes.known import has_answered
from ketch.schema import parse_json
from ketch.schema.problems import show
from ketch.serving.doors.door import MOST_BYTES, MOST_ROWS, no_rows
from ketch.serving.doors.native import check_json
from ketch.serving.doors.problems import problem
from ketch.serving.doors.served import Served, no_route
from ketch.serving.http.messages import Request, Response

PATH = "/outcomes"
IN_THREAD = 8 * 1024
"""Bodies of more bytes than this are read in a thread: predictions must not wait for them."""

_encode = msgspec.json.Encoder().encode
_FORM = Form()


class OutcomesDoor:
    """The door behind ``POST /outcomes``.

    Args:
        intake: Records them.
        log: The folder of the decision log: it knows routes that are served no more.
    """

    def __init__(self, intake: Intake, log: Path) -> None:
        self._intake = intake
        self._log = log
        self._before: set[str] = set()

    async def answer(self, request: Request, served: Served) -> Response:
        """Record what a request tells.

        Args:
            request: The request.
            served: The routes that are served now.
        """
        try:
            if len(request.body) <= IN_THREAD:
                outcomes = read(request)
            else:
                outcomes = await asyncio.to_thread(read, request)
            await self._check_routes({one.route for one in outcomes}, served)
            done = await self._intake.record(outcomes)
        except KetchError as error:
            return _refused(error)
        return Response(200, _encode({"recorded": done.new, "known": done.known}))

    async def _check_routes(self, named: Collection[str], served: Served) -> None:
        """Refuse routes that are not served, and never were.

        Outcomes come late: a route may have gone meanwhile whose decisions are still kept.
        """
        for name in sorted({*named} - {*served} - self._before):
            if not await asyncio.to_thread(has_answered, self._log, name):
                raise no_route(name, served)
            self._before.add(name)


def read(request: Request) -> list[Outcome]:
    """Return the outcomes of a request.

    Raises:
        UsageError: ``request/media-type``, ``request/no-rows``, ``request/too-many-rows``,
            ``json/…``, ``schema/…``, ``outcomes/…``, with every finding.
    """
    check_json(request)
    value = parse_json(request.body, max_bytes=MOST_BYTES, where="body")
    rows: Sequence[object] = value if isinstance(value, list) else [value]
    if not isinstance(value, list | dict):
        message = f"expected an object, or a list of objects, found {show(value)}"
        raise UsageError(message, code="schema/wrong-type", where="body")
    if not rows:
        raise no_rows("body")
    if len(rows) > MOST_ROWS:
        raise UsageError(
            f"expected at most `{MOST_ROWS}` outcomes in one request, found `{len(rows)}`",
            code="request/too-many-rows",
            hint="send them in several requests, or a whole file with `ketch outcome`",
        )
    return outcomes_of(_FORM, rows)


def not_recorded() -> NotFound:
    """Return the error of a gateway that records no outcomes."""
    return NotFound(
        "expected a gateway that records outcomes, found one that does not", code="request/path"
    )


def _refused(error: KetchError) -> Response:
    """Return an error; what the disk refused may be told again at any time."""
    response = problem(error)
    again = ("Retry-After", "1")
    if isinstance(error, Unavailable) and again[0] not in dict(response.headers):
        response.headers = (*response.headers, again)
    return response
