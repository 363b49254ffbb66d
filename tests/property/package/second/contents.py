"""What the files of a package say: sentences 18 to 25 of the format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.property.package.second.layers import check_path, read_tar
from tests.property.package.second.profiles import check_profile
from tests.property.package.second.rules import TABLES, TYPES, is_valid
from tests.property.package.second.texts import DIGEST, Broken, read_json, require
from tests.property.package.second.types import check_type


def check_files(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Check what the files say; return who the package is."""
    identity = _tables(files, "package", may={"format", "evaluate", "budget"})
    names = ("pipeline", "params", "environment", "data")
    tables = identity | {k: v for name in names for k, v in _tables(files, name).items()}
    for name in tables.keys() - {"format"}:
        require(is_valid(TABLES["properties"][name], tables[name]), 19, tables[name])
    for name, data in tables["data"].items():
        require("/" not in check_path(name), 19, name)
        if data.get("ship"):
            require(f"data/{name}/{data['sample'].rpartition('/')[2]}" in files, 25, name)
    _check_schema(read_json(files["ketch/schema.json"]))
    _check_environment(tables["environment"])
    _check_lock(files["ketch/requirements.lock"], tables["environment"])
    _check_scenarios(files["ketch/scenarios.jsonl"])
    for line in _lines(files.get("ketch/traces.jsonl", b"")):
        check_trace(line)
    read_tar(files["code.tar"])
    return dict(tables["package"])


def _tables(files: Mapping[str, bytes], name: str, may: set[str] | None = None) -> dict[str, Any]:
    body = read_json(files[f"ketch/{name}.json"])
    require(isinstance(body, dict), 18, body)
    require(name != "package" or body.get("format") == "1", 18, body)
    require({name} <= body.keys() <= {name} | (may or set()), 18, sorted(body))
    if name == "data":
        require(isinstance(body["data"], dict), 19, body)
        require(all(isinstance(one, dict) for one in body["data"].values()), 19, body)
        for table in body["data"].values():
            if "profile" in table:
                check_profile(table.pop("profile"))
    return dict(body)


def _check_schema(body: Any) -> None:
    require(isinstance(body, dict) and body.keys() == {"inputs", "outputs"}, 20, body)
    for side, fields in body.items():
        require(isinstance(fields, list) and fields, 20, side)
        require(all(isinstance(field, dict) for field in fields), 20, side)
        require(all(isinstance(field.get("name"), str) for field in fields), 20, side)
        declared = {one["name"]: {k: v for k, v in one.items() if k != "name"} for one in fields}
        require(len(declared) == len(fields), 20, "a name twice")
        require(is_valid(TABLES["properties"][side], declared), 20, declared)
        for field in fields:
            if "fields" not in field:
                check_type(field["type"])


def _check_environment(table: dict[str, Any]) -> None:
    require(re.fullmatch(r"3\.[0-9]{1,2}\.[0-9]{1,2}", table.get("python", "")), 21, table)
    require(not set(table.get("variables", {})) & set(table.get("secrets", [])), 21, table)


_NUMBER = "(?:0|[1-9][0-9]*)"
_LOCAL = "(?:[a-z]|[0-9]*[a-z][a-z0-9]*|0|[1-9][0-9]*)"
_VERSION = (  # normalised, as PEP 440 has it in appendix B
    rf"(?:[1-9][0-9]*!)?{_NUMBER}(?:\.{_NUMBER})*(?:(?:a|b|rc){_NUMBER})?"
    rf"(?:\.post{_NUMBER})?(?:\.dev{_NUMBER})?(?:\+{_LOCAL}(?:\.{_LOCAL})*)?"
)
_LIBRARY = re.compile(
    rf"([a-z0-9]+(?:-[a-z0-9]+)*)==({_VERSION})(?: ; ([^\n\\#$]{{1,1000}}))? \\\n"
    r"((?:    --hash=sha256:[0-9a-f]{64} \\\n)*    --hash=sha256:[0-9a-f]{64}\n)"
)


def _check_lock(content: bytes, environment: dict[str, Any]) -> None:
    try:
        rest = content.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise Broken("sentence 22: not UTF-8") from problem
    for line in _lock_head(environment):
        require(rest.startswith(line), 22, line)
        rest = rest.removeprefix(line)
    listed = []
    while rest:
        found = _LIBRARY.match(rest)
        require(found, 22, rest)
        name, version, marker, hashes = found.groups() if found else ("", "", "", "")
        each = re.findall("[0-9a-f]{64}", hashes)
        require(each == sorted(set(each)), 22, rest)
        listed.append((name, version, marker or ""))
        rest = rest[found.end() if found else 0 :]
    require(listed == sorted(set(listed)), 22, listed)


def _lock_head(environment: dict[str, Any]) -> Iterator[str]:
    yield "# ketch lock 1\n"
    yield f"# python {environment['python']}\n"
    builds = environment.get("allow_source_builds")
    if isinstance(builds, list) and builds:
        normal = sorted({re.sub("[-_.]+", "-", one).lower() for one in builds})
        yield f"# source-builds {', '.join(normal)}\n"
    elif builds:
        yield "# source-builds all\n"


def _lines(content: bytes) -> Iterator[Any]:
    return (read_json(line) for line in content.split(b"\n") if line.strip())


_ONE_LINE = TABLES["properties"]["package"]["properties"]["owner"]


def _check_scenarios(content: bytes) -> None:
    names = set()
    for body in _lines(content):
        members = {"name", "inputs", "expected", "expected_error", "description", "draft"}
        require(isinstance(body, dict) and body.keys() <= members, 23, body)
        name, error = body.get("name"), body.get("expected_error", "text")
        require(is_valid(_ONE_LINE, name) and len(name) <= 200 and name not in names, 23, name)
        names.add(name)
        require(len(names) <= 10_000, 23, len(names))
        require(("expected" in body) != ("expected_error" in body), 23, name)
        require(isinstance(error, str) and error, 23, name)
        for rows in (body.get("inputs"), body.get("expected", {})):
            listed = [rows] if isinstance(rows, dict) else rows
            require(isinstance(listed, list) and listed, 23, name)
            require(all(isinstance(row, dict) for row in listed), 23, name)
        require(isinstance(body.get("description", ""), str), 23, name)
        require(isinstance(body.get("draft", False), bool), 23, name)


def check_trace(body: Any) -> None:
    require(isinstance(body, dict) and isinstance(body.get("scenario"), str), 24, body)
    require(DIGEST.fullmatch(str(body.get("inputs"))), 24, body)
    require(isinstance(body.get("steps"), list), 24, body)
    for step in body["steps"]:
        require(isinstance(step, dict) and isinstance(step.get("step"), str), 24, step)
        require(_is_count(step.get("rows")) and isinstance(step.get("fields"), list), 24, step)
        for field in step["fields"]:
            _check_field(field)


def _check_field(body: Any) -> None:
    require(isinstance(body, dict), 24, body)
    for key in ("name", "dtype", "count", "nulls", "digest", "min", "max", "mean", "head"):
        require(key in body, 24, body)
    require(isinstance(body["name"], str) and isinstance(body["dtype"], str), 24, body)
    require(_is_count(body["count"]) and _is_count(body["nulls"]), 24, body)
    require(body["digest"] is None or isinstance(body["digest"], str), 24, body)
    for value in (body["min"], body["max"], body["mean"]):
        require(value is None or isinstance(value, str) or TYPES["number"](value), 24, body)
    require(isinstance(body["head"], list), 24, body)


def _is_count(value: Any) -> bool:
    return TYPES["integer"](value) and bool(value >= 0)
