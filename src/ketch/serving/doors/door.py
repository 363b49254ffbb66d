"""What every door does, and what it does not.

A door turns the body of a request into rows that nobody has checked, and checked rows into
the body of an answer. Which package answers, whether the rows fit its schema, and how long
that may take is decided elsewhere, the same for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from ketch.errors import Finding, KetchError, UsageError
from ketch.schema import Row
from ketch.schema.problems import printable
from ketch.schema.quick import Quick
from ketch.serving.answers import Answered, Asked, Part
from ketch.serving.contract import Contract
from ketch.serving.http.messages import Request, Response

MOST_ROWS = 10_000
"""How many rows a request may hold, unless the gateway is told otherwise."""

MOST_BYTES = 16 * 1024 * 1024
"""How long the body of a request may be, unless the gateway is told otherwise."""

_MOST_PARTS = 10
_MOST_DIGITS = 4_096


class Door(Protocol):
    """One form in which callers ask and are answered."""

    @property
    def name(self) -> str:
        """What the form is called, such as ``v2``; for the books."""
        ...

    def read(self, request: Request, contract: Contract, quick: Quick | None = None) -> Asked:
        """Return the rows of a request, in JSON form.

        Args:
            request: The request.
            contract: What the route promises.
            quick: Reads rows that all packages of the route find the same; None for none.

        Raises:
            UsageError: The body is no request of this form; ``json/…``, ``request/…`` or
                ``schema/…``, with every finding.
        """
        ...

    def wrong(self, asked: Asked, findings: Sequence[Finding]) -> KetchError:
        """Return what the schema found as an error, its places in the words of the form."""
        ...

    def reply(self, asked: Asked, answered: Answered) -> Response:
        """Return an answer in the form it was asked in."""
        ...

    def refuse(self, error: KetchError, request: Request) -> Response:
        """Return an error in the form that its callers understand."""
        ...


def decode(door: Door, asked: Asked, contract: Contract) -> list[Row]:
    """Return the rows of a request as a package's schema has them.

    Raises:
        UsageError: ``schema/…``, with every finding, places in the words of the door.
    """
    if asked.is_checked:
        return asked.rows
    rows, findings = contract.inputs.decode(asked.rows)
    if findings:
        raise door.wrong(asked, findings)
    return rows


def signed(answered: Answered) -> tuple[tuple[str, str], ...]:
    """Return the headers that say who answered: package, digest, decision, arm.

    An answer of several parts names each in their order, and ``Ketch-Part`` has one digit
    for each row: which of them it belongs to, from 0. Where that would be longer than
    headers may be, packages and arms are named once each; the decision log has the rest.
    """
    parts = answered.parts
    if len(parts) == 1:
        part = parts[0]
        return (*_who((part,)), ("Ketch-Decision", part.decision), ("Ketch-Arm", part.arm))
    if len(parts) > _MOST_PARTS or len(answered.rows) > _MOST_DIGITS:
        by_arm = {(part.arm, part.contract.reference): part for part in parts}
        return (*_who(by_arm.values()), ("Ketch-Arm", ", ".join(arm for arm, _ in by_arm)))
    return (
        *_who(parts),
        ("Ketch-Decision", ", ".join(part.decision for part in parts)),
        ("Ketch-Arm", ", ".join(part.arm for part in parts)),
        ("Ketch-Part", _part_of_rows(answered)),
    )


def _who(parts: Iterable[Part]) -> tuple[tuple[str, str], ...]:
    contracts = [part.contract for part in parts]
    return (
        ("Ketch-Package", ", ".join(contract.reference for contract in contracts)),
        ("Ketch-Digest", ", ".join(contract.digest for contract in contracts)),
    )


def _part_of_rows(answered: Answered) -> str:
    digits = ["0"] * len(answered.rows)
    for index, part in enumerate(answered.parts):
        for row in part.rows:
            digits[row] = str(index)
    return "".join(digits)


def too_many_rows(count: int, most: int) -> UsageError:
    """Return the error for a request of more rows than one may hold."""
    return UsageError(
        f"expected at most `{most}` rows in one request, found `{count}`",
        code="request/too-many-rows",
        hint="send them in several requests, or answer the whole file with `ketch predict`",
    )


def no_rows(where: str | None = None) -> UsageError:
    """Return the error for a request without a row."""
    return UsageError("expected at least one row, found none", code="request/no-rows", where=where)


def wrong_media_type(found: str, taken: Sequence[str]) -> UsageError:
    """Return the error for a body in a form that the door does not read."""
    said = f"`{printable(found, 60)}`" if found else "no `Content-Type`"
    return UsageError(
        f"expected a body of {' or '.join(f'`{one}`' for one in taken)}, found {said}",
        code="request/media-type",
        hint=_AS_JSON
        if found in {"", _CURLS}
        else "files of rows are answered by `ketch predict REF FILE`",
    )


_CURLS = "application/x-www-form-urlencoded"
_AS_JSON = "send `Content-Type: application/json`; curl does with `--json`"
