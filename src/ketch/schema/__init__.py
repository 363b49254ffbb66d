"""The typed prediction API: types, fields, and the strict border every value crosses.

A package declares its inputs and outputs with Arrow's type names; this area reads the
declaration, and promises that a row which passes :class:`Decoder` is exactly what was
declared, wherever it came from. Nothing is coerced that loses anything, all that is
wrong is told at once, as :class:`~ketch.errors.Finding` values, and no value of a
request can make it raise. It is pure: no files, no clock, no network.
"""

from ketch.schema.compare import CompareFunction, Difference, compare, rows_that_differ
from ketch.schema.decode import Decoder, Row, decode
from ketch.schema.fields import Field, Schema, parse_fields
from ketch.schema.infer import infer_fields
from ketch.schema.jsonschema import json_schema
from ketch.schema.nearest import did_you_mean, nearest
from ketch.schema.parse import canonical_json, parse_json
from ketch.schema.text import check_columns, read_text_rows
from ketch.schema.type_parser import parse_type
from ketch.schema.types import (
    Binary,
    Bool,
    Date,
    Float,
    Int,
    List,
    Member,
    String,
    Struct,
    Tensor,
    Timestamp,
    Type,
    to_wire,
)

__all__ = [
    "Binary",
    "Bool",
    "CompareFunction",
    "Date",
    "Decoder",
    "Difference",
    "Field",
    "Float",
    "Int",
    "List",
    "Member",
    "Row",
    "Schema",
    "String",
    "Struct",
    "Tensor",
    "Timestamp",
    "Type",
    "canonical_json",
    "check_columns",
    "compare",
    "decode",
    "did_you_mean",
    "infer_fields",
    "json_schema",
    "nearest",
    "parse_fields",
    "parse_json",
    "parse_type",
    "read_text_rows",
    "rows_that_differ",
    "to_wire",
]
