"""Push and pull a large package beside skopeo and oras, on one registry in one run.

    python bench/remote.py [--size 1024] [--files 8] [--rounds 3] [--root FOLDER]

One package of `--size` MiB in `--files` files (random bytes). Debian's docker-registry runs
on this machine, empty in every round, for skopeo remembers which repository has what and
has it mounted; every pull goes into a folder that is new, and each step is a process of its
own, from its start to its end:

ketch    `ketch push REF oci://…`, `ketch pull oci://…`: hashed, synced, resumable
skopeo   `skopeo copy` from ketch's store, an OCI image layout, and into an empty one
oras     the Python client: the same files with `push`, and `pull` into a folder

The tools take turns, so that they meet the same moods of the machine. Prints seconds (best
and median of the rounds) and ketch's share of each tool's best.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

KETCH = str(Path(sys.executable).with_name("ketch"))
NAME = "weights:1.0.0"
MIB = 1 << 20

TOML = """\
[package]
name = "weights"
version = "1.0.0"
owner = "bench@shop.example"

[pipeline]
load = "pipeline:load"
steps = ["pipeline:count"]

[inputs]
name = "string"

[outputs]
files = "int64"
"""
CODE = """\
def load(model_dir, params):
    return 1


def count(model, rows):
    return [{"files": model} for _ in rows]
"""
ORAS_PUSH = """\
import os, sys, oras.client
target, *files = sys.argv[1:]
client = oras.client.OrasClient(insecure=True)
client.push(target=target, files=files, disable_path_validation=True)
"""
ORAS_PULL = """\
import sys, oras.client
client = oras.client.OrasClient(insecure=True)
client.pull(target=sys.argv[1], outdir=sys.argv[2])
"""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--root", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.root, prefix="ketch-remote-") as folder:
        root = Path(folder)
        files = make_package(root, asked.size, asked.files)
        times: dict[str, list[float]] = defaultdict(list)
        for turn in range(asked.rounds):
            place = root / f"turn-{turn}"
            place.mkdir()
            with registry(place) as host:
                measure(root, place, host, files, times)
            shutil.rmtree(place)
    report(times, asked.size)


def make_package(root: Path, size: int, count: int) -> list[Path]:
    """Write and pack a package; return its large files."""
    project = root / "project"
    for name, content in {
        "ketch.toml": TOML,
        "pipeline.py": CODE,
        "README.md": "Weights to measure with.\n",
        "requirements.txt": "",
        "scenarios/one.json": '{"name": "one", "inputs": {"name": "a"}, "expected": {"files": 1}}',
    }.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content)
    (project / "model").mkdir()
    files = [project / "model" / f"part-{number}.bin" for number in range(count)]
    for path in files:
        with path.open("wb") as file:
            for _ in range(size // count):
                file.write(secrets.token_bytes(MIB))
    run([KETCH, "pack", str(project), "--no-verify"], home(root))
    return files


def measure(
    root: Path, into: Path, host: str, files: Sequence[Path], times: dict[str, list[float]]
) -> None:
    """Let the tools take turns at an empty registry; add the seconds of each."""
    layout = f"oci:{root / 'home' / 'store'}:{NAME}"
    plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    skopeo = ["skopeo", "--insecure-policy", "copy", "--quiet", *plain]
    steps: list[tuple[str, list[str], dict[str, str]]] = [
        ("ketch push", [KETCH, "push", NAME, f"oci://{host}/ketch"], home(root)),
        ("skopeo push", [*skopeo, layout, f"docker://{host}/skopeo:1.0.0"], {}),
        (
            "oras push",
            [sys.executable, "-c", ORAS_PUSH, f"{host}/oras:1.0.0", *map(str, files)],
            {},
        ),
        ("ketch pull", [KETCH, "pull", f"oci://{host}/ketch:1.0.0"], home(into)),
        ("skopeo pull", [*skopeo, f"docker://{host}/skopeo:1.0.0", f"oci:{into / 's'}:a"], {}),
        ("oras pull", [sys.executable, "-c", ORAS_PULL, f"{host}/oras:1.0.0", str(into / "o")], {}),
    ]
    for name, command, variables in steps:
        subprocess.run(["sync"], check=True)
        times[name].append(run(command, variables))


def run(command: Sequence[str], variables: dict[str, str]) -> float:
    """Run a command to its end; return how many seconds it took."""
    began = time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return time.perf_counter() - began


def home(root: Path) -> dict[str, str]:
    """Return the variables of a ketch home of its own."""
    return {"KETCH_HOME": str(root / "home"), "HOME": str(root)}


@contextmanager
def registry(root: Path) -> Iterator[str]:
    """Run Debian's registry in a folder; yield its host and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    config = root / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {json.dumps(str(root / 'registry'))}}}}}\n"
        f'http: {{addr: "{host}"}}\n'
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(["docker-registry", "serve", str(config)], **quiet)
    try:
        for _ in range(100):
            try:
                urlopen(f"http://{host}/v2/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield host
    finally:
        server.terminate()
        server.wait()


def report(times: dict[str, list[float]], size: int) -> None:
    """Print the table."""
    print(f"{size} MiB; ratio = ketch's best ÷ the tool's best (below 1: ketch is faster)\n")
    print("| step | tool | best s | median s | MiB/s | ratio |\n|---|---|---|---|---|---|")
    for name, taken in sorted(times.items(), key=lambda item: item[0].split()[::-1]):
        tool, step = name.split()
        best, ours = min(taken), min(times[f"ketch {step}"])
        row = (step, tool, f"{best:.2f}", f"{statistics.median(taken):.2f}")
        print(f"| {' | '.join(row)} | {size / best:.0f} | {ours / best:.2f} |")


if __name__ == "__main__":
    main()
