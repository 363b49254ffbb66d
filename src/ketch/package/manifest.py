"""Everything a package declares: ``ketch.toml``, read and checked.

The authored file has these tables; each is a frozen dataclass below.

=================  ====================================================================
``[package]``      who it is: name, version, owner, route, description
``[pipeline]``     the functions a request passes through
``[inputs]``       the typed request, one row: field name → Arrow type and limits
``[outputs]``      the typed answer, one row, with tolerances for comparing
``[params]``       values that ``load`` receives; any JSON
``[data.NAME]``    where data came from; a sample is profiled, never fetched
``[environment]``  Python, variables, secret names, build policy
``[evaluate]``     offline metrics on validation data
``[budget]``       latency and memory the package promises to stay under
=================  ====================================================================

Reading never raises for what an author wrote: :func:`read_manifest` returns a manifest
together with every finding, and only a blocking finding makes the manifest ``None``.
The docstring of each key is the text an editor shows; :func:`editor_schema` prints it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ketch.errors import Finding, ManifestError, UsageError
from ketch.package.keys import (
    AMOUNT,
    ANYTHING,
    ENTRY_POINT,
    FLAG,
    TEXT,
    VARIABLE,
    Key,
    Table,
    either,
    list_of,
    table_of,
    text,
)
from ketch.package.names import PackageName, PackageVersion
from ketch.package.paths import check_path, printable
from ketch.schema import Field, Schema, parse_fields
from ketch.schema.parse import canonical_json, parse_json

_Name = TypeVar("_Name", PackageName, PackageVersion)

FORMAT_VERSION = "1"
"""Version of the package format (``docs/reference/format.md``), apart from the code's."""

FILE_NAME = "ketch.toml"

_ENTRY = text("a function as `module:function`", pattern=ENTRY_POINT)

