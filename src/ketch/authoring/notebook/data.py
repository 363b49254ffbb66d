"""The tables ``[data.NAME]`` of a package, from what a notebook hands over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ketch.authoring.notebook.model_files import plain_name
from ketch.errors import Finding, NotFound, UsageError

Tables = dict[str, dict[str, object]]


def data_tables(
    data: Mapping[str, Any], room: Path
) -> tuple[Tables, dict[str, Path], tuple[Finding, ...]]:
    """Return the tables, the samples to copy by path in the folder, and what to decide.

    Args:
        data: Name → a file, a DataFrame, or the keys of ``[data.NAME]``.
        room: Where to write a DataFrame.

    Raises:
        NotFound: There is no such file.
        UsageError: ``init/notebook-data``: it is something else.
    """
    tables: Tables = {}
    files: dict[str, Path] = {}
    findings: list[Finding] = []
    for name, value in data.items():
        if isinstance(value, Mapping):
            tables[name] = dict(value)
            sample = value.get("sample")
            if sample is None:
                continue
            path, tables[name]["sample"] = _file(Path(sample)), f"data/{Path(sample).name}"
        else:
            path = _written(name, value, room)
            sample = f"data/{plain_name(path.name)}"
            tables[name] = {"source": f"file:{plain_name(path.name)}", "sample": sample}
            findings.append(_source(name))
        files[str(tables[name]["sample"])] = path
    return tables, files, tuple(findings)


def _written(name: str, value: Any, room: Path) -> Path:
    if isinstance(value, (str, Path)):
        return _file(Path(value))
    path = room / f"{plain_name(name)}.csv"
    if hasattr(value, "to_csv"):
        value.to_csv(path, index=False)
    elif hasattr(value, "write_csv"):
        value.write_csv(path)
    else:
        raise UsageError(
            f"expected a file, a DataFrame or keys of `[data.{name}]`, found "
            f"`{type(value).__name__}`",
            code="init/notebook-data",
            where="data",
        )
    return path


def _file(path: Path) -> Path:
    if not path.is_file():
        raise NotFound(f"no file `{path}`", code="init/no-source", where=str(path))
    return path


def _source(name: str) -> Finding:
    return Finding(
        "init/notebook-source",
        f"nobody said where the data `{name}` came from",
        f"ketch.toml: data.{name}.source",
        "write an address or a place, and a `version`",
        blocks=False,
    )
