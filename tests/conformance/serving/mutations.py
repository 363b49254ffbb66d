"""Requests that are right, and what becomes of them in hostile or clumsy hands.

Everything is drawn from one :class:`random.Random`, so that a seed says it all; thousands
of requests are made in the time that it takes to answer them.
"""

from __future__ import annotations

import base64
import copy
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

from tests.conformance.serving.ground import Sent, answer_to

JSON = ("content-type", "application/json")
CSV = ("content-type", "text/csv")
LONG = "".join(f"<{at}>" for at in range(2_000))
"""Text of which no long piece stands anywhere else."""

ODD: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    2**200,
    10**400,
    1.5,
    -0.0,
    1e308,
    5e-324,
    "",
    "\0",
    "\ufeffa",
    "\u202e",
    "\U0001d54f" * 30,
    "a" * 41,
    LONG,
    "refuse",
    "2026-02-30T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "0000-00-00",
    "AA=A",
    "../../etc/passwd",
    "%00",
    "__proto__",
    [],
    {},
    [[]],
    [None],
    [[1, 2], [3]],
    {"a": {"a": {"a": None}}},
    {"name": "a", "size": 1},
    ["x"] * 300,
    [LONG] * 3,
    {LONG: LONG},
    {"": 0},
)
TOKENS = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"1e-999",
    b"01",
    b"0x1",
    b"'a'",
    b'"\\ud800"',
    b'"\\u0000"',
    b'"\xff\xfe"',
    b"\xef\xbb\xbf",
    b"/**/1",
    b"1" * 5_000,
    b"-" + b"9" * 400,
    b"1." + b"3" * 3_000,
    b"[" * 200_000,
    b'{"a":' * 5_000,
    b"},{",
    b"],[",
    b'"a":1,"a":2',
    b"\0",
    b"undefined",
    b'"a"',
    b"",
)


def row(draw: Random, *, only: bool = False) -> dict[str, Any]:
    """Return a row that is right; ``only`` the fields that every row has."""
    size = draw.choice([None, 0, 2**53 - 1, draw.randrange(10**9)])
    found: dict[str, Any] = {"name": f"n{draw.randrange(10**6)}", "size": size}
    if only:
        return found
    more: dict[str, Callable[[], object]] = {
        "score": lambda: draw.choice([0.5, -1e300, 3]),
        "at": lambda: f"2026-01-{draw.randrange(1, 29):02}T00:00:00.25Z",
        "day": lambda: "2026-01-02",
        "raw": lambda: base64.b64encode(draw.randbytes(draw.randrange(5))).decode(),
        "tags": lambda: [str(draw.random()) for _ in range(draw.randrange(5))],
        "image": lambda: [[1.0, 2.0], [0.5, draw.random()]],
        "box": lambda: {"a": draw.randrange(9), "b": draw.choice([None, "é"])},
        "card": lambda: f"4{draw.randrange(10**15):015}",
    }
    return found | {name: make() for name, make in more.items() if draw.random() < 0.25}


def rows(draw: Random, *, only: bool = False) -> list[dict[str, Any]]:
    return [row(draw, only=only) for _ in range(draw.choice([1, 1, 2, 3, 7]))]


def native(draw: Random) -> tuple[Sent, Any]:
    """Return a request that is right, and its body as a value."""
    at = draw.choice(["/shop", "/plain", "/staging/shop", "/shop?unit=1", "/sh%6fp"])
    if draw.random() < 0.4:
        one = row(draw)
        return Sent(at, _json(one), expected=answer_to(one)), one
    many = rows(draw)
    return Sent(at, _json(many), expected=[answer_to(one) for one in many]), many


