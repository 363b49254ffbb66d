"""Schemas of the OpenAPI document that are the same for every route."""

from __future__ import annotations

from typing import Any, TypeAlias

from ketch.serving.doors.mlflow import FORMS
from ketch.serving.doors.tensors import DATATYPES

Body: TypeAlias = dict[str, Any]


def ref(name: str) -> Body:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def shape(properties: Body, *required: str) -> Body:
    """Return the schema of an object; all of it is required, unless some is named."""
    needed = list(required) or list(properties)
    return {"type": "object", "properties": properties, "required": needed}


_TEXT = {"type": "string"}
_TENSOR = shape(
    {
        "name": _TEXT,
        "datatype": {"type": "string", "enum": list(DATATYPES)},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
        "parameters": {"type": "object"},
        "data": {"type": "array"},
    },
    *("name", "datatype", "shape", "data"),
)
SHAPES: Body = {
    "Finding": shape(
        {"code": _TEXT, "message": _TEXT, "where": _TEXT, "hint": _TEXT}, "code", "message"
    ),
    "Problem": shape(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "code": _TEXT,
            "where": _TEXT,
            "hint": _TEXT,
            "findings": {"type": "array", "items": ref("Finding")},
            "more": {"type": "integer"},
        },
        *("type", "title", "status", "detail", "code"),
    ),
    "Tensor": _TENSOR,
    "InferenceRequest": shape(
        {
            "id": _TEXT,
            "parameters": {"type": "object"},
            "inputs": {"type": "array", "items": ref("Tensor"), "minItems": 1},
            "outputs": {"type": "array", "items": shape({"name": _TEXT})},
        },
        "inputs",
    ),
    "InferenceResponse": shape(
        {
            "model_name": _TEXT,
            "model_version": _TEXT,
            "id": _TEXT,
            "parameters": {"type": "object"},
            "outputs": {"type": "array", "items": ref("Tensor")},
        }
    ),
    "InferenceError": shape({"error": _TEXT}),
    "Invocation": {
        "type": "object",
        "oneOf": [{"required": [form]} for form in FORMS],
        "properties": {
            "dataframe_split": shape({"columns": {"type": "array"}, "data": {"type": "array"}}),
            "dataframe_records": {"type": "array", "items": {"type": "object"}},
            "instances": {"type": "array"},
            "inputs": {"type": ["array", "object"]},
            "params": {"type": ["object", "null"], "maxProperties": 0},
        },
        "additionalProperties": False,
    },
    "InvocationError": shape({"error_code": _TEXT, "message": _TEXT}),
}
