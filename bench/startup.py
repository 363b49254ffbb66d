"""How soon the command answers, beside a Python that does nothing.

    python bench/startup.py [--reps 15] [--versions 10000] [--peer "NAME=COMMAND"]…

Each round runs every command once, in turn, so that what else the machine does falls on
all of them. A home is made first, with one small package and a registry of many versions.
Prints one JSON object: for each command the median and the best of all rounds, and the
median ratio to `python -c pass`.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from registry import filled

KETCH = Path(sys.executable).with_name("ketch")
PACKAGE = Path(__file__).parents[1] / "tests" / "projects" / "thermometer"
NAME = "thermometer:1.0.0"
NOTHING = "python -c pass"
COMMANDS = {
    NOTHING: [sys.executable, "-c", "pass"],
    "python -c 'import numpy'": [sys.executable, "-c", "import numpy"],
    "ketch --version": [KETCH, "--version"],
    "ketch --help": [KETCH, "--help"],
    "ketch verify --help": [KETCH, "verify", "--help"],
    "ketch list": [KETCH, "list"],
    "ketch list --published": [KETCH, "list", "--published"],
    "ketch status": [KETCH, "status"],
    f"ketch inspect {NAME}": [KETCH, "inspect", NAME],
    "ketch env list": [KETCH, "env", "list"],
}


def run(command: list[str | Path], home: Path) -> float:
    """Run a command to its good end and return how long it took, in milliseconds."""
    environment = {**os.environ, "KETCH_HOME": str(home), "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return (time.perf_counter() - began) * 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reps", type=int, default=15)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    args = parser.parse_args()
    commands: dict[str, list[str | Path]] = dict(COMMANDS)
    for peer in args.peer:
        name, _, command = peer.partition("=")
        commands[name] = list(shlex.split(command))
    with tempfile.TemporaryDirectory(prefix="ketch-bench-") as folder:
        home = Path(folder)
        run([KETCH, "pack", PACKAGE], home)
        filled(args.versions, f"sqlite:///{home / 'registry.db'}")[0].database.close()
        for command in commands.values():
            run(command, home)  # bytecode, and the disk's cache
        rounds = [
            {name: run(command, home) for name, command in commands.items()}
            for _ in range(args.reps)
        ]
    told = {}
    for name in commands:
        took = [one[name] for one in rounds]
        ratios = [one[name] / one[NOTHING] for one in rounds]
        told[name] = {
            "median_ms": round(statistics.median(took)),
            "best_ms": round(min(took)),
            "x_python": round(statistics.median(ratios), 1),
        }
    print(json.dumps({"rounds": args.reps, "commands": told}, indent=1))


if __name__ == "__main__":
    main()
