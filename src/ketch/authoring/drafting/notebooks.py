"""Notebooks, where a trained model or rows are wanted: they hold neither."""

from __future__ import annotations

import re
from pathlib import Path

from ketch.errors import Finding

SUFFIX = ".ipynb"
START = (
    "start from the notebook, `ketch init --from NOTEBOOK.ipynb`: its functions come along, and "
    "the model that it saved"
)
_STARTS = re.compile(rb'\s*\{\s*"cells"\s*:')


def is_notebook(path: Path, head: bytes) -> bool:
    """Whether a file is a notebook, by its name or its first bytes."""
    return path.suffix.lower() == SUFFIX or _STARTS.match(head) is not None


def passed_over(path: str) -> Finding:
    """Return what to say of a notebook in a project."""
    message = "found a notebook, of which nothing was taken"
    return Finding("init/notebook", message, path, START, blocks=False)
