"""The door behind ``POST /v2/models/<route>/infer``."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from ketch.errors import Finding, KetchError, UsageError
from ketch.runtime.predictor import refused
from ketch.schema import parse_json
from ketch.schema.problems import printable, show
from ketch.schema.quick import Quick
from ketch.serving.answers import Answered, Asked
from ketch.serving.contract import Contract
from ketch.serving.doors.door import MOST_BYTES, MOST_ROWS, signed, wrong_media_type
from ketch.serving.doors.problems import headers_of, in_words, outward, status_of
from ketch.serving.doors.v2.columns import Column
from ketch.serving.doors.v2.pages import called
from ketch.serving.doors.v2.reply import in_binary, tensor
from ketch.serving.doors.v2.request import Reading, Table
from ketch.serving.http.messages import Request, Response

LENGTH = "inference-header-content-length"

_TOLD = ("package", "decision", "arm", "part")
_TAKEN = ("application/json", "application/octet-stream")
_MOST_DIGITS = 12
_PLACE = re.compile(r"rows\[(\d+)\]\.(.+)", re.DOTALL)
_INDEX = re.compile(r"\[(\d+)\]")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Style:
    """What a reply needs to know of its request.

    Attributes:
        model: The name it was asked under.
        columns: Where each field stood.
        as_table: Whether it was a table, ``content_type`` ``pd``.
        in_bytes: Whether each output is wanted as bytes, by name; ``""`` is the default.
    """

    model: str
    columns: Sequence[Column]
    as_table: bool
    in_bytes: Mapping[str, bool]


class V2:
    """The Open Inference Protocol.

    Args:
        most_rows: How many rows a request may hold.
        most_bytes: How long its body may be.
    """

    name = "v2"

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
        body, tail = self._parts(request)
        reading = Reading(body, tail, contract)
        parameters = reading.table(body, "parameters")
        request_id = reading.request_id()
        wanted, in_bytes = reading.wanted()
        in_bytes[""] = parameters.get("binary_data_output") is True
        rows = reading.rows(self._most_rows)
        place = called(request.path)
        style = Style(
            place.model if place else request.route,
            reading.columns,
            parameters.get("content_type") == "pd",
            in_bytes,
        )
        return Asked(rows, request_id=request_id, wanted=wanted, style=style)

    def wrong(self, asked: Asked, findings: Sequence[Finding]) -> KetchError:
        """Return what the schema found, at its places in the tensors."""
        style = asked.style
        if not isinstance(style, Style):
            return refused(findings)
        columns = {column.field.name: column for column in style.columns}
        return refused([replace(one, where=_place(one.where, columns)) for one in findings])

    def reply(self, asked: Asked, answered: Answered) -> Response:
        """Return the outputs that were wanted, in that order."""
        style = asked.style
        if not isinstance(style, Style) or not answered.parts:
            raise TypeError("expected a request that this door has read")
        contract = min((part.contract for part in answered.parts), key=_width)
        fields = {field.name: field for field in contract.schema.outputs}
        names = fields.keys() if asked.wanted is None else asked.wanted
        outputs, tail = [], []
        for name in names:
            output = tensor(fields[name], answered.rows, as_table=style.as_table)
            if style.in_bytes.get(name, style.in_bytes[""]):
                content = in_binary(output, fields[name])
                tail += [] if content is None else [content]
            outputs.append(output)
        headers = signed(answered)
        head = _encode(_head(asked, answered, style, dict(headers)) | {"outputs": outputs})
        if not tail:
            return Response(200, head, headers=headers)
        headers = (*headers, ("Inference-Header-Content-Length", str(len(head))))
        return Response(200, b"".join((head, *tail)), "application/octet-stream", headers)

    def refuse(self, error: KetchError, request: Request) -> Response:  # noqa: ARG002 # as every door
        """Return an error as ``{"error": …}``."""
        return failed(error)

    def _parts(self, request: Request) -> tuple[Table, bytes]:
        """Return the JSON of a request, and the bytes behind it."""
        found = request.media_type
        if found and found not in _TAKEN and not found.endswith("+json"):
            raise wrong_media_type(found, _TAKEN)
        said = request.headers.get(LENGTH)
        end = len(request.body)
        if said is not None:
            is_length = said.isascii() and said.isdigit() and len(said) <= _MOST_DIGITS
            if not is_length or int(said) > end:
                found = printable(said, 20)
                raise UsageError(
                    f"expected the length of the JSON, at most `{end}`, found `{found}`",
                    code="request/tensor",
                    where="Inference-Header-Content-Length",
                )
            end = int(said)
        body = parse_json(request.body[:end], max_bytes=self._most_bytes, where="body")
        if not isinstance(body, dict):
            message = f"expected an object with `inputs`, found {show(body)}"
            raise UsageError(message, code="request/form", where="body")
        return body, request.body[end:]


def failed(error: KetchError) -> Response:
    """Return an error in the form of the protocol."""
    told = outward(error)
    status = status_of(told)
    body = _encode({"error": in_words(told)})
    return Response(status, body, headers=headers_of(error, status))


def _head(
    asked: Asked, answered: Answered, style: Style, said: Mapping[str, str]
) -> dict[str, object]:
    """Return the reply without its outputs; who answered is said as in the headers."""
    named = {f"ketch_{name}": said.get(f"Ketch-{name.title()}") for name in _TOLD}
    parameters: dict[str, object] = {name: value for name, value in named.items() if value}
    if style.as_table:
        parameters["content_type"] = "pd"
    versions = dict.fromkeys(part.contract.version for part in answered.parts)
    return {
        "model_name": style.model,
        "model_version": ", ".join(versions),
        "id": asked.request_id or str(uuid.uuid4()),
        "parameters": parameters,
    }


def _width(contract: Contract) -> int:
    """Return how many outputs a package has: another arm may have more, which nobody expects."""
    return len(contract.schema.outputs)


def _place(where: str | None, columns: Mapping[str, Column]) -> str | None:
    found = _PLACE.fullmatch(where or "")
    if found is None:
        return where
    row, path = int(found[1]), found[2]
    names = [one for one in columns if path == one or path.startswith((f"{one}[", f"{one}."))]
    if not names:
        return where
    name = max(names, key=len)
    inside, rest = [], path[len(name) :]
    while match := _INDEX.match(rest):
        inside.append(int(match[1]))
        rest = rest[match.end() :]
    return columns[name].place(row, inside, rest)
