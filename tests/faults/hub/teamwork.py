"""The command whose faults are tried: a hub in ``FOLDER/hub``, and somebody who works with it.

    teamwork.py FOLDER VERB [ARGUMENT…]

It starts the hub, runs ``ketch VERB`` with it, and ends the hub. Its status is that of the
verb, or :data:`KILLED` when one of the two was killed on its own. Standard library only: it
changes nothing itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

KETCH = Path(sys.executable).with_name("ketch")
KILLED = 137
GOODBYE_S = 30


def main(folder: Path, verb: list[str]) -> int:
    """Run a verb of ketch with a hub; return its status."""
    home = folder / "hub"
    command: list[str | Path] = [KETCH, "hub", "--home", home, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as hub:
        assert hub.stdout is not None
        assert hub.stderr is not None
        line = hub.stdout.readline()
        if not line:
            sys.stderr.buffer.write(hub.stderr.read())
            return _status(hub.wait())
        variables = {**os.environ, "KETCH_HUB": json.loads(line)["listening"]}
        ran = subprocess.run([KETCH, *verb], env=variables, check=False)
        hub.terminate()
        ended = hub.wait(GOODBYE_S)
    return _status(ran.returncode) or _status(ended)


def _status(returncode: int) -> int:
    return returncode if returncode >= 0 else KILLED


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
