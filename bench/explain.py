"""What `ketch explain` takes on the retail packages, and what it names of planted changes.

    python bench/explain.py [--rounds 3] [--decisions 100000]
    python bench/explain.py --planted

The packages are the demo's recommender before and after a change: a newer pandas; and a newer
pandas with a parameter and a step beside it. Each measure is the whole command, a process of
its own, that remembers nothing of earlier explanations:

network    neither environments nor uv's cache
cold       no environments; uv's cache has the libraries
warm       the environments of both packages, and of the candidates, are there
replayed   warm, and asked what a route was asked: its decisions, replayed
again      replayed once more, with what the time before has left

With `--planted`, prints a line for each case of `tests/projects/changes`, and how many were
named right.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.changes import KINDS, cases, told
from tests.decisions import HERE

from ketch.authoring import Options as Building
from ketch.authoring.build import build
from ketch.demo.making import another, set_the_stage, training
from ketch.demo.replay import visits
from ketch.demo.story import NEW_PANDAS, OLD_PANDAS
from ketch.monitor.decisions import Decision, DecisionLog, Origin
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.decisions.sealing import seal
from ketch.progress import Silent
from ketch.runtime import Home

KETCH = Path(sys.executable).with_name("ketch")
ROUTE = "recommendations"
PANDAS = ("requirements.txt", OLD_PANDAS, NEW_PANDAS)
SHOWN = ("ketch.toml", "popular = 0.1", "popular = 0.12")
FIRST = ("pipeline.py", "near = model.neighbours[request", "near = model.neighbours[::-1][request")
CHANGES = {
    "a newer pandas": (PANDAS,),
    "a newer pandas, a parameter, a step": (PANDAS, SHOWN, FIRST),
}
ENDS = datetime(2026, 3, 3, tzinfo=UTC)
WINDOW = ("--route", ROUTE, "--since", "2026-03-01", "--until", "2026-03-03")


def make(root: Path) -> dict[str, tuple[Path, Path]]:
    """Return the folders of the retail packages, before and after each change."""
    set_the_stage(root / "demo")
    old = root / "demo" / "recommender"
    with training(old) as train:
        train()
    made = {}
    for number, (name, edits) in enumerate(CHANGES.items()):
        made[name] = old, root / f"newer-{number}"
        another(old, made[name][1], *edits)
    return made


def fill(home: Home, count: int) -> None:
    """Write so many decisions of two days into the log of a home, and seal them."""
    asked = [one.row for one in visits()]
    origin = Origin(ROUTE, "recommender:1.0.0", "sha256:" + "ab" * 32, "prod")
    folder = home.path / "decisions"
    log = DecisionLog(folder, HERE)
    for at in range(count):
        when = ENDS - timedelta(days=2) * (count - at) / count
        said = json.dumps(asked[at % len(asked)]).encode()
        decision = Decision(f"{moment_of(when):016x}8{at:015x}", origin, said, b'{"items":[]}')
        while not log.record(decision):
            time.sleep(0.01)
    log.close()
    seal(folder, datetime.now(UTC))


def explain(home: Home, pair: tuple[Path, Path], *more: str, **variables: str) -> dict[str, object]:
    """Run the command; return what it said, and how long it took by the clock and the processor."""
    env = {**os.environ, "KETCH_HOME": str(home.path), **variables}
    began, used = time.monotonic(), processor()
    command = [str(KETCH), "explain", *map(str, pair), *more, "--json"]
    done = subprocess.run(command, env=env, capture_output=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return {**found, "wall": time.monotonic() - began, "processor": processor() - used}


def processor() -> float:
    """Return the seconds of processor that ended children took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def forget(home: Home, *, environments: bool = False) -> None:
    """Have a home without what earlier explanations left in it."""
    shutil.rmtree(home.path / "explained", ignore_errors=True)
    if environments:
        shutil.rmtree(home.path / "envs", ignore_errors=True)


def measure(home: Home, pair: tuple[Path, Path], root: Path, rounds: int) -> None:
    """Print the measures of a change."""
    lines: dict[str, list[dict[str, object]]] = {}

    def took(name: str, *more: str, **variables: str) -> None:
        lines.setdefault(name, []).append(explain(home, pair, *more, **variables))

    forget(home, environments=True)
    took("network", UV_CACHE_DIR=str(root / "uv-cache"))
    shutil.rmtree(root / "uv-cache", ignore_errors=True)
    for _ in range(rounds):
        forget(home, environments=True)
        took("cold")
        forget(home)
        took("warm")
        forget(home)
        took("replayed", *WINDOW)
        took("again", *WINDOW)
    for name, found in lines.items():
        seconds = statistics.median(float(str(one["wall"])) for one in found)
        used = statistics.median(float(str(one["processor"])) for one in found)
        rows = found[0]["rows"]
        print(f"| {name} | {rows} | {seconds:.1f} s | {used:.1f} s |", flush=True)
    print(found[0]["sentence"], flush=True)


def planted(root: Path) -> None:
    """Explain every planted change, and print what was named."""
    home = Home(root / "home")
    right: dict[str, list[tuple[bool, ...]]] = {kind: [] for kind in KINDS}
    for number, case in enumerate(cases()):
        found = told(case, root / str(number), home)
        marks = found.components, found.causes, found.step
        right[case.kind].append(marks)
        print(f"{'✓' if all(marks) else '✗'} {case}: {'; '.join(found.said)}", flush=True)
        shutil.rmtree(root / str(number))
    print("\n| kind | component | cause | step |\n|---|---|---|---|")
    for kind, each in (
        *right.items(),
        ("all", [one for listed in right.values() for one in listed]),
    ):
        columns = (f"{sum(column)}/{len(column)}" for column in zip(*each, strict=True))
        print(f"| {kind} | {' | '.join(columns)} |")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--decisions", type=int, default=100_000)
    parser.add_argument("--planted", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ketch-explain-") as name:
        root = Path(name)
        if chosen.planted:
            planted(root)
            return
        pairs, home = make(root), Home(root / "home")
        for one in {folder for pair in pairs.values() for folder in pair}:
            build(one, home, Building(), Silent(), install=False)
        fill(home, chosen.decisions)
        for change, pair in pairs.items():
            print(f"\n{change}\n\n| | rows | time | processor |\n|---|---|---|---|")
            measure(home, pair, root, chosen.rounds)


if __name__ == "__main__":
    main()
