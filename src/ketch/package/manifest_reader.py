"""Reading what a package declares: ``ketch.toml``, or the tables of a built package.

Reading never raises for what an author wrote: :func:`read_manifest` returns a manifest
together with every finding, and only a blocking finding makes the manifest ``None``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ketch.errors import Finding, ManifestError, UsageError
from ketch.files import read_file
from ketch.package import toml
from ketch.package.ketch_toml import (
    BUDGET,
    DATA,
    ENVIRONMENT,
    EVALUATE,
    PACKAGE,
    PIPELINE,
    TABLES,
)
from ketch.package.keys import Table
from ketch.package.kinds import wrong
from ketch.package.manifest import (
    FILE_NAME,
    Budget,
    DataDeclaration,
    EnvironmentDeclaration,
    Manifest,
    Pipeline,
)
from ketch.package.names import PackageName, PackageVersion
from ketch.package.paths import check_path, printable, unreadable
from ketch.schema import Field, Schema, parse_fields
from ketch.schema.parse import canonical_json, parse_json


def read_manifest(folder: Path) -> tuple[Manifest | None, tuple[Finding, ...]]:
    """Read ``ketch.toml`` of a package folder.

    Returns:
        The manifest, or ``None`` when a finding blocks; and every finding.
    """
    draft, findings = read_draft(folder)
    return (None if _blocked(findings) else draft), findings


def read_draft(folder: Path) -> tuple[Manifest | None, tuple[Finding, ...]]:
    """Read what can be read of ``ketch.toml``, so that the rest of a folder can be judged.

    Returns:
        A manifest in which whatever is wrong was left out, or ``None`` when the file is
        not there or is no TOML; and every finding.
    """
    path = folder / FILE_NAME
    try:
        content = read_file(path, most=toml.MAX_BYTES)
    except FileNotFoundError:
        hint = f"`ketch init {folder}` writes one"
        return None, (Finding("manifest/missing", f"no `{FILE_NAME}` here", str(folder), hint),)
    except OSError as problem:
        return None, (unreadable(FILE_NAME, problem),)
    return _parse_draft(content)


def parse_manifest_toml(content: bytes) -> tuple[Manifest | None, tuple[Finding, ...]]:
    """Read the bytes of a ``ketch.toml``; the same promises as :func:`read_manifest`."""
    draft, findings = _parse_draft(content)
    return (None if _blocked(findings) else draft), findings


def _parse_draft(content: bytes) -> tuple[Manifest | None, tuple[Finding, ...]]:
    try:
        document = toml.parse_toml(content)
    except ValueError as problem:
        message = f"not readable as TOML: {printable(str(problem))}"
        return None, (Finding("manifest/toml", message, FILE_NAME),)
    return _Reader(document).draft()


def manifest_of(
    document: Mapping[str, object], schema: Schema, files: Mapping[str, str]
) -> Manifest:
    """Return the manifest of a built package: the same tables, from its JSON files.

    Args:
        document: The tables of ``ketch/*.json``, merged.
        schema: What ``ketch/schema.json`` holds, where order matters.
        files: Table → file that holds it.

    Raises:
        ManifestError: A table breaks the format; the findings say where.
    """
    manifest, findings = _Reader(document, schema, files).draft()
    if _blocked(findings):
        raise ManifestError("expected the tables of a package", findings=findings)
    return manifest


_DOCUMENT = Table("A package.", TABLES)


class _Reader:
    """Reads one document, gathering findings as it goes."""

    def __init__(
        self,
        document: Mapping[str, object],
        schema: Schema | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.findings: list[Finding] = []
        self._schema = schema
        self._files = files or {}
        apart: dict[str, object] = {} if schema is None else {"inputs": {}, "outputs": {}}
        self._document = _DOCUMENT.read({**document, **apart}, FILE_NAME, self.findings)

    def draft(self) -> tuple[Manifest, tuple[Finding, ...]]:
        identity = self._table("package", PACKAGE)
        pipeline = self._table("pipeline", PIPELINE)
        schema = self._schema or Schema(self._fields("inputs"), self._fields("outputs"))
        for name, fields in (("inputs", schema.inputs), ("outputs", schema.outputs)):
            if self._schema and not fields:
                self._wrong("expected at least one field", name)
        params, data, environment = self._params(), self._data(), self._environment()
        evaluate = self._table("evaluate", EVALUATE)
        budget = self._table("budget", BUDGET)
        manifest = Manifest(
            name=PackageName(str(identity.get("name", "draft"))),
            version=PackageVersion(str(identity.get("version", "0"))),
            owner=str(identity.get("owner", "")),
            pipeline=Pipeline(
                steps=_texts(pipeline, "steps"),
                load=_optional_text(pipeline, "load"),
                takes=str(pipeline.get("takes", "records")),
                include=_texts(pipeline, "include"),
            ),
            schema=schema,
            route=_optional_text(identity, "route"),
            description=str(identity.get("description", "")),
            params=params,
            data=data,
            environment=environment,
            evaluate=_optional_text(evaluate, "run"),
            budget=Budget(**budget),  # type: ignore[arg-type] # checked by AMOUNT
        )
        return manifest, tuple(self.findings)

    def _at(self, path: str) -> str:
        return f"{self._files.get(path.partition('.')[0], FILE_NAME)}: {path}"

    def _table(self, name: str, table: Table) -> dict[str, object]:
        if name not in self._document:
            return {}
        return table.read(self._document[name], self._at(name), self.findings)

    def _fields(self, name: str) -> tuple[Field, ...]:
        body = self._document.get(name, {})
        if not isinstance(body, Mapping):
            self._wrong("expected a table", name)
            return ()
        fields, findings = parse_fields(body, self._at(name), answers=name == "outputs")
        self.findings.extend(findings)
        if not body and name in self._document:
            self._wrong("expected at least one field", name)
        return fields

    def _params(self) -> Mapping[str, object]:
        params = self._document.get("params", {})
        if not isinstance(params, dict):
            self._wrong("expected a table", "params")
            return {}
        try:
            parse_json(canonical_json({"params": params}))  # as the package will hold them
        except (TypeError, ValueError, RecursionError, UsageError) as problem:
            self._wrong(f"expected values that JSON can hold: {problem}", "params")
            return {}
        return params

    def _data(self) -> tuple[DataDeclaration, ...]:
        body = self._document.get("data", {})
        if not isinstance(body, dict):
            self._wrong("expected tables such as `[data.training]`", "data")
            return ()
        found = []
        for name, table in body.items():
            if "/" in name or check_path(name):  # samples are shipped below `data/NAME/`
                message = f"expected a name such as `training`, found `{printable(name)}`"
                self._wrong(message, "data")
                continue
            values = DATA.read(table, self._at(f"data.{name}"), self.findings)
            if values.get("ship") and "sample" not in values:
                self._wrong("expected a `sample` to ship", f"data.{name}")
            if "source" in values:
                found.append(DataDeclaration(name=name, **values))  # type: ignore[arg-type] # checked by DATA
        return tuple(found)

    def _environment(self) -> EnvironmentDeclaration:
        table = self._table("environment", ENVIRONMENT)
        declared = table.get("variables")
        variables = declared if isinstance(declared, dict) else {}
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
        self.findings.append(wrong(message, self._at(path)))


def _blocked(findings: Iterable[Finding]) -> bool:
    return any(finding.blocks for finding in findings)


def _optional_text(table: Mapping[str, object], key: str) -> str | None:
    value = table.get(key)
    return None if value is None else str(value)


def _texts(table: Mapping[str, object], key: str) -> tuple[str, ...]:
    values = table.get(key, [])
    return tuple(str(value) for value in values) if isinstance(values, list) else ()
