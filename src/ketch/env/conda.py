"""The pip part of a conda environment file, and the Python it asks for.

ketch builds environments from wheels with uv, so what only conda installs is a finding.
https://docs.conda.io/projects/conda/en/latest/user-guide/tasks/manage-environments.html
"""

import re
import reprlib
from pathlib import Path

import yaml

from ketch.env.lines import Gathered, LineReader, read_text
from ketch.package.paths import printable

# conda needs them to install the pip part; an environment of ketch does not.
_TOOLS = frozenset({"pip", "setuptools", "wheel", "uv"})
_SPEC = re.compile(r"(?:[\w.-]+::)?(?P<name>[A-Za-z0-9_.-]+)\s*(?P<version>[=<>!~].*|\s[\d*].*)?")
_EXACT = re.compile(r"={1,2}\s*(?P<python>3\.\d{1,2}(\.\d{1,2})?)(\.\*)?(=.*)?", re.ASCII)


def read_conda(root: Path, name: str, gathered: Gathered) -> str | None:
    """Read a conda environment file; return the Python it asks for, when it says one."""
    text = read_text(root / name, name, gathered)
    if text is None:
        return None
    gathered.files.append(name)
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        # ValueError: a date that is none, or more digits than Python reads.
        message = f"expected YAML: {' '.join(str(error).split())[:200]}"
        gathered.find("env/unreadable-file", message, name)
        return None
    entries = content.get("dependencies", []) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        gathered.find("env/unreadable-file", "expected a list of `dependencies`", name)
        return None
    return _read_entries(root, name, entries, gathered)


def _read_entries(root: Path, name: str, entries: list[object], gathered: Gathered) -> str | None:
    python = None
    for index, entry in enumerate(entries):
        where = f"{name}: dependencies[{index}]"
        if isinstance(entry, str):
            python = _read_spec(entry, where, gathered) or python
        elif isinstance(entry, dict) and list(entry) == ["pip"] and isinstance(entry["pip"], list):
            _read_pip(root, entry["pip"], f"{where}.pip", gathered)
        else:
            message = f"expected a name or a `pip` list, found `{_shown(entry)}`"
            gathered.find("env/bad-requirement", message, where)
    return python


def _read_pip(root: Path, lines: list[object], where: str, gathered: Gathered) -> None:
    reader = LineReader(root, gathered)
    for index, line in enumerate(lines):
        if isinstance(line, str) and "\n" not in line:
            reader.read_line(line.strip(), root, f"{where}[{index}]")
        else:
            message = f"expected a requirement, found `{_shown(line)}`"
            gathered.find("env/bad-requirement", message, f"{where}[{index}]")


def _read_spec(spec: str, where: str, gathered: Gathered) -> str | None:
    """Read what conda itself installs; return the Python version if that is what it is."""
    match = _SPEC.fullmatch(spec.strip())
    name = match["name"].lower() if match else spec
    if name in _TOOLS:
        return None
    if match is None or name != "python":
        message = f"expected a distribution uv can install, found `{spec}` for conda"
        gathered.find("env/conda-only", message, where, _conda_hint(name, match))
        return None
    exact = _EXACT.fullmatch((match["version"] or "").strip())
    if exact is None:
        message = f"expected a Python such as `python=3.11`, found `{spec}`"
        gathered.find("env/python-request", message, where)
        return None
    return exact["python"]


def _shown(value: object) -> str:
    """Return a value in short; written out, aliases of aliases are billions of items."""
    try:
        return printable(reprlib.repr(value), 80)
    except ValueError:  # more digits than Python writes
        return "an endless number"


def _conda_hint(name: str, match: re.Match[str] | None) -> str:
    version = (
        re.fullmatch(r"={1,2}([\w.]+)(=.*)?", (match["version"] or "").strip()) if match else None
    )
    wanted = f"{name}=={version[1]}" if version else name
    return f"list `{wanted}` under `pip:` if it is on the package index; only wheels can be had"
