"""What the OpenAPI document says of ``POST /outcomes``."""

from __future__ import annotations

from ketch.monitor.outcomes.checking import LONGEST_KEY, LONGEST_UNIT
from ketch.package.names import LONGEST_NAME, NAME_PATTERN
from ketch.remote.problem import MEDIA_TYPE
from ketch.serving.doors.door import MOST_ROWS
from ketch.serving.doors.openapi_shapes import Body, ref, shape
from ketch.serving.doors.outcomes import PATH

_JSON = "application/json"
_FAILURES = {
    "400": "An outcome is wrong; the findings say which, and how.",
    "401": "No token, or none of this gateway.",
    "404": "A route is not served, and never was.",
    "409": "A key was told before with another content.",
    "413": "The body is too large, or has too many outcomes.",
    "415": "The body is in a form that is not read.",
    "503": "The disk refuses, or too many wait for it; nothing was recorded. Tell it again.",
}
_NAME: Body = {"type": "string", "pattern": f"^{NAME_PATTERN}$", "maxLength": LONGEST_NAME}


def _nullable(kind: str, says: str, **more: object) -> Body:
    return {"type": [kind, "null"], "description": says, **more}


SHAPES: Body = {
    "Outcome": {
        "type": "object",
        "properties": {
            "route": {**_NAME, "description": "The route that answered."},
            "name": {**_NAME, "description": "What happened, such as `purchase`."},
            "decision": _nullable(
                *("string", "The decision that it came of: the header `Ketch-Decision`."),
                pattern="^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$",
            ),
            "unit": {
                "type": ["string", "integer", "null"],
                "minLength": 1,
                "maxLength": LONGEST_UNIT,
                "description": "To whom it happened, where no decision is known.",
            },
            "value": _nullable("number", "How much; 1 without it."),
            "label": {"description": "What would have been right, or anything else."},
            "at": _nullable(
                "string", "When it happened; without it, when it is told.", format="date-time"
            ),
            "key": {
                "type": ["string", "integer", "null"],
                "minLength": 1,
                "maxLength": LONGEST_KEY,
                "description": "Says which event it is; told again it counts once. "
                "One of a unit needs it, or `at`.",
            },
        },
        "required": ["route", "name"],
        "additionalProperties": False,
    },
    "Recorded": shape({"recorded": {"type": "integer"}, "known": {"type": "integer"}}),
}


def paths() -> Body:
    """Return the path, as the document has it."""
    many = {
        "type": "array",
        "items": ref("Outcome"),
        "minItems": 1,
        "description": f"At most {MOST_ROWS:,} outcomes, all recorded or none.",
    }
    operation = {
        "operationId": "tell_outcomes",
        "summary": "What became of answers; to tell it again is harmless.",
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": {"oneOf": [ref("Outcome"), many]}}},
        },
        "responses": {
            "200": {
                "description": "How many are new, and how many were known.",
                "content": {_JSON: {"schema": ref("Recorded")}},
            },
            **{
                status: {"description": says, "content": {MEDIA_TYPE: {"schema": ref("Problem")}}}
                for status, says in _FAILURES.items()
            },
        },
    }
    return {PATH: {"post": operation}}
