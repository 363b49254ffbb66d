"""Resolving for every platform, and for one Python.

``uv pip compile --universal`` means every later Python as well, so that pins which are
right for the Python of a package are refused for the sake of one it never runs on. The
setting that says otherwise, ``tool.uv.environments``, is not read where ``UV_CONFIG_FILE``
or ``UV_NO_CONFIG`` is set. What is asked for can say it: everything holds up to the next
Python only, and from there on an empty project stands in its place. uv then
`forks <https://docs.astral.sh/uv/reference/internals/resolver/#forking>`_ at that Python,
and has nothing to do beyond it.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement

LATER = "ketch-later-pythons"
"""The empty project; no one else's distribution has this name, and uv is told to leave it out."""

_OF_PYTHON = re.compile(r"python_(?:full_)?version (?:not in|in|[<>=!~]{1,3}) '[^']*'")


def for_one_python(lines: Iterable[str], python: str, folder: Path) -> list[str]:
    """Return requirements that ask for nothing on the Pythons after this one.

    Args:
        lines: Requirements as PEP 508 writes them.
        python: The Python, such as ``3.11.7``.
        folder: Where the empty project is written.
    """
    major, minor = python.split(".")[:2]
    later = f"{major}.{int(minor) + 1}"
    (folder / LATER).mkdir()
    # Nothing in it is dynamic, so that uv reads it and builds nothing.
    text = f'[project]\nname = "{LATER}"\nversion = "0"\n'
    (folder / LATER / "pyproject.toml").write_text(text, "utf-8")
    empty = f"{LATER} @ {(folder / LATER).as_uri()} ; python_full_version >= '{later}'"
    return [*(_before(line, later) for line in lines), empty]


def _before(line: str, later: str) -> str:
    requirement = Requirement(line)
    limit = f"python_full_version < '{later}'"
    own = requirement.marker
    requirement.marker = Marker(limit if own is None else f"({own}) and {limit}")
    return str(requirement)


def without_python(marker: str, python: str) -> str:
    """Return what a marker still says once the Python is known; empty is everywhere.

    Args:
        marker: As PEP 508 writes it, with values in single quotes; it may not be one that
            never holds on this Python.
        python: The Python, such as ``3.11.7``.

    >>> without_python("python_full_version < '3.12' and sys_platform == 'win32'", "3.11.7")
    "sys_platform == 'win32'"
    """
    return "" if (left := _left(marker, python)) is True else left or marker


def _left(text: str, python: str) -> str | bool:
    """Return what is left of an expression: some text, or whether it holds."""
    for word, settles in ((" or ", True), (" and ", False)):
        parts = _split(text, word)
        if len(parts) > 1:
            lefts = dict.fromkeys(_left(part, python) for part in parts)
            lefts.pop(not settles, None)
            if settles in lefts or not lefts:
                return settles if settles in lefts else not settles
            return word.join(_grouped(str(one)) if len(lefts) > 1 else str(one) for one in lefts)
    if text.startswith("("):
        return _left(text[1:-1], python)
    if _OF_PYTHON.fullmatch(text):
        known = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
        return Marker(text).evaluate(known)
    return text


def _grouped(text: str) -> str:
    return f"({text})" if " and " in text or " or " in text else text


def _split(text: str, word: str) -> list[str]:
    """Split an expression at a word, but not inside its parentheses or quotes."""
    depth, quoted, start, parts = 0, False, 0, list[str]()
    for at, letter in enumerate(text):
        quoted ^= letter == "'"
        depth += 0 if quoted else (letter == "(") - (letter == ")")
        if depth == 0 and not quoted and text.startswith(word, at):
            parts.append(text[start:at])
            start = at + len(word)
    return [*parts, text[start:]]
