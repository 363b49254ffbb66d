"""Package folders for the tests of authoring, from :mod:`tests.conftest`'s writer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PIPELINE = """\
import json
from pathlib import Path


def load(model_dir, params):
    return json.loads((Path(model_dir) / "factor.json").read_text())


def double(model, rows):
    return [{"twice": model * row["size"]} for row in rows]
"""


@pytest.fixture
def shop(tmp_path: Path, author: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a package that doubles a number: ``shop(name="shop", more="[budget]…")``."""

    def write(pipeline: str = PIPELINE, **changes: Any) -> Path:
        files = {"model/factor.json": "2", **changes.pop("files", {})}
        folder = changes.pop("folder", "shop")
        declared: dict[str, Any] = {
            "inputs": 'size = "float64"',
            "outputs": 'twice = "float64"',
            "scenarios": [{"inputs": {"size": 3}, "expected": {"twice": 6}}],
            "steps": ["pipeline:double"],
            **changes,
        }
        written = author(tmp_path / folder, pipeline, files=files, **declared)
        toml = written / "ketch.toml"
        toml.write_text(
            toml.read_text().replace("[pipeline]\n", '[pipeline]\nload = "pipeline:load"\n')
        )
        return written

    return write
