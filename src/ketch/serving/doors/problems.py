"""Errors as they leave the gateway: ``application/problem+json`` (RFC 9457), under 1 kB.

An error keeps its class, code, message, place and hint, so that :class:`ketch.Client`
raises it again as it was. What the caller sent wrong is told finding by finding, as many as
fit, and the rest is counted. What went wrong inside is told in one sentence: no caller sees
a traceback, a path of the machine, or what a package printed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import msgspec

from ketch.errors import KetchError, PackageCodeError, PackageError, Unavailable
from ketch.remote.problem import MEDIA_TYPE, to_problem
from ketch.serving.http.messages import Response

MOST_BYTES = 1_000
"""How long the body of an error is at most."""

_STATUS: Mapping[str, int] = {
    "json/too-large": 413,
    "request/token": 401,
    "request/origin": 403,
    "request/method": 405,
    "request/slow": 408,
    "request/too-large": 413,
    "request/too-many-rows": 413,
    "request/media-type": 415,
    "request/encoding": 415,
    "request/host": 421,
    "request/headers-too-large": 431,
    "serve/deadline": 504,
    "worker/deadline": 504,
}
_OURS = ("serve/", "request/")
"""Beginnings of the codes of errors that say nothing of the inside."""

_AGAIN = frozenset({"serve/busy", "serve/starting", "serve/closing"})

_PATH = re.compile(r"(?<![\w.])(?:/[^\s/'\"`:,;()]+){2,}/?")
_MOST = {"detail": 360, "message": 300, "where": 160, "hint": 200}
_encode = msgspec.json.Encoder().encode


def problem(error: KetchError) -> Response:
    """Return an error as a response."""
    told = outward(error)
    status = status_of(told)
    return Response(status, body_of(told, status), MEDIA_TYPE, headers_of(error, status))


def status_of(error: KetchError) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, PackageCodeError) and error.is_refusal:
        return 422
    return _STATUS.get(error.code, error.http_status)


def headers_of(error: KetchError, status: int) -> tuple[tuple[str, str], ...]:
    """Return the headers that belong to an error: how to get in, how to ask, when to come back.

    ``Retry-After`` says that nothing was done, and that the same may be asked again.
    """
    if status == 401:
        return (("WWW-Authenticate", 'Bearer realm="ketch"'),)
    if error.code == "request/method" and error.where:
        return (("Allow", error.where),)
    if error.code in _AGAIN:
        wait_s = getattr(error, "retry_after_s", None) or 1.0
        return (("Retry-After", str(max(1, math.ceil(wait_s)))),)
    return ()


def outward(error: KetchError) -> KetchError:
    """Return an error as its caller may see it: what is inside is nobody's business."""
    if isinstance(error, PackageCodeError):
        return _of_package(error)
    if error.code.startswith(_OURS):
        return error
    if isinstance(error, Unavailable):
        return Unavailable(
            "this cannot be answered now",
            code=error.code,
            hint="try again; else whoever runs the gateway finds more in its log",
        )
    if isinstance(error, PackageError) or error.http_status >= 500:
        return KetchError(
            "the gateway failed",
            code="serve/fault",
            hint="whoever runs the gateway finds more in its log",
        )
    return error


def one_line(text: str) -> str:
    """Return the first line of a text, short, without paths of the machine.

    >>> one_line("`ValueError`: no such file: /srv/ketch/models/a.bin")
    '`ValueError`: no such file: …'
    """
    first = text.strip().partition("\n")[0]
    return cut(_PATH.sub("…", first[: 4 * _MOST["detail"]]), _MOST["detail"])


def body_of(error: KetchError, status: int, *, most: int = MOST_BYTES) -> bytes:
    """Return the body of an error: what fits of it; ``more`` counts the findings left out."""
    body = _cut_texts(to_problem(error, status=status))
    body.pop("findings", None)
    room = most - len(_encode(body)) - len(b',"findings":[],"more":10000000')
    told: list[object] = []
    for finding in error.findings:
        said = _cut_texts(finding.to_json())
        said.pop("blocks")
        room -= len(_encode(said)) + 1
        if room < 0:
            break
        told.append(said)
    if told:
        body["findings"] = told
    if len(told) < len(error.findings):
        body["more"] = len(error.findings) - len(told)
    return _encode(body)


def in_words(error: KetchError, *, most: int = 800) -> str:
    """Return an error as one text, for forms that have no room for more: what, where, and hint."""
    told = []
    for finding in error.findings or (error,):
        where = f"{finding.where}: " if finding.where else ""
        told.append(f"{cut(where, 160)}{cut(finding.message, 300)}")
    text, count = told[0], 1
    while count < len(told) and len(_encode(f"{text}; {told[count]}")) < most - 20:
        text, count = f"{text}; {told[count]}", count + 1
    if count < len(told):
        return f"{text}; and {len(told) - count} more"
    hint = error.hint if len(told) == 1 else None
    return cut(f"{text}; {hint}" if hint else text, most)


def cut(text: str, most: int) -> str:
    """Return text whose JSON takes at most so many bytes, its quotes aside."""
    said = len(_encode(text)) - 2
    while said > most:
        text = f"{text[: min(len(text) - 2, len(text) * most // said - 1)]}…"
        said = len(_encode(text)) - 2
    return text


def _of_package(error: PackageCodeError) -> PackageCodeError:
    """Return in a line what package code raised: what it says of the input, or that it failed."""
    if error.is_refusal:
        message = f"the package refuses this input: {one_line(error.message)}"
        return PackageCodeError(message, refusal=True, code=error.code)
    return PackageCodeError(
        "the package failed on this request",
        code=error.code,
        hint="whoever owns the package finds more in the gateway's log",
    )


def _cut_texts(body: dict[str, object]) -> dict[str, object]:
    for name, most in _MOST.items():
        text = body.get(name)
        if isinstance(text, str) and len(text) > most // 12:
            body[name] = cut(text, most)
    return body
