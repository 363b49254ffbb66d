"""``/docs``: what each route takes and gives, to read and to try.

The pages need nothing but the gateway: no other site, no inline script; their policy
(Content-Security-Policy) forbids both. What comes from a package is text to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from pathlib import Path

from ketch.errors import NotFound
from ketch.schema import Field
from ketch.serving.contract import Contract
from ketch.serving.doors.openapi import examples
from ketch.serving.doors.served import Served, described, route_of
from ketch.serving.http.messages import Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_STATIC = Path(__file__).parent / "static"
_KINDS = {"try.js": "text/javascript; charset=utf-8", "page.css": "text/css; charset=utf-8"}
_HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("Referrer-Policy", "no-referrer"),
)
_LONGEST = 8_000


def index(served: Served, base: str = "/") -> Response:
    """Answer ``GET /docs``: every route, asked below ``base``."""
    listed = "".join(_line(base, name, contract) for name, contract in described(served))
    table = (
        "<div class=scroll><table><thead><tr><th>Route<th>Package<th>Owner<th>What it does"
        f"</thead><tbody>{listed}</tbody></table></div>"
    )
    body = f"<h1>Routes</h1>{table if listed else '<p>None is served yet.'}"
    return _page("Routes", f"{body}<p><a href='{base}openapi.json'>OpenAPI document</a>")


def of_route(served: Served, name: str, base: str = "/") -> Response:
    """Answer ``GET /docs/<route>``: a route that is asked below ``base``.

    Raises:
        NotFound: ``request/route``.
    """
    contract = route_of(served, name).contract
    if contract is None:
        message = f"nothing answers on the route `{name}` yet"
        raise NotFound(message, code="request/route", hint="`/readyz` says why")
    manifest = contract.package.manifest
    says = f"<p>{escape(manifest.description)}" if manifest.description else ""
    parts = (
        f"<p class=soft><a href='{base}docs'>Routes</a><h1>{escape(name)}</h1>{says}",
        f"<p class=soft><code>{escape(contract.reference)}</code>, owned by ",
        f"{escape(manifest.owner)} · <a href='{base}{escape(name)}/openapi.json'>OpenAPI</a>",
        "<h2>What it takes</h2>",
        _fields(contract.schema.inputs),
        "<h2>What it gives</h2>",
        _fields(contract.schema.outputs),
        "<h2>Try it</h2>",
        "<p>A request is answered by a package and enters the decision log, like any other.",
        _form(f"{base}{name}", contract),
        "<script src='/docs/try.js'></script>",
    )
    return _page(name, "".join(parts))


def static(name: str) -> Response:
    """Answer ``GET /docs/try.js`` and ``/docs/page.css``.

    Raises:
        NotFound: ``request/path``.
    """
    if name not in _KINDS:
        raise NotFound("expected a page that is there, found none", code="request/path")
    return Response(200, _content(name), _KINDS[name], (*_HEADERS, ("Cache-Control", "no-cache")))


@cache
def _content(name: str) -> bytes:
    return (_STATIC / name).read_bytes()


def _page(title: str, body: str) -> Response:
    text = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)} · ketch</title><link rel=icon href='data:,'>"
        f"<link rel=stylesheet href='/docs/page.css'><body><main>{body}</main></body></html>"
    )
    return Response(200, text.encode(), "text/html; charset=utf-8", _HEADERS)


def _line(base: str, name: str, contract: Contract) -> str:
    manifest = contract.package.manifest
    cells = (contract.reference, manifest.owner, manifest.description)
    link = f"<td><a href='{base}docs/{escape(name)}'>{escape(name)}</a>"
    return f"<tr>{link}{''.join(f'<td>{escape(cell)}' for cell in cells)}"


def _fields(fields: Sequence[Field]) -> str:
    lines = "".join(
        f"<tr><th scope=row><code>{escape(field.name)}</code><td><code>{escape(str(field.type))}"
        f"</code><td>{escape(', '.join(_promises(field)))}<td>{escape(field.description)}"
        for field in fields
    )
    head = "<tr><th>Name<th>Type<th>Limits<th>Meaning"
    return f"<div class=scroll><table><thead>{head}</thead><tbody>{lines}</tbody></table></div>"


def _promises(field: Field) -> Iterator[str]:
    """Yield in words what is promised of a field beyond its type."""
    if field.optional:
        yield "may be left out"
    elif field.nullable:
        yield "may be null"
    if field.min is not None:
        yield f"at least {field.min}"
    if field.max is not None:
        yield f"at most {field.max}"
    if field.values is not None:
        more = f" and {len(field.values) - 8} more" if len(field.values) > 8 else ""
        yield f"one of {', '.join(map(str, field.values[:8]))}{more}"
    if field.max_items is not None:
        yield f"at most {field.max_items} items"
    if field.max_length is not None:
        yield f"at most {field.max_length} long"
    if field.pii:
        yield "personal data"


def _form(path: str, contract: Contract) -> str:
    bodies = [
        (scenario.name, json.dumps(sent, indent=2, ensure_ascii=False))
        for scenario, sent, _ in examples(contract)
    ]
    shown = [(title, body) for title, body in bodies if len(body) <= _LONGEST]
    options = "".join(
        f'<option data-body="{escape(body)}">{escape(title)}</option>' for title, body in shown
    )
    choice = (
        f"<label for=example>Scenario</label><select id=example>{options}</select>" if shown else ""
    )
    return (
        f"<form data-to='{escape(path)}'><div class=sides><div>{choice}"
        "<label for=body>Body, one object or a list of objects</label>"
        f"<textarea id=body spellcheck=false>{escape(shown[0][1] if shown else '{}')}</textarea>"
        "<label for=token>Token, if the gateway asks for one</label>"
        "<input id=token type=password autocomplete=off>"
        "<button>Send</button><span class=soft>or Ctrl+Enter</span></div>"
        "<div><p id=standing role=status class=soft>The answer appears here.</p>"
        "<pre id=answer tabindex=0 aria-label=Answer></pre>"
        "<pre id=who aria-label='Who answered'></pre></div></div></form>"
    )
