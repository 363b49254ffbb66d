"""Notebooks, which hold neither a trained model nor rows; a person has to take them apart."""

from __future__ import annotations

import re
from pathlib import Path

from ketch.errors import Finding

SUFFIX = ".ipynb"
BY_HAND = (
    "move what happens to the data before `predict` into pipeline.py by hand: "
    "a notebook's own steps are not read"
)
_STARTS = re.compile(rb'\s*\{\s*"cells"\s*:')


def is_notebook(path: Path, head: bytes) -> bool:
    """Whether a file is a notebook, by its name or its first bytes."""
    return path.suffix.lower() == SUFFIX or _STARTS.match(head) is not None


def passed_over(path: str) -> Finding:
    """Return what to say of a notebook in a project."""
    message = "found a notebook, of which nothing was taken"
    return Finding("init/notebook", message, path, BY_HAND, blocks=False)
