"""Where the guard leaves the last report of each route, for whoever shows it.

One small file a route, in ``guard/`` of the ketch home, replaced whole. What it says can be
counted again from the logs at any time, so nothing waits for it to be on the disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

FOLDER = "guard"
"""Of the ketch home."""

MOST_BYTES = 4 * 2**20
"""How large a report may be."""


def write_report(home: Path, route: str, report: Mapping[str, object]) -> None:
    """Leave the report of a route.

    Raises:
        OSError: The disk refuses; the report before it stays.
    """
    path = home / FOLDER / f"{route}.json"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(report), "utf-8")
    part.replace(path)
