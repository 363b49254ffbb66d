"""Scenarios: inputs with the outputs, or the error, that a package promises.

A scenario lives in the ``scenarios/`` folder in one of three forms:

* ``*.json``: one object ``{"name", "inputs", "expected"}``; ``inputs`` and
  ``expected`` are one row or a list of rows, and ``expected_error`` may stand in
  place of ``expected``.
* ``*.jsonl``: one such object a line.
* ``NAME.csv`` with ``NAME.expected.csv``: the columns are the fields.

``"draft": true`` marks a scenario that a program recorded and no person has
confirmed yet. Inside a package there is one canonical JSON object a line.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ketch.errors import Finding, ManifestError, UsageError
from ketch.files import read_file
from ketch.package.digest import Digest
from ketch.package.paths import printable, unreadable
from ketch.schema import Field, Row, Schema, read_text_rows
from ketch.schema.lines import WORDS_PATTERN
from ketch.schema.parse import canonical_json, parse_json

FOLDER = "scenarios"
TRACES_FILE = "traces.jsonl"
EXPECTED_SUFFIX = ".expected.csv"
MAX_FILE_BYTES = 64 * 1024 * 1024
MOST_SCENARIOS = 10_000
"""Each of them is run; rows without end belong into one scenario, or into data."""

Rows = tuple[Row, ...]

_MEMBERS = {"name", "inputs", "expected", "expected_error", "draft", "description"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """An input with its expected output, or expected error.

    Attributes:
        name: Unique among the scenarios of a package.
        inputs: The rows sent, in JSON form, not yet checked against the schema:
            a scenario may promise that a wrong input is refused.
        expected: The rows expected, or ``None`` when an error is expected.
        expected_error: An error code, or text the error must contain.
        single: Whether the author wrote one object rather than a list.
        draft: Whether nobody has confirmed what a program recorded.
        source: The file it came from, for messages; not part of the package.
    """

    name: str
    inputs: Rows
    expected: Rows | None = None
    expected_error: str | None = None
    single: bool = False
    draft: bool = False
    description: str = ""
    source: str = ""

    @property
    def inputs_digest(self) -> Digest:
        """The digest of the inputs: the same question asked of two packages."""
        return Digest.of(canonical_json(list(self.inputs)))

    def to_json(self) -> dict[str, object]:
        """Return the authored form, without empty members."""
        body: dict[str, object] = {"name": self.name}
        if self.description:
            body["description"] = self.description
        if self.draft:
            body["draft"] = True
        body["inputs"] = dict(self.inputs[0]) if self.single else [dict(row) for row in self.inputs]
        if self.expected is not None:
            rows = [dict(row) for row in self.expected]
            body["expected"] = rows[0] if self.single and len(rows) == 1 else rows
        if self.expected_error is not None:
            body["expected_error"] = self.expected_error
        return body

    @classmethod
    def from_json(cls, body: object, *, source: str) -> Self:
        """Read one scenario; ``Scenario.from_json(s.to_json(), …) == s`` but for the source.

        Raises:
            ManifestError: A member is missing, unknown or of the wrong type.
        """
        if not isinstance(body, dict):
            raise _wrong("expected an object with `name`, `inputs` and `expected`", source)
        unknown = set(body) - _MEMBERS
        if unknown:
            raise _wrong(f"unknown member `{printable(min(unknown))}`", source)
        name, draft = body.get("name"), body.get("draft", False)
        if not isinstance(name, str) or len(name) > 200 or not re.fullmatch(WORDS_PATTERN, name):
            raise _wrong("expected a `name` of one line, 1 to 200 characters", source)
        if not isinstance(draft, bool):
            raise _wrong("expected true or false for `draft`", source)
        description = body.get("description", "")
        if not isinstance(description, str):
            raise _wrong("expected text for `description`", source)
        error = body.get("expected_error", ...)
        if error is not ... and (not isinstance(error, str) or not error):
            raise _wrong("expected text for `expected_error`", source)
        if error is not ... and "expected" in body:
            raise _wrong("expected `expected` or `expected_error`, found both", source)
        return cls(
            name=name,
            inputs=_rows(body.get("inputs"), "inputs", source),
            expected=_rows(body["expected"], "expected", source) if "expected" in body else None,
            expected_error=None if error is ... else error,
            single=isinstance(body.get("inputs"), dict),
            draft=draft,
            description=description,
            source=source,
        )


def read_scenarios(
    folder: Path, schema: Schema
) -> tuple[tuple[Scenario, ...], tuple[Finding, ...]]:
    """Read every scenario of a package folder, in the order of their files' names.

    Args:
        folder: The package folder; its ``scenarios/`` folder is read.
        schema: Types the cells of CSV files.

    Returns:
        The scenarios that could be read, and every finding.
    """
    scenarios: list[Scenario] = []
    findings: list[Finding] = []
    paths = sorted((folder / FOLDER).glob("*"))
    if len(paths) > MOST_SCENARIOS:
        message = f"expected at most {MOST_SCENARIOS} files, found {len(paths)}"
        findings.append(Finding("scenario/unreadable", message, f"{FOLDER}/"))
    for path in paths[:MOST_SCENARIOS]:
        if path.name == TRACES_FILE or not path.is_file() or path.name.startswith("."):
            continue
        try:
            scenarios.extend(_read_file(path, schema))
        except (ManifestError, UsageError) as problem:
            where = problem.where or f"{FOLDER}/{path.name}"
            findings.append(Finding("scenario/unreadable", problem.message, where, problem.hint))
            findings.extend(problem.findings)
        except OSError as problem:
            findings.append(unreadable(f"{FOLDER}/{path.name}", problem))
    findings.extend(_check(scenarios))
    return tuple(scenarios), tuple(findings)


def dump_scenarios(scenarios: Sequence[Scenario]) -> bytes:
    """Return the canonical form inside a package: one object a line, sorted by name."""
    ordered = sorted(scenarios, key=lambda scenario: scenario.name)
    return b"".join(canonical_json(scenario.to_json()) + b"\n" for scenario in ordered)


def load_scenarios(content: bytes) -> tuple[Scenario, ...]:
    """Read the form that :func:`dump_scenarios` writes.

    Raises:
        ManifestError: A line is no scenario, promises nothing, or has a name again.
    """
    scenarios = tuple(_from_lines(content, "scenarios.jsonl"))
    seen: set[str] = set()
    for scenario in scenarios:
        if scenario.name in seen:
            raise _wrong(f"expected one scenario `{scenario.name}`, found two", scenario.source)
        if scenario.expected is None and scenario.expected_error is None:
            raise _wrong(f"scenario `{scenario.name}` expects nothing", scenario.source)
        seen.add(scenario.name)
    return scenarios


def _read_file(path: Path, schema: Schema) -> Iterator[Scenario]:
    where = f"{FOLDER}/{path.name}"
    if path.name.endswith(EXPECTED_SUFFIX):
        if not path.with_name(path.name.removesuffix(EXPECTED_SUFFIX) + ".csv").exists():
            raise _wrong("expected the inputs beside it, in a `.csv` of the same name", where)
        return iter(())
    if path.suffix == ".json":
        return iter([Scenario.from_json(_json(_content(path), where), source=where)])
    if path.suffix == ".jsonl":
        return _from_lines(_content(path), where)
    if path.suffix == ".csv":
        return iter([_from_csv(path, schema, where)])
    raise _wrong("expected a `.json`, `.jsonl` or `.csv` file", where)


def _content(path: Path) -> bytes:
    return read_file(path, most=MAX_FILE_BYTES)


def _from_lines(content: bytes, where: str) -> Iterator[Scenario]:
    count = 0
    for number, line in enumerate(io.BytesIO(content), 1):
        if line.strip():
            source = f"{where}:{number}"
            count += 1
            if count > MOST_SCENARIOS:
                raise _wrong(f"expected at most {MOST_SCENARIOS} scenarios, found more", source)
            yield Scenario.from_json(_json(line, source), source=source)


def _from_csv(path: Path, schema: Schema, where: str) -> Scenario:
    expected = path.with_name(path.stem + EXPECTED_SUFFIX)
    body: dict[str, object] = {
        "name": path.stem,
        "inputs": _csv_rows(path, schema.inputs, where),
    }
    if expected.exists():
        body["expected"] = _csv_rows(expected, schema.outputs, f"{FOLDER}/{expected.name}")
    return Scenario.from_json(body, source=where)


def _csv_rows(path: Path, fields: Sequence[Field], where: str) -> list[Row]:
    try:
        reader = csv.DictReader(io.StringIO(_content(path).decode("utf-8-sig")), strict=True)
        cells, columns = list(reader), reader.fieldnames or ()
    except (UnicodeDecodeError, csv.Error) as problem:
        raise _wrong(f"expected CSV in UTF-8, found otherwise: {problem}", where) from problem
    twice = sorted(name for name, count in Counter(columns).items() if count > 1)
    if twice:
        raise _wrong(f"expected each column once, found `{printable(twice[0])}` twice", where)
    rows, findings = read_text_rows(fields, cells)
    if findings:
        raise ManifestError(
            "expected cells of the field's type",
            where=where,
            findings=[replace(finding, where=f"{where}: {finding.where}") for finding in findings],
        )
    return rows


def _check(scenarios: Sequence[Scenario]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for scenario in scenarios:
        if scenario.name in seen:
            other = seen[scenario.name]
            message = f"expected one scenario `{scenario.name}`, found another in {other}"
            yield Finding("scenario/duplicate-name", message, scenario.source)
        seen[scenario.name] = scenario.source
        if scenario.expected is None and scenario.expected_error is None:
            yield Finding(
                "scenario/no-expectation",
                f"scenario `{scenario.name}` expects nothing",
                scenario.source,
                "`ketch record` writes what the package answers now; look at it before you pack",
            )
        if scenario.draft:
            yield Finding(
                "scenario/draft",
                f"scenario `{scenario.name}` is a draft that nobody has confirmed",
                scenario.source,
                "look at its `expected`, then run `ketch record --confirm`",
            )


def _rows(value: object, member: str, source: str) -> Rows:
    rows = [value] if isinstance(value, dict) else value
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise _wrong(f"expected `{member}` as an object or a list of objects", source)
    return tuple(rows)


def _json(content: bytes, where: str) -> object:
    try:
        return parse_json(content, max_bytes=MAX_FILE_BYTES)
    except UsageError as problem:
        raise _wrong(problem.message, where) from problem


def _wrong(message: str, where: str) -> ManifestError:
    return ManifestError(message, code="scenario/unreadable", where=where)
