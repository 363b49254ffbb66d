"""The OpenAPI 3.1 document of a hub, written from its table of calls and their types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import msgspec

from ketch.hub.access import Role
from ketch.hub.api import shapes
from ketch.hub.api.calls import CALLS, PREFIX, Call
from ketch.remote.problem import MEDIA_TYPE

PROBES = {
    "/livez": ("alive", "Say that the hub is there."),
    "/readyz": ("ready", "Say whether it can do its work: its registry and its store answer."),
}
"""What anybody may ask, outside of the API: what is answered, and what it means."""

_JSON = "application/json"
_REFERENCE = "#/components/schemas/{name}"
_PROBLEM = _REFERENCE.format(name="Problem")
_PATTERNS = {
    "reference": (shapes.ReferenceText, "`name:version`, `name@stage` or `name@sha256:…`."),
    "name": (shapes.Line, "A package, such as `shop`."),
    "route": (shapes.RouteText, "A route, such as `recommendations`."),
    "token": (shapes.Line, "The name of a token."),
}
_FAILURES = {
    "400": "The request is wrong.",
    "401": "No token, or none of this hub.",
    "403": "The token allows something else.",
    "404": "There is no such thing.",
    "409": "A rule says no; the findings say which.",
    "412": "The route has changed since.",
    "413": "The body is too large.",
    "415": "The body is no JSON.",
    "421": "The hub has other names.",
    "422": "The bytes of a package are wrong.",
    "503": "Something did not answer; trying again may help.",
}
_PROBLEMS = {status: {"$ref": f"#/components/responses/problem{status}"} for status in _FAILURES}


def document() -> dict[str, Any]:
    """Return the document."""
    kinds = [shapes.Problem, *_kinds()]
    _, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        operation = _operation(call, components)
        paths.setdefault(f"{PREFIX}{call.path}", {})[call.method.lower()] = operation
    paths |= {path: {"get": _probe(path)} for path in PROBES}
    asked = {call.query.__name__ for call in CALLS if call.query is not None}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ketch hub",
            "version": version("ketch"),
            "summary": "A registry of model packages, for a team.",
            "description": (
                "Bytes travel by the OCI distribution API, under `/v2/`. Every error is an "
                f"`{MEDIA_TYPE}` with a stable `code`."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {name: one for name, one in components.items() if name not in asked},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {
                f"problem{status}": {
                    "description": says,
                    "content": {
                        MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(name="Problem")}}
                    },
                }
                for status, says in _FAILURES.items()
            },
        },
        "security": [{"token": []}],
    }


def _kinds() -> Iterator[type[Any]]:
    for call in CALLS:
        yield from (one for one in (call.gives, call.body, call.query) if one is not None)


def _operation(call: Call, components: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": call.act.__name__,
        "summary": call.says,
        "x-ketch-role": str(call.needs),
        "parameters": [*_in_path(call), *_in_query(call, components), *_in_headers(call)],
        "responses": {
            "200": _answer(call),
            **_PROBLEMS,
        },
    }
    if call.act.__name__ == "route":
        operation["responses"]["304"] = {"description": "The route is as `If-None-Match` has it."}
    if call.body is not None:
        schema = {"$ref": _REFERENCE.format(name=call.body.__name__)}
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema}}}
    return operation


def _probe(path: str) -> dict[str, Any]:
    member, says = PROBES[path]
    schema = {"type": "object", "required": [member], "properties": {member: {"const": True}}}
    return {
        "operationId": path.removeprefix("/"),
        "summary": says,
        "x-ketch-role": str(Role.ANYBODY),
        "security": [],
        "responses": {
            "200": {"description": "Yes.", "content": {_JSON: {"schema": schema}}},
            **_PROBLEMS,
        },
    }


def _answer(call: Call) -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(name=call.gives.__name__)}
    answer: dict[str, Any] = {
        "description": (call.gives.__doc__ or "").strip(),
        "content": {_JSON: {"schema": schema}},
    }
    if call.act.__name__ == "route":
        says = "The revision of the route, for `If-Match`."
        answer["headers"] = {"ETag": {"description": says, "schema": {"type": "string"}}}
    return answer


def _in_path(call: Call) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", call.path):
        kind, says = _PATTERNS[name]
        schema = msgspec.json.schema(kind)
        yield {"name": name, "in": "path", "required": True, "description": says, "schema": schema}


def _in_query(call: Call, components: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if call.query is None:
        return
    described = components[call.query.__name__]
    for name, schema in described["properties"].items():
        required = name in described.get("required", ())
        yield {"name": name, "in": "query", "required": required, "schema": _present(schema)}


def _in_headers(call: Call) -> Iterator[dict[str, Any]]:
    if call.matched:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "description": "The ETag that the route must still have.",
            "schema": {"type": "string", "pattern": '^("[0-9]{1,18}"|\\*)$'},
        }


def _present(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a parameter holds when it is there."""
    found = {name: value for name, value in schema.items() if name != "default"}
    kinds = [one for one in found.pop("anyOf", []) if one != {"type": "null"}]
    if len(kinds) == 1:
        return {**kinds[0], **found}
    return {**found, "anyOf": kinds} if kinds else found
