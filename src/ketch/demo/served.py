"""The gateway of the demo: ``ketch serve``, as an engineer starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ketch.errors import Unavailable

LOG = "serve.log"


def variables(home: Path) -> Mapping[str, str]:
    """Return this process's environment variables, with the demo's own home and nobody else's."""
    foreign = {"KETCH_HUB", "KETCH_REGISTRY", "KETCH_TOKEN"}
    mine = {name: value for name, value in os.environ.items() if name not in foreign}
    return {**mine, "KETCH_HOME": str(home)}


@contextmanager
def serving(home: Path, folder: Path) -> Iterator[str]:
    """Yield the address of a gateway that follows the registry of a home.

    Args:
        home: The ketch home.
        folder: Where it writes its log.

    Raises:
        Unavailable: ``demo/serve``: it did not start.
    """
    command = [sys.executable, "-P", "-m", "ketch", "serve", "--port", "0", "--json"]
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            command, env=variables(home), stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise Unavailable(
                "expected the gateway to start, found that it ended",
                code="demo/serve",
                where=str(folder / LOG),
            )
        yield str(json.loads(line)["listening"])
    finally:
        process.terminate()
        process.communicate()