def v2(draw: Random) -> tuple[Sent, Any]:
    many = rows(draw, only=True)
    count = len(many)
    names = [one["name"] for one in many]
    sizes = [one["size"] for one in many]
    body: dict[str, Any] = {
        "inputs": [
            {"name": "name", "datatype": "BYTES", "shape": [count], "data": names},
            {"name": "size", "datatype": "INT64", "shape": [count], "data": sizes},
        ]
    }
    if draw.random() < 0.3:
        body["id"] = f"id{draw.randrange(99)}"
    path = draw.choice(["/v2/models/shop/infer", "/v2/models/plain/versions/1.0.0/infer"])
    expected = [answer_to(one) for one in many]
    return Sent(path, _json(body), expected=expected, where="v2"), body


def v2_in_bytes(draw: Random) -> tuple[Sent, Any]:
    """Return a request whose tensors lie behind the JSON; its value is the JSON."""
    many = [one | {"size": one["size"] or 0} for one in rows(draw, only=True)]
    texts = [one["name"].encode() for one in many]
    tails = [
        b"".join(struct.pack("<I", len(one)) + one for one in texts),
        struct.pack(f"<{len(many)}q", *(one["size"] for one in many)),
    ]
    body = {
        "inputs": [
            {
                "name": name,
                "datatype": datatype,
                "shape": [len(many)],
                "parameters": {"binary_data_size": len(tail)},
            }
            for (name, datatype), tail in zip(
                (("name", "BYTES"), ("size", "INT64")), tails, strict=True
            )
        ]
    }
    head = _json(body)
    headers = (
        ("content-type", "application/octet-stream"),
        ("inference-header-content-length", str(len(head))),
    )
    expected = [answer_to(one) for one in many]
    sent = Sent(
        "/v2/models/shop/infer", head + b"".join(tails), "POST", headers, expected, where="v2"
    )
    return sent, body


def mlflow(draw: Random) -> tuple[Sent, Any]:
    many = rows(draw, only=True)
    form = draw.choice(["dataframe_records", "dataframe_split", "instances", "inputs"])
    value: Any = many
    if form == "dataframe_split":
        value = {"columns": ["size", "name"], "data": [[one["size"], one["name"]] for one in many]}
    elif form == "inputs":
        value = {name: [one[name] for one in many] for name in ("name", "size")}
    path = draw.choice(["/shop/invocations", "/staging/shop/invocations"])
    expected = [answer_to(one) for one in many]
    return Sent(path, _json({form: value}), expected=expected, where="mlflow"), {form: value}


def csv(draw: Random) -> tuple[Sent, Any]:
    many = rows(draw, only=True)
    lines = ["name,size", *(f"{one['name']},{one['size'] or 0}" for one in many)]
    body = "\n".join(lines).encode()
    expected = [answer_to(one | {"size": one["size"] or 0}) for one in many]
    return Sent("/shop/invocations", body, "POST", (CSV,), expected, "mlflow"), None


RIGHT = (native, native, v2, v2_in_bytes, mlflow, csv)


def right(draw: Random) -> Sent:
    """Return a request whose answer is known."""
    return draw.choice(RIGHT)(draw)[0]


