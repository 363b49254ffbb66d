"""The files that drafts are made of: readable, with ``$names`` where something is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

FOLDER = Path(__file__).parent.parent / "templates"


def filled(name: str, values: Mapping[str, str]) -> str:
    """Return a template with its placeholders filled in; none may be left over."""
    return Template((FOLDER / name).read_text("utf-8")).substitute(values)


def below(name: str) -> dict[str, Path]:
    """Return every file of a template folder by its path inside it."""
    root = FOLDER / name
    paths = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {
        path.relative_to(root).as_posix(): path for path in paths if "__pycache__" not in path.parts
    }
