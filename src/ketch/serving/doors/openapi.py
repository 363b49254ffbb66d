"""The OpenAPI 3.1 document of what is served, written from the schemas of its packages.

A route's scenarios are its examples; fields that hold personal data are left out of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

import msgspec

from ketch.package import Scenario
from ketch.remote.problem import MEDIA_TYPE
from ketch.schema import Field, Row, json_schema
from ketch.serving.contract import Contract
from ketch.serving.doors import openapi_outcomes
from ketch.serving.doors.door import MOST_ROWS
from ketch.serving.doors.openapi_shapes import SHAPES, Body, ref, shape
from ketch.serving.doors.served import Served, described
from ketch.serving.http.messages import Response

MOST_EXAMPLES = 5
_MOST_ROWS_SHOWN = 20
_JSON = "application/json"
_FAILURES = {
    "400": "The request is wrong; the findings say where.",
    "401": "No token, or none of this gateway.",
    "404": "The route has no such arm, or answers nobody yet.",
    "413": "The body is too large, or has too many rows.",
    "415": "The body is in a form that is not read.",
    "422": "The package refuses this input.",
    "500": "The package failed on this request.",
    "503": "Too much to do, or starting; `Retry-After` says when to try again.",
    "504": "There was no answer in time.",
}
_encode = msgspec.json.Encoder().encode


def whole(served: Served, base: str = "/") -> Response:
    """Answer ``GET /openapi.json``: every route, asked below ``base``."""
    return _told(dict(described(served)), "the routes of this gateway", base)


def of_route(name: str, contract: Contract, base: str = "/") -> Response:
    """Answer ``GET /<route>/openapi.json``: one route, asked below ``base``."""
    says = contract.package.manifest.description
    return _told({name: contract}, says or f"the route {name}", base)


def document(routes: Mapping[str, Contract], summary: str, base: str = "/") -> Body:
    """Return the document of some routes; only those at the root speak the V2 protocol."""
    paths: Body = openapi_outcomes.paths() if base == "/" else {}
    schemas: Body = {**SHAPES, **openapi_outcomes.SHAPES}
    for name, contract in routes.items():
        schemas[f"{name}.row"] = _row(contract.schema.inputs)
        schemas[f"{name}.answer"] = _row(contract.schema.outputs)
        paths |= _paths(name, contract, base)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ketch serve",
            "version": version("ketch"),
            "summary": summary,
            "description": (
                "Every answer names the package, the arm and the decision it came from, in "
                f"its headers. Every error of `POST /<route>` is an `{MEDIA_TYPE}` with a "
                "stable `code`."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": {name: _header(says) for name, says in _HEADERS.items()},
            "responses": {f"problem{status}": _problem(says) for status, says in _FAILURES.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def examples(contract: Contract) -> list[tuple[Scenario, object, object]]:
    """Return scenarios as examples: what is sent, and what comes back; nothing personal."""
    found: list[tuple[Scenario, object, object]] = []
    for scenario in contract.package.scenarios:
        if scenario.expected is None or len(scenario.inputs) > _MOST_ROWS_SHOWN:
            continue
        sent = _without_pii(scenario.inputs, contract.schema.inputs)
        back = _without_pii(scenario.expected, contract.schema.outputs)
        single = scenario.single and len(back) == 1
        found.append((scenario, sent[0] if single else sent, back[0] if single else back))
        if len(found) == MOST_EXAMPLES:
            break
    return found


def _told(routes: Mapping[str, Contract], summary: str, base: str) -> Response:
    return Response(200, _encode(document(routes, summary, base)))


def _paths(name: str, contract: Contract, base: str) -> Body:
    shown = examples(contract)
    sent = {one.name: {"value": value} for one, value, _ in shown}
    back = {one.name: {"value": value} for one, _, value in shown}
    says = contract.package.manifest.description or f"Ask {name}."
    native = _operation(f"predict_{name}", says, _one_or_many(f"{name}.row"))
    native["requestBody"]["content"][_JSON] |= {"examples": sent} if sent else {}
    native["responses"]["200"] = _answer(_one_or_many(f"{name}.answer"), back)
    v2 = _operation(f"infer_{name}", "The Open Inference Protocol.", ref("InferenceRequest"))
    v2["responses"] |= _failing(ref("InferenceError"))
    v2["responses"]["200"] = _answer(ref("InferenceResponse"), {})
    mlflow = _operation(f"invocations_{name}", "MLflow's scoring protocol.", ref("Invocation"))
    mlflow["requestBody"]["content"]["text/csv"] = {"schema": {"type": "string"}}
    mlflow["responses"] |= _failing(ref("InvocationError"))
    predictions = {"type": "array", "items": ref(f"{name}.answer")}
    mlflow["responses"]["200"] = _answer(shape({"predictions": predictions}), {})
    paths: Body = {
        f"{base}{name}": {"post": native},
        f"{base}{name}/invocations": {"post": mlflow},
    }
    return paths if base != "/" else {**paths, f"/v2/models/{name}/infer": {"post": v2}}


def _operation(operation_id: str, summary: str, schema: Body) -> Body:
    return {
        "operationId": operation_id,
        "summary": summary,
        "parameters": [_ARM, _UNIT],
        "requestBody": {"required": True, "content": {_JSON: {"schema": schema}}},
        "responses": {
            status: {"$ref": f"#/components/responses/problem{status}"} for status in _FAILURES
        },
    }


def _answer(schema: Body, shown: Body) -> Body:
    content: Body = {"schema": schema, **({"examples": shown} if shown else {})}
    return {
        "description": "The answer.",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS},
        "content": {_JSON: content},
    }


def _failing(schema: Body) -> Body:
    return {
        status: {"description": says, "content": {_JSON: {"schema": schema}}}
        for status, says in _FAILURES.items()
    }


def _problem(says: str) -> Body:
    return {"description": says, "content": {MEDIA_TYPE: {"schema": ref("Problem")}}}


def _one_or_many(name: str) -> Body:
    says = f"At most {MOST_ROWS:,} rows."  # more are no wrong body, but one too large: 413
    many = {"type": "array", "items": ref(name), "minItems": 1, "description": says}
    return {"oneOf": [ref(name), many]}


def _row(fields: Sequence[Field]) -> Body:
    schema = json_schema(fields)
    del schema["$schema"]
    return schema


def _without_pii(rows: Sequence[Row], fields: Sequence[Field]) -> list[Row]:
    private = {field.name for field in fields if field.pii}
    return [{name: value for name, value in row.items() if name not in private} for row in rows]


def _header(says: str) -> Body:
    return {"description": says, "schema": {"type": "string"}}


def _sent_header(name: str, says: str) -> Body:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": says,
        "schema": {"type": "string"},
    }


_ARM = _sent_header("Ketch-Arm", "Force an arm, for tests: its answers count for no experiment.")
_UNIT = _sent_header("Ketch-Unit", "Who is asking, where no input says so.")
_HEADERS = {
    "Ketch-Package": "Who answered, `name:version`.",
    "Ketch-Digest": "The same package, exactly.",
    "Ketch-Decision": "Under what identity the decision log has it.",
    "Ketch-Arm": "As which arm of the route.",
}
