"""The code cells of a notebook, as plain Python.

nbformat 4 (and 3), https://nbformat.readthedocs.io/en/latest/format_description.html;
only the source is read, never what the cells printed.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from ketch.authoring.notebook.scripts import script_cells
from ketch.errors import Finding, UsageError
from ketch.files import read_file

SCRIPT = ".py"
MOST_BYTES = 256 << 20
"""The largest notebook: what cells printed, plots above all, is most of it."""

_MAGIC = re.compile(r"^\s*(?:%(?!%)|!)|^\s*[\w, ]+=\s*[%!](?!=)|^[^#\s(]*\?\??\s*$|^\s*\?\??\w")
_TIMED = re.compile(r"^(\s*)%(?:time|prun|memit)\s+(?:-\S+\s+)*(?=[^-\s])")
_INSTALL = re.compile(r"(?:^|\s)(?:pip3?|conda|mamba|uv pip)\s+install\s+(.+)")
_KEPT_CELLS = frozenset(["time", "capture", "prun", "memit"])


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of code.

    Attributes:
        number: Its place among all cells, from 1.
        source: Plain Python, line by line as it was; magics are blank lines.
        count: When it ran last, as the notebook recorded it.
        tree: Its syntax tree; None where it is no Python.
        where: How a person finds it.
    """

    number: int
    source: str
    count: int | None = None
    tree: ast.Module | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class Cells:
    """The code of a notebook, in the order in which it is to be understood.

    Attributes:
        cells: The cells with code.
        installs: What cells install, as requirement lines.
        findings: What is odd about it.
    """

    cells: tuple[Cell, ...]
    installs: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(default=())


def read_cells(path: Path) -> Cells:
    """Read a notebook's code; nothing in it is run.

    Raises:
        UsageError: ``init/notebook-unreadable``: it is broken, or not in Python.
    """
    if path.suffix == SCRIPT:
        try:
            return cells_of(script_cells(read_file(path, most=MOST_BYTES).decode()))
        except (OSError, ValueError) as problem:
            message = f"expected Python in UTF-8: {problem}"[:300]
            raise _unreadable(path, message) from problem
    try:
        body = json.loads(read_file(path, most=MOST_BYTES))
    except (OSError, ValueError, RecursionError) as problem:
        raise _unreadable(path, f"expected a notebook (nbformat 4): {problem}"[:300]) from problem
    listed = _listed(body)
    if listed is None:
        raise _unreadable(path, "expected a notebook (nbformat 4), found other JSON")
    language = _language(body)
    if language not in ("", "python", "python3", "ipython"):
        raise _unreadable(path, f"expected a notebook in Python, found one in `{language[:40]}`")
    sources = [
        (number, _text(cell.get("source", cell.get("input"))), cell.get("execution_count"))
        for number, cell in enumerate(listed, 1)
        if isinstance(cell, dict) and cell.get("cell_type") == "code"
    ]
    return cells_of(sources)


def cells_of(sources: Iterable[tuple[int, str, object]], where: str = "cell {}") -> Cells:
    """Return cells of code from their numbers, texts and execution counts.

    Args:
        sources: The cells.
        where: How a person finds one, ``{}`` for its number.
    """
    cells: list[Cell] = []
    installs: list[str] = []
    findings: list[Finding] = []
    for number, text, count in sources:
        source = plain_python(text, installs)
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError) as problem:
            findings.append(_no_python(where.format(number), problem))
            continue
        when = count if type(count) is int else None
        cells.append(Cell(number, source, when, tree, where.format(number)))
    findings.extend(_out_of_order(cells))
    return Cells(tuple(cells), tuple(dict.fromkeys(installs)), tuple(findings))


def plain_python(text: str, installs: list[str] | None = None) -> str:
    r"""Return a cell without what only IPython understands; its lines keep their numbers.

    >>> plain_python("%matplotlib inline\nx = 1\n!pip install lightgbm")
    '\nx = 1\n'
    """
    lines = text.replace("\r\n", "\n").split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%"):
        if first[2:].split()[:1] and first[2:].split()[0] not in _KEPT_CELLS:
            return "\n" * text.count("\n")
        lines[[line.strip() for line in lines].index(first)] = ""
    kept = []
    for line in lines:
        found = _INSTALL.search(line) if _MAGIC.match(line) else None
        if found and installs is not None:
            installs.extend(_requirements(found[1]))
        timed = _TIMED.sub(r"\1", line)
        kept.append("" if timed == line and _MAGIC.match(line) and not _parses(text) else timed)
    return "\n".join(kept)


def _parses(text: str) -> bool:
    """Whether a cell is Python as it stands: a `%` may be arithmetic over two lines."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _requirements(text: str) -> Iterator[str]:
    for word in text.partition("#")[0].split():
        plain = word.strip("\"'")
        if re.match(r"[A-Za-z0-9][\w.-]*(\[[\w,-]+\])?([=<>!~]=?.*)?$", plain):
            yield plain


def _out_of_order(cells: Sequence[Cell]) -> Iterator[Finding]:
    ran = [cell for cell in cells if cell.count is not None]
    late = [cell for one, cell in pairwise(ran) if (cell.count or 0) < (one.count or 0)]
    if late:
        named = ", ".join(str(cell.number) for cell in late[:5])
        yield Finding(
            "init/notebook-order",
            f"cells ran in another order than they stand in (from cell {named}); they are read "
            "as they stand",
            late[0].where,
            "restart the kernel, run all cells, and compare the answers",
            blocks=False,
        )


def _no_python(where: str, problem: Exception) -> Finding:
    at = f", line {problem.lineno}" if isinstance(problem, SyntaxError) else ""
    return Finding(
        "init/notebook-cell",
        f"expected Python, found something else: {problem}; the cell is left out",
        f"{where}{at}",
        blocks=False,
    )


def _listed(body: object) -> list[object] | None:
    if not isinstance(body, dict):
        return None
    if isinstance(sheets := body.get("worksheets"), list):  # nbformat 3
        parts = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
        return [cell for part in parts if isinstance(part, list) for cell in part]
    found = body.get("cells")
    return found if isinstance(found, list) else None


def _language(body: dict[str, object]) -> str:
    metadata = body.get("metadata")
    for part in ("kernelspec", "language_info"):
        about = metadata.get(part) if isinstance(metadata, dict) else None
        named = about.get("language", about.get("name")) if isinstance(about, dict) else None
        if isinstance(named, str):
            return named.lower()
    return ""


def _text(source: object) -> str:
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _unreadable(path: Path, message: str) -> UsageError:
    return UsageError(message, code="init/notebook-unreadable", where=str(path))
