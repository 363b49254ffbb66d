import jsonschema

from ketch.schema import json_schema, parse_fields


def test_the_json_schema_says_what_the_fields_say() -> None:
    fields, findings = parse_fields(
        {
            "viewed": {"type": "list<string>", "max_items": 50, "description": "Newest first."},
            "hour": {"type": "int64", "min": 0, "max": 23, "nullable": True},
            "colour": {"type": "string", "values": ["red"], "optional": True},
            "image": "tensor<uint8, [-1, 3]>",
            "at": "timestamp[us, UTC]",
            "where": "struct<x: float32, note: binary?>",
        },
        "inputs",
    )
    assert findings == ()
    schema = json_schema(fields)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["viewed", "hour", "image", "at", "where"]
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert properties["viewed"] == {
        "type": "array",
        "items": {"type": "string"},
        "maxItems": 50,
        "description": "Newest first.",
    }
    assert properties["hour"] == {"type": ["integer", "null"], "minimum": 0, "maximum": 23}
    assert properties["colour"] == {"type": ["string", "null"], "enum": ["red", None]}
    assert properties["image"] == {
        "type": "array",
        "items": {
            "type": "array",
            "items": {"type": "integer", "minimum": 0, "maximum": 255},
            "minItems": 3,
            "maxItems": 3,
        },
    }
    assert properties["at"] == {"type": "string", "format": "date-time"}
    assert properties["where"]["properties"]["note"] == {
        "type": ["string", "null"],
        "contentEncoding": "base64",
    }
