"""The keys of ``ketch.toml``: what each may be, what it says, and the schema for editors."""

from __future__ import annotations

from ketch.package.keys import Key, Table
from ketch.package.kinds import (
    AMOUNT,
    ANYTHING,
    ENTRY_POINT,
    FILE,
    FLAG,
    LIBRARY,
    LINE,
    VARIABLE,
    WORDS,
    either,
    list_of,
    named,
    one_of,
    table_of,
    text,
)
from ketch.package.names import (
    LONGEST_NAME,
    LONGEST_VERSION,
    NAME_PATTERN,
    VERSION_PATTERN,
    check_name,
    check_version,
)
from ketch.package.paths import LONGEST_SEGMENT
from ketch.schema.editor import definitions, fields_schema

_NAME = named("a name", check_name, pattern=NAME_PATTERN, longest=LONGEST_NAME)
_VERSION = named("a version", check_version, pattern=VERSION_PATTERN, longest=LONGEST_VERSION)
_ENTRY = text(
    "a function as `module:function`", pattern=ENTRY_POINT, plural="functions as `module:function`"
)
_SEGMENT = r"[A-Za-z0-9_]([A-Za-z0-9_.+@=, -]*[A-Za-z0-9_+@=,-])?"
_VALUE = text("text without NUL", pattern=r"[^\x00]*", plural="texts without NUL")
_LIBRARY = text("the name of a library", pattern=LIBRARY, plural="names of libraries")
_VARIABLE = text("a variable name", pattern=VARIABLE, plural="variable names")

PACKAGE = Table(
    "Who this package is and who answers for it.",
    (
        Key("name", _NAME, "Name: lowercase letters, digits, `.`, `_` and `-`.", required=True),
        Key(
            "version", _VERSION, 'Version such as "1.0.0"; it never changes meaning.', required=True
        ),
        Key("owner", WORDS, "A person or team that answers for it.", required=True),
        Key("route", _NAME, "The name callers use; packages of one route can replace each other."),
        Key("description", LINE, "One sentence for a new colleague."),
    ),
)
PIPELINE = Table(
    "The named functions a request passes through.",
    (
        Key("load", _ENTRY, "`load(model_dir, params) -> model`; left out when there is none."),
        Key(
            "takes",
            one_of("records", "dataframe", "record"),
            "What the first step gets: a list of dicts, a pandas DataFrame, or one dict.",
        ),
        Key(
            "steps", list_of(_ENTRY, at_least=1), "Each is `step(model, value) -> value`.",
            required=True,
        ),
        Key("include", list_of(WORDS), "Glob patterns of further files to ship beside the code."),
    ),
)  # fmt: skip
DATA = Table(
    "Where data came from, which version, and what it looked like.",
    (
        Key("source", WORDS, "Pointer such as an address; recorded, never fetched.", required=True),
        Key("version", LINE, "Version or date of the data."),
        Key("sample", FILE, "A Parquet, CSV or JSONL file in the folder, profiled at pack time."),
        Key("time_column", WORDS, "Column whose range dates the data."),
        Key("ship", FLAG, "Whether the sample travels inside the package."),
    ),
    rules={
        "if": {"properties": {"ship": {"const": True}}, "required": ["ship"]},
        "then": {"required": ["sample"]},
    },
)
ENVIRONMENT = Table(
    "What the package runs in.",
    (
        Key(
            "python",
            text('a Python version such as "3.11"', pattern=r"3\.[0-9]{1,2}(\.[0-9]{1,2})?"),
            "Python version; `pack` pins the exact release.",
        ),
        Key("requirements", FILE, "The requirements file, when the folder has more than one."),
        Key(
            "allow_source_builds",
            either(FLAG, list_of(_LIBRARY)),
            "Whether libraries without a wheel may be built; `true` or their names.",
        ),
        Key(
            "variables",
            table_of(_VALUE, _VARIABLE),
            "Environment variables the code runs with.",
        ),
        Key("required", list_of(_VARIABLE), "Variables that must be set where it runs."),
        Key(
            "secrets",
            list_of(_VARIABLE),
            "Names of secret variables; values never enter a package.",
        ),
        Key("network", FLAG, "Whether the code may open network connections."),
    ),
)
EVALUATE = Table(
    "Offline metrics, computed when the package is verified.",
    (Key("run", _ENTRY, "`run(predict, data) -> {metric: number}`.", required=True),),
)
BUDGET = Table(
    "What the package promises to stay under; verification measures it.",
    (
        Key("latency_ms", AMOUNT, "Median time of one row, in milliseconds."),
        Key("memory_mb", AMOUNT, "Peak resident memory, in megabytes; also the worker's limit."),
    ),
)

TABLES = (
    Key("package", ANYTHING, "A package has a `[package]` table.", required=True),
    Key("pipeline", ANYTHING, "A package has a `[pipeline]` table.", required=True),
    Key("inputs", ANYTHING, "The typed request, one field a key.", required=True),
    Key("outputs", ANYTHING, "The typed answer, one field a key.", required=True),
    *(Key(name, ANYTHING, "") for name in ("params", "data", "environment", "evaluate", "budget")),
)
"""The tables there may be; what each holds is said above."""


def editor_schema() -> dict[str, object]:
    """Return the JSON Schema of ``ketch.toml``, generated from the tables above.

    TOML's days and instants are text to it, in ISO 8601.
    """
    data_name = text("a name such as `training`", pattern=_SEGMENT).schema
    properties: dict[str, object] = {
        "package": PACKAGE.json_schema(),
        "pipeline": PIPELINE.json_schema(),
        "inputs": {
            **fields_schema(answers=False),
            "description": "The typed request: field name → type.",
        },
        "outputs": {
            **fields_schema(answers=True),
            "description": "The typed answer: field name → type.",
        },
        "params": {"type": "object", "description": "Values that `load` receives."},
        "data": {
            "type": "object",
            "additionalProperties": DATA.json_schema(),
            "propertyNames": {**data_name, "maxLength": LONGEST_SEGMENT},
        },
        "environment": ENVIRONMENT.json_schema(),
        "evaluate": EVALUATE.json_schema(),
        "budget": BUDGET.json_schema(),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ketch.toml",
        "$defs": definitions(),
        "type": "object",
        "properties": properties,
        "required": [key.name for key in TABLES if key.required],
        "additionalProperties": False,
    }