PACKAGE = Table(
    "Who this package is and who answers for it.",
    (
        Key("name", TEXT, "Name: lowercase letters, digits, `.`, `_` and `-`.", required=True),
        Key("version", TEXT, 'Version such as "1.0.0"; it never changes meaning.', required=True),
        Key("owner", TEXT, "A person or team that answers for it.", required=True),
        Key("route", TEXT, "The name callers use; packages of one route can replace each other."),
        Key("description", TEXT, "One sentence for a new colleague."),
    ),
)
PIPELINE = Table(
    "The named functions a request passes through.",
    (
        Key("load", _ENTRY, "`load(model_dir, params) -> model`; left out when there is none."),
        Key(
            "takes",
            text(allowed=("records", "dataframe", "record")),
            "What the first step gets: a list of dicts, a pandas DataFrame, or one dict.",
        ),
        Key("steps", list_of(_ENTRY), "Each is `step(model, value) -> value`.", required=True),
        Key("include", list_of(TEXT), "Glob patterns of further files to ship beside the code."),
    ),
)
DATA = Table(
    "Where data came from, which version, and what it looked like.",
    (
        Key("source", TEXT, "Pointer such as an address; recorded, never fetched.", required=True),
        Key("version", TEXT, "Version or date of the data."),
        Key("sample", TEXT, "A Parquet, CSV or JSONL file in the folder, profiled at pack time."),
        Key("time_column", TEXT, "Column whose range dates the data."),
        Key("ship", FLAG, "Whether the sample travels inside the package."),
    ),
)
ENVIRONMENT = Table(
    "What the package runs in.",
    (
        Key(
            "python",
            text('a Python version such as "3.11"', pattern=r"3\.\d{1,2}(\.\d{1,2})?"),
            "Python version; `pack` pins the exact release.",
        ),
        Key("requirements", TEXT, "The requirements file, when the folder has more than one."),
        Key(
            "allow_source_builds",
            either(FLAG, list_of(TEXT)),
            "Whether libraries without a wheel may be built; `true` or their names.",
        ),
        Key(
            "variables",
            table_of(TEXT),
            "Environment variables the code runs with.",
        ),
        Key(
            "required",
            list_of(text("a variable name", pattern=VARIABLE)),
            "Variables that must be set where it runs.",
        ),
        Key(
            "secrets",
            list_of(text("a variable name", pattern=VARIABLE)),
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


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The functions a request passes through, as ``module:function``."""

    steps: tuple[str, ...]
    load: str | None = None
    takes: str = "records"
    include: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return what the worker needs to know."""
        return {"load": self.load, "takes": self.takes, "steps": list(self.steps)}


@dataclass(frozen=True, slots=True)
class DataDeclaration:
    """A data reference as its author wrote it; ``sample`` is a path in the folder."""

    name: str
    source: str
    version: str | None = None
    sample: str | None = None
    time_column: str | None = None
    ship: bool = False


@dataclass(frozen=True, slots=True)
class EnvironmentDeclaration:
    """What the package runs in; variable values are public, secrets are names."""

    python: str = "3.11"
    requirements: str | None = None
    allow_source_builds: bool | tuple[str, ...] = False
    variables: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    network: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """What a package promises to stay under."""

    latency_ms: float | None = None
    memory_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything a package declares."""

    name: PackageName
    version: PackageVersion
    owner: str
    pipeline: Pipeline
    schema: Schema
    route: str | None = None
    description: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    data: tuple[DataDeclaration, ...] = ()
    environment: EnvironmentDeclaration = field(default_factory=EnvironmentDeclaration)
    evaluate: str | None = None
    budget: Budget = field(default_factory=Budget)

    @property
    def entry_points(self) -> tuple[str, ...]:
        """Every ``module:function`` of the package's own code, each once."""
        named = [self.pipeline.load, *self.pipeline.steps, self.evaluate, *self.comparisons]
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def comparisons(self) -> tuple[str, ...]:
        """The package's own comparison functions, named by output fields."""
        named = (output.compare for output in self.schema.outputs)
        return tuple(dict.fromkeys(name for name in named if name and ":" in name))

    def identity_tables(self) -> dict[str, object]:
        """Return the tables that say who the package is and what it promises."""
        return {
            "package": _present(
                name=str(self.name),
                version=str(self.version),
                owner=self.owner,
                route=self.route,
                description=self.description or None,
            ),
            "evaluate": _present(run=self.evaluate) or None,
            "budget": _present(latency_ms=self.budget.latency_ms, memory_mb=self.budget.memory_mb),
        }

    def pipeline_table(self) -> dict[str, object]:
        """Return the table that says which functions run; globs are resolved by now."""
        return {"pipeline": _present(**self.pipeline.to_json())}

    def environment_table(self) -> dict[str, object]:
        """Return the table of the environment, without where its lock came from."""
        environment = self.environment
        builds = environment.allow_source_builds
        return {
            "environment": {
                "python": environment.python,
                "allow_source_builds": list(builds) if isinstance(builds, tuple) else builds,
                "variables": dict(environment.variables),
                "required": list(environment.required),
                "secrets": list(environment.secrets),
                "network": environment.network,
            }
        }

    def data_tables(self) -> dict[str, dict[str, object]]:
        """Return the data references by name."""
        return {
            data.name: _present(
                source=data.source,
                version=data.version,
                sample=data.sample,
                time_column=data.time_column,
                ship=data.ship,
            )
            for data in self.data
        }


def read_manifest(folder: Path) -> tuple[Manifest | None, tuple[Finding, ...]]:
    """Read ``ketch.toml`` of a package folder.

    Returns:
        The manifest, or ``None`` when a finding blocks; and every finding.
    """
    path = folder / FILE_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        hint = f"`ketch init {folder}` writes one"
        return None, (Finding("manifest/missing", f"no `{FILE_NAME}` here", str(folder), hint),)
    return parse_manifest_toml(content)


def parse_manifest_toml(content: bytes) -> tuple[Manifest | None, tuple[Finding, ...]]:
    """Read the bytes of a ``ketch.toml``; the same promises as :func:`read_manifest`."""
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as problem:
        # ValueError: not UTF-8, not TOML, or an integer of more digits than Python reads.
        return None, (Finding("manifest/toml", f"not readable as TOML: {problem}", FILE_NAME),)
    return _Reader(document).manifest()


def manifest_of(document: Mapping[str, object], schema: Schema) -> Manifest:
    """Return the manifest of a built package: the same tables, from its JSON files.

    Args:
        document: The tables of ``ketch/*.json``, merged.
        schema: What ``ketch/schema.json`` holds, where order matters.

    Raises:
        ManifestError: A table breaks the format; the findings say where.
    """
    manifest, findings = _Reader({**document, "inputs": {}, "outputs": {}}, schema).manifest()
    if manifest is None:
        raise ManifestError("expected the tables of a package", findings=findings)
    return manifest


def editor_schema() -> dict[str, object]:
    """Return the JSON Schema of ``ketch.toml``, generated from the tables above."""
    fields = {"type": "object", "additionalProperties": {"type": ["string", "object"]}}
    properties: dict[str, object] = {
        "package": PACKAGE.json_schema(),
        "pipeline": PIPELINE.json_schema(),
        "inputs": {**fields, "description": "The typed request: field name → type."},
        "outputs": {**fields, "description": "The typed answer: field name → type."},
        "params": {"type": "object", "description": "Values that `load` receives."},
        "data": {"type": "object", "additionalProperties": DATA.json_schema()},
        "environment": ENVIRONMENT.json_schema(),
        "evaluate": EVALUATE.json_schema(),
        "budget": BUDGET.json_schema(),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ketch.toml",
        "type": "object",
        "properties": properties,
        "required": ["package", "pipeline", "inputs", "outputs"],
        "additionalProperties": False,
    }


_TABLES = Table(
    "A package.",
    (
        Key("package", ANYTHING, "A package has a `[package]` table.", required=True),
        Key("pipeline", ANYTHING, "A package has a `[pipeline]` table.", required=True),
        Key("inputs", ANYTHING, "The typed request, one field a key.", required=True),
        Key("outputs", ANYTHING, "The typed answer, one field a key.", required=True),
        *(
            Key(name, ANYTHING, "")
            for name in ("params", "data", "environment", "evaluate", "budget")
        ),
    ),
)


class _Reader:
    """Reads one document, gathering findings as it goes."""

    def __init__(self, document: Mapping[str, object], schema: Schema | None = None) -> None:
        self.findings: list[Finding] = []
        self.schema = schema
        self.document = _TABLES.read(document, FILE_NAME, self.findings)

    def manifest(self) -> tuple[Manifest | None, tuple[Finding, ...]]:
        identity = self._table("package", PACKAGE)
        name = self._parsed(PackageName.parse, identity, "name")
        version = self._parsed(PackageVersion.parse, identity, "version")
        pipeline = self._pipeline()
        schema = self.schema or Schema(self._fields("inputs"), self._fields("outputs"))
        params, data, environment = self._params(), self._data(), self._environment()
        evaluate = self._table("evaluate", EVALUATE).get("run")
        budget = Budget(**self._table("budget", BUDGET))  # type: ignore[arg-type] # checked by AMOUNT
        findings = tuple(self.findings)
        if name is None or version is None or any(finding.blocks for finding in findings):
            return None, findings
        manifest = Manifest(
            name=name,
            version=version,
            owner=str(identity["owner"]),
            pipeline=pipeline,
            schema=schema,
            route=_optional_text(identity, "route"),
            description=str(identity.get("description", "")),
            params=params,
            data=data,
            environment=environment,
            evaluate=None if evaluate is None else str(evaluate),
            budget=budget,
        )
        return manifest, findings

    def _table(self, name: str, table: Table) -> dict[str, object]:
        body = self.document.get(name)
        return {} if body is None else table.read(body, f"{FILE_NAME}: {name}", self.findings)

    def _parsed(
        self, parse: Callable[[str], _Name], identity: Mapping[str, object], key: str
    ) -> _Name | None:
        if key not in identity:
            return None
        try:
            return parse(str(identity[key]))
        except UsageError as problem:
            where = f"{FILE_NAME}: package.{key}"
            self.findings.append(Finding(problem.code, problem.message, where, problem.hint))
            return None

    def _pipeline(self) -> Pipeline:
        table = self._table("pipeline", PIPELINE)
        if table.get("steps") == []:
            self._wrong("expected at least one step", "pipeline.steps")
        return Pipeline(
            steps=_texts(table, "steps"),
            load=_optional_text(table, "load"),
            takes=str(table.get("takes", "records")),
            include=_texts(table, "include"),
        )

    def _fields(self, name: str) -> tuple[Field, ...]:
        body = self.document.get(name)
        if body is None:
            return ()
        where = f"{FILE_NAME}: {name}"
        if not isinstance(body, Mapping):
            self._wrong("expected a table", name)
            return ()
        fields, findings = parse_fields(body, where)
        self.findings.extend(findings)
        if not fields and not findings:
            self._wrong("expected at least one field", name)
        return fields

    def _params(self) -> Mapping[str, object]:
        params = self.document.get("params", {})
        if not isinstance(params, dict):
            self._wrong("expected a table", "params")
            return {}
        try:
            parse_json(canonical_json(params))
        except (TypeError, ValueError, RecursionError, UsageError) as problem:
            self._wrong(f"expected values that JSON can hold: {problem}", "params")
            return {}
        return params

    def _data(self) -> tuple[DataDeclaration, ...]:
        body = self.document.get("data", {})
        if not isinstance(body, dict):
            self._wrong("expected tables such as `[data.training]`", "data")
            return ()
        found = []
        for name, table in body.items():
            if "/" in name or check_path(name):  # samples are shipped below `data/NAME/`
                message = f"expected a name such as `training`, found `{printable(name)}`"
                self._wrong(message, "data")
                continue
            values = DATA.read(table, f"{FILE_NAME}: data.{name}", self.findings)
            if values.get("ship") and "sample" not in values:
                self._wrong("expected a `sample` to ship", f"data.{name}")
            if "source" in values:
                found.append(DataDeclaration(name=name, **values))  # type: ignore[arg-type] # checked by DATA
        return tuple(found)

    def _environment(self) -> EnvironmentDeclaration:
        table = self._table("environment", ENVIRONMENT)
        declared = table.get("variables")
        variables = declared if isinstance(declared, dict) else {}
        for name in variables:
            if not re.fullmatch(VARIABLE, name):
                self._wrong("expected a variable name", f"environment.variables.{printable(name)}")
        for name in sorted({*variables} & {*_texts(table, "secrets")}):
            self._wrong(f"expected no value of the secret `{name}`", "environment.variables")
        builds = table.get("allow_source_builds", False)
        return EnvironmentDeclaration(
            python=str(table.get("python", "3.11")),
            requirements=_optional_text(table, "requirements"),
            allow_source_builds=tuple(builds) if isinstance(builds, list) else bool(builds),
            variables=variables,
            required=_texts(table, "required"),
            secrets=_texts(table, "secrets"),
            network=bool(table.get("network", False)),
        )

    def _wrong(self, message: str, path: str) -> None:
        self.findings.append(Finding("manifest/wrong-value", message, f"{FILE_NAME}: {path}"))


def _optional_text(table: Mapping[str, object], key: str) -> str | None:
    value = table.get(key)
    return None if value is None else str(value)


def _texts(table: Mapping[str, object], key: str) -> tuple[str, ...]:
    values = table.get(key, [])
    return tuple(str(value) for value in values) if isinstance(values, list) else ()


def _present(**values: object) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}
