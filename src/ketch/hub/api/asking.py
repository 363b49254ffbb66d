"""From a request to a call: what is asked is read strictly, and answered as JSON."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ketch.errors import Refused, UsageError
from ketch.hub.access import Identity
from ketch.hub.routing import Endpoint, asked_by
from ketch.package.paths import printable
from ketch.schema import nearest
from ketch.schema.parse import parse_json

if TYPE_CHECKING:
    from ketch.hub.api.acts import Behind

MOST_BYTES = 256 * 1024
MOST_DEPTH = 16
_TAG = re.compile(r'"([0-9]{1,18})"', re.ASCII)
JSON_S = 30.0
"""How long a body may take to arrive."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that somebody makes.

    Attributes:
        behind: What answers it.
        identity: Who makes it.
        path: The parts of the path, by name.
        query, body: What else is asked, as the call's types say.
        revision: What ``If-Match`` insists on.
    """

    behind: Behind
    identity: Identity
    path: Mapping[str, str]
    query: Any
    body: Any
    revision: int | None


@dataclass(frozen=True, slots=True)
class Tagged:
    """An answer with the revision of what it tells."""

    value: object
    revision: int


def endpoint(
    act: Callable[[Asked], object],
    behind: Behind,
    pool: ThreadPoolExecutor,
    *,
    body: type[Any] | None,
    query: type[Any] | None,
    matched: bool,
) -> Endpoint:
    """Return what answers a call over HTTP."""

    async def answer(request: Request) -> Response:
        said = _query(request, query)
        given = None if body is None else _body(await _read(request), body)
        revision = _if_match(request) if matched else None
        asked = Asked(behind, asked_by(request), request.path_params, said, given, revision)
        found = await asyncio.get_running_loop().run_in_executor(pool, _done, act, asked)
        return _response(found, request)

    return answer


def _done(act: Callable[[Asked], object], asked: Asked) -> object:
    try:
        return act(asked)
    except Refused as refused:
        if asked.revision is not None and refused.code == "route/moved":
            refused.http_status = 412  # type: ignore[misc] # of this one, as RFC 9110 §13.1.1 wants
        raise


def _response(found: object, request: Request) -> Response:
    headers = {}
    value = found
    if isinstance(found, Tagged):
        value = found.value
        headers["ETag"] = f'"{found.revision}"'
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(None, 304, headers)
    return Response(msgspec.json.encode(value), 200, headers, "application/json")


async def _read(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UsageError(
            f"expected a body of type `application/json`, found `{printable(kind, 60)}`",
            code="hub/media-type",
        )
    try:
        async with asyncio.timeout(JSON_S):
            return await request.body()
    except TimeoutError as error:
        message = f"expected all of the body within {JSON_S:g} s, found a part of it"
        raise UsageError(message, code="hub/slow") from error


def _body(content: bytes, kind: type[Any]) -> Any:
    value = parse_json(content, max_bytes=MOST_BYTES, max_depth=MOST_DEPTH, where="body")
    return _converted(value, kind, "body", strict=True)


def _query(request: Request, kind: type[Any] | None) -> Any:
    pairs = request.query_params.multi_items()
    known = () if kind is None else kind.__struct_fields__
    for name, _ in pairs:
        if name not in known:
            near = nearest(name[:64], known)
            raise UsageError(
                f"unknown parameter `{printable(name, 64)}`",
                code="hub/request",
                where="query",
                hint=f"did you mean `{near}`?" if near else None,
            )
    said = dict(pairs)
    if len(said) != len(pairs):
        raise UsageError("expected each parameter once", code="hub/request", where="query")
    if kind is None:
        return None
    found = _converted(said, kind, "query", strict=False)
    for name, text in said.items():
        if getattr(found, name) is None:  # the text `null`, of all things
            message = f"expected a value of `{name}`, found `{printable(text, 40)}`"
            raise UsageError(message, code="hub/request", where=f"query.{name}")
    return found


def _converted(value: object, kind: type[Any], where: str, *, strict: bool) -> Any:
    if "\x00" in (name := _first_text(value, "\x00")):
        message = f"expected text without NUL, found `{printable(name, 40)}`"
        raise UsageError(message, code="hub/request", where=where)
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        says, _, at = str(error).partition(" - at `$")
        path = at.removesuffix("`")
        raise UsageError(
            f"{says[:1].lower()}{says[1:]}", code="hub/request", where=f"{where}{path}"
        ) from error


def _first_text(value: object, letter: str) -> str:
    """Return the first text inside a value that holds a letter; else an empty one."""
    match value:
        case str():
            return value if letter in value else ""
        case dict():
            parts = [*value, *value.values()]
        case list():
            parts = value
        case _:
            return ""
    return next(filter(None, (_first_text(part, letter) for part in parts)), "")


def _if_match(request: Request) -> int | None:
    header = request.headers.get("if-match")
    if header is None or header == "*":
        return None
    tag = _TAG.fullmatch(header.strip())
    if tag is not None:
        return int(tag[1])
    raise UsageError(
        f"expected the ETag of a route in `If-Match`, found `{printable(header, 40)}`",
        code="hub/request",
    )
