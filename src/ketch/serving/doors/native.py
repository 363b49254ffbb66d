"""ketch's own form: ``POST /<route>`` with one object or a list of objects, named fields.

One object is answered by one object, a list by a list of the same length. The body is read
once, strictly, as one JSON document; nothing of its bytes goes on, only its values. Where
every value is plainly as declared, that and the check of the values are one
(:mod:`ketch.schema.quick`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ketch.errors import Finding, KetchError, UsageError
from ketch.runtime.predictor import refused
from ketch.schema import Row, parse_json
from ketch.schema.problems import show
from ketch.schema.quick import Quick
from ketch.serving.answers import Answered, Asked
from ketch.serving.contract import Contract
from ketch.serving.doors.door import (
    MOST_BYTES,
    MOST_ROWS,
    no_rows,
    signed,
    too_many_rows,
    wrong_media_type,
)
from ketch.serving.doors.problems import problem
from ketch.serving.http.messages import Request, Response

_TAKEN = ("application/json",)
_encode = msgspec.json.Encoder().encode


class Native:
    """The door behind ``POST /<route>``.

    Args:
        most_rows: How many rows a request may hold.
        most_bytes: How long its body may be.
    """

    name = "native"

    def __init__(self, *, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> None:
        self._most_rows = most_rows
        self._most_bytes = most_bytes

    def read(
        self,
        request: Request,
        contract: Contract,  # noqa: ARG002 # other doors ask it
        quick: Quick | None = None,
    ) -> Asked:
        """Return the rows of a request.

        Raises:
            UsageError: ``request/media-type``, ``request/no-rows``,
                ``request/too-many-rows``, ``schema/wrong-type`` or ``json/…``.
        """
        if request.headers.get("content-type") != "application/json":
            check_json(request)
        at_once = None if quick is None else self._at_once(request.body, quick)
        if at_once is not None:
            return at_once
        value = parse_json(request.body, max_bytes=self._most_bytes, where="body")
        if type(value) is dict:
            return Asked([value], single=True)
        return Asked(_listed(value, self._most_rows))

    def _at_once(self, body: bytes, quick: Quick) -> Asked | None:
        """Return rows of which each is plainly as declared; None where that cannot be told."""
        if len(body) > self._most_bytes:
            return None
        if body.startswith(b"{"):
            row = quick.row(body)
            return None if row is None else Asked([row], single=True, is_checked=True)
        rows = quick.rows(body) if body.startswith(b"[") else None
        return None if rows is None else Asked(_listed(rows, self._most_rows), is_checked=True)

    def wrong(self, asked: Asked, findings: Sequence[Finding]) -> KetchError:  # noqa: ARG002
        """Return what the schema found; its places are those of the rows."""
        return refused(findings)

    def reply(self, asked: Asked, answered: Answered) -> Response:
        """Return one object for one object, a list for a list."""
        rows = answered.rows
        return Response(200, _encode(rows[0] if asked.single else rows), headers=signed(answered))

    def refuse(self, error: KetchError, request: Request) -> Response:  # noqa: ARG002
        """Return an error as ``application/problem+json``."""
        return problem(error)


def check_json(request: Request) -> None:
    """Raise when a body is not said to be JSON.

    Raises:
        UsageError: ``request/media-type``.
    """
    found = request.media_type
    if found != "application/json" and not found.endswith("+json"):
        raise wrong_media_type(found, _TAKEN)


def _listed(value: object, most: int) -> list[Row]:
    if type(value) is not list:
        message = f"expected an object, or a list of objects, found {show(value)}"
        raise UsageError(message, code="schema/wrong-type", where="body")
    if not value:
        raise no_rows("body")
    if len(value) > most:
        raise too_many_rows(len(value), most)
    return value