def wrong(draw: Random) -> Sent:
    """Return a request that was right, and is hardly any more."""
    sent, value = draw.choice(RIGHT)(draw)
    sent = replace(sent, expected=None)
    ways: list[Callable[[Random, Sent, Any], Sent]] = [
        _in_bytes,
        _in_headers,
        _in_path,
        _in_method,
        _elsewhere,
    ]
    if value is not None:
        ways += [_in_value] * 6
    sent = draw.choice(ways)(draw, sent, value)
    return _in_bytes(draw, sent, None) if draw.random() < 0.1 else sent


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _in_value(draw: Random, sent: Sent, given: Any) -> Sent:
    """Put something else at one or two places of a value."""
    value = copy.deepcopy(given)
    for _ in range(draw.choice([1, 1, 2])):
        places = list(_places(value))
        if not places:
            break
        holder, key = draw.choice(places)
        match draw.randrange(5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[draw.choice(["extra", "NAME", "", "n\u0430me", LONG])] = _odd(draw)
            case 2 if isinstance(holder, list):
                holder.insert(key, _odd(draw))
            case 3:
                holder[key] = [holder[key]]
            case _:
                holder[key] = _odd(draw)
    body = _json(value)
    tail = sent.body[_head_length(sent) :]
    headers = tuple(
        (name, str(len(body)) if name == "inference-header-content-length" else said)
        for name, said in sent.headers
    )
    return replace(sent, body=body + tail, headers=headers)


def _odd(draw: Random) -> object:
    return copy.deepcopy(draw.choice(ODD))  # it may be changed in its turn


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a value, as what holds it and where."""
    found: list[tuple[Any, Any]] = []
    holders = [value]
    while holders:
        holder = holders.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        found += [(holder, key) for key in keys]
        holders += [holder[key] for key in keys if isinstance(holder[key], dict | list)]
    return found


def _head_length(sent: Sent) -> int:
    said = dict(sent.headers).get("inference-header-content-length")
    return len(sent.body) if said is None else int(said)


def _in_bytes(draw: Random, sent: Sent, _: Any) -> Sent:
    body = bytearray(sent.body)
    at = draw.randrange(len(body) + 1)
    match draw.randrange(5):
        case 0:
            del body[at:]
        case 1:
            del body[at : at + draw.randrange(1, 9)]
        case 2 if body:
            body[at - 1] ^= 1 << draw.randrange(8)
        case 3:
            body[at:at] = body[: draw.randrange(len(body) + 1)]
        case _:
            body[at : at + draw.choice([0, 1, 8])] = draw.choice(TOKENS)
    return replace(sent, body=bytes(body))


def _in_headers(draw: Random, sent: Sent, _: Any) -> Sent:
    kinds = (
        "",
        "text/plain",
        "application/json; charset=utf-16",
        "APPLICATION/JSON;charset=UTF-8",
        "application/x+json",
        "text/csv",
        "text/csv; header=absent",
        "application/octet-stream",
        "multipart/form-data; boundary=x",
        "application/vnd.apache.parquet",
        "é" * 300,
        "a/b;" * 500,
    )
    more = (
        ("ketch-arm", draw.choice(["prod", "limited", "nobody", "", "é", "x" * 3_000])),
        ("ketch-unit", draw.choice(["u", "", "é", "\x01", "x" * 3_000])),
        ("inference-header-content-length", draw.choice(LENGTHS)),
        ("traceparent", draw.choice(["00-0-0-0", "zz", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"])),
        ("content-encoding", draw.choice(["gzip", "identity", ""])),
        ("expect", "100-continue"),
        ("sec-fetch-site", draw.choice(["cross-site", "same-origin"])),
        ("origin", "http://elsewhere.example"),
        ("x-" + "y" * draw.choice([1, 40_000]), "z"),
    )
    if sent.where == "v2" and draw.random() < 0.3:
        name = "inference-header-content-length"
        kept = tuple(one for one in sent.headers if one[0] != name)
        return replace(sent, headers=(*kept, (name, draw.choice(LENGTHS))))
    if draw.random() < 0.4:
        kept = tuple(one for one in sent.headers if one[0] != "content-type")
        return replace(sent, headers=(*kept, ("content-type", draw.choice(kinds))))
    name, said = draw.choice(more)
    kept = tuple(one for one in sent.headers if one[0] != name)
    return replace(sent, headers=(*kept, (name, said)))


PATHS = (
    "/",
    "//",
    "/shop/",
    "/Shop",
    "/shop%00",
    "/shop%2finvocations",
    "/%73hop",
    "/shop/invocations/",
    "/shop/openapi.json",
    "/staging",
    "/staging/plain",
    "/staging/nobody/invocations",
    "/staging/shop/x",
    "/late",
    "/late/invocations",
    "/nobody",
    "/" + "n" * 5_000,
    "/n%0d%0aset-cookie:%20a",
    "/invocations",
    "/v2",
    "/v2/",
    "/v2/x",
    "/v2/models",
    "/v2/models/",
    "/v2/models/nobody/infer",
    "/v2/models/late/infer",
    "/v2/models/late/versions/1/infer",
    "/v2/models/shop/versions/9.9.9/infer",
    "/v2/models/shop/versions//infer",
    "/v2/models/shop/versions/" + "9" * 3_000 + "/infer",
    "/v2/models/shop/versions/1%0a2/infer",
    "/v2/models/shop/infer/more",
    "/v2/repository/index",
    "/docs/shop",
    "/docs/../paths.py",
    "/docs/%2e%2e/page.py",
    "/docs/page.css",
    "/openapi.json",
    "/readyz",
    "/metrics",
    "/.%2e/etc/passwd",
    "/shop?" + "a=b&" * 900,
    "/%F0%9D%95%8F",
    "/é",
)


def _in_path(draw: Random, sent: Sent, _: Any) -> Sent:
    return replace(sent, path=draw.choice(PATHS), where="any")


def _elsewhere(draw: Random, sent: Sent, _: Any) -> Sent:
    """Bring the body of one door to another."""
    other = draw.choice(RIGHT)(draw)[0]
    return replace(sent, path=other.path, where="any")


LENGTHS = (
    *("-1", "0", "1", "007", "+5", "1e3", "5, 5", " ", "é", "³", "9" * 30),
    *("0" * 20 + "5", "0" * 5_000 + "5", "0" * 12 + "1" * 5_000),
)

METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "POST")


def _in_method(draw: Random, sent: Sent, _: Any) -> Sent:
    return replace(sent, method=draw.choice(METHODS), where="any")


def smashed(draw: Random) -> list[bytes]:
    """Return a stream of requests, damaged somewhere, in pieces."""
    stream = bytearray(b"".join(right(draw).raw for _ in range(draw.choice([1, 2, 3]))))
    for _ in range(draw.choice([1, 1, 2, 5])):
        at = draw.randrange(len(stream))
        match draw.randrange(5):
            case 0:
                stream[at] = draw.randrange(256)
            case 4:
                start = stream.find(b"content-length: ", at) + 16
                end = stream.find(b"\r", start)
                stream[start:end] = draw.choice(LENGTHS).encode()
            case 1:
                del stream[at : at + draw.randrange(1, 40)]
            case 2:
                stream[at:at] = draw.choice(LINES)
            case _:
                end = stream.find(b"\r\n")
                stream[end + 2 : end + 2] = draw.choice(LINES) + b"\r\n"
        if not stream:
            break
    cuts = sorted(draw.randrange(len(stream) + 1) for _ in range(draw.choice([0, 1, 4])))
    edges = [0, *cuts, len(stream)]
    return [bytes(stream[a:b]) for a, b in pairwise(edges)]


LINES = (
    b"transfer-encoding: chunked",
    b"transfer-encoding: identity",
    b"transfer-encoding: chunked, gzip",
    b"transfer-encoding: xchunked",
    b"transfer-encoding : chunked",
    b"content-length: 5",
    b"content-length: +5",
    b"content-length: 5, 5",
    b"content-length: " + b"0" * 5_000 + b"5",
    b"content-length: 99999999999999999999999999",
    b"content-length: 0x5",
    b"host: elsewhere.example",
    b"host: localhost:99999999",
    b"host:",
    b"upgrade: h2c\r\nconnection: upgrade",
    b"upgrade: websocket",
    b"connection: close",
    b"expect: 100-continue",
    b"expect: something",
    b" folded: line",
    b"\0",
    b"\r\n\r\n",
    b"\n",
    b"GET / HTTP/1.1",
    b"x: " + b"y" * 70_000,
    b"5;ext=\x00\r\nhello\r\n0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
)
