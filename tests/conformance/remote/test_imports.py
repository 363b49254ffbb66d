"""Libraries that speak to servers are imported in one place each."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ketch

ROOT = Path(ketch.__file__).parent
SOURCES = [path for path in sorted(ROOT.rglob("*.py")) if "templates" not in path.parts]


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize(
    ("library", "place"), [("httpx", "remote/wire.py"), ("obstore", "remote/bucket.py")]
)
def test_a_library_that_speaks_to_servers_has_one_door(library: str, place: str) -> None:
    found = [path for path in SOURCES if library in imported(path)]
    assert [path.relative_to(ROOT).as_posix() for path in found] == [place]
