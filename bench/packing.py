"""Packing beside the peers, in one run: ketch, the floor, MLflow, BentoML, DVC and oras.

    PACKBENCH=/some/disk/folder BENCH_PYTHON=python3.11 bash ../shared/bench/packaging/setup.sh
    python bench/packing.py --root /some/disk/folder [--rounds 5] [--peer-rounds 2] [P1 P2 P3]

Every measure is a process of its own, started by the peers' own driver (``bench.py`` beside
``setup.sh``), which syncs the disk before each. Right before each tool the floor is measured
(``bench/floor.py``), and a figure is the tool's time through the floor's of that moment: the
disk and the machine have moods, and both sides meet the same one. Prints a table; each line
of ``ROOT/ketch/results.jsonl`` is one run.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = HERE.parents[1] / "shared" / "bench" / "packaging"
KETCH = str(Path(sys.executable).with_name("ketch"))
FLOOR = f"{sys.executable} {HERE / 'floor.py'}"

PEER_STEPS = {
    "mlflow": {
        "P1": ("log+register, default", "log+register, cloudpickle (db exists)"),
        "P2": ("log+register", "next version", "load"),
        "P3": ("log+register",),
    },
    "bentoml": {
        "P1": ("save_model",),
        "P2": ("models.create", "next version", "get"),
        "P3": ("models.create",),
    },
    "dvc": {"P2": ("setup", "add", "next version: change", "next version: add"),
            "P3": ("setup", "add")},
    "oras": {"P2": ("push", "next version", "pull"), "P3": ("push",)},
}  # fmt: skip
"""The steps that put a model away, put the next version away, and take one out."""

HEAD = (
    "workload", "tool", "step", "s (best)", "CPU s", "of floor", "of synced floor",
    "of hash pass",    "RSS MB", "written MB", "store + MB", "runs",
)  # fmt: skip

WEIGHTS = {
    "ketch.toml": """\
[package]
name = "{name}"
version = "{version}"
owner = "bench@shop.example"

[pipeline]
load = "pipeline:load"
steps = ["pipeline:count"]

[inputs]
name = "string"

[outputs]
files = "int64"
""",
    "README.md": "Weights to measure with.\n",
    "pipeline.py": """\
from pathlib import Path


def load(model_dir, params):
    return sum(1 for path in Path(model_dir).rglob("*") if path.is_file())


def count(model, rows):
    return [{{"files": model}} for _ in rows]
""",
    "scenarios/one.json": """\
{{"name": "one", "inputs": {{"name": "a"}}, "expected": {{"files": {files}}}}}
""",
}


def main() -> None:
    """Prepare the packages, run every tool in turn, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=["P1", "P2", "P3"])
    parser.add_argument("--root", type=Path, required=True, help="what setup.sh filled")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer-rounds", type=int, default=2)
    args = parser.parse_args()
    root = args.root.resolve() / "ketch"
    packages = prepare(root / "packages", args.root.resolve() / "data")
    spec = root / "spec.json"
    spec.write_text(json.dumps(specification(packages)))
    lines = []
    for workload in args.workloads:
        for number in range(args.rounds):
            tools = ["ketch", *(PEER_STEPS if number < args.peer_rounds else ())]
            for tool in tools:
                if tool == "ketch" or workload in PEER_STEPS[tool]:
                    lines.append(measured(args.root, spec, tool, workload, root / "kept"))
                    print(json.dumps(lines[-1]), file=sys.stderr, flush=True)
        # Not before: see `floor_steps`.
        shutil.rmtree(root / "kept", ignore_errors=True)
    with (root / "results.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    print(table(lines))


def prepare(packages: Path, data: Path) -> Path:
    """Write the packages once: one scikit-learn pipeline, and weights as hard links."""
    if not (packages / "p1" / ".ready").exists():
        rows = packages / "rows.jsonl"
        packages.mkdir(parents=True, exist_ok=True)
        example = json.loads((data / "p1" / "example.json").read_text())
        named = (dict(zip(example["columns"], row, strict=True)) for row in example["data"])
        rows.write_text("".join(json.dumps(row) + "\n" for row in named))
        model = str(data / "p1" / "model.pkl")
        ketch(packages, "init", packages / "p1", "--from", model, "--example", rows)
        ketch(packages, "record", "--confirm", packages / "p1")
        (packages / "p1" / ".ready").touch()
    for name, version, model in (
        ("small", "1.0.0", None),
        ("p2", "1.0.0", "p2"),
        ("p4", "2.0.0", "p4"),
        ("p3", "1.0.0", "p3"),
    ):
        write_weights(packages, name, version, data / model / "w" if model else None)
    (packages / "in.json").write_text('{"name": "a"}')
    return packages


def write_weights(packages: Path, name: str, version: str, model: Path | None) -> None:
    """Write a package whose model files are hard links, and its lock."""
    folder = packages / name
    if (folder / ".ready").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "scenarios").mkdir(parents=True)
    if model is not None:
        shutil.copytree(model, folder / "model", copy_function=os.link)
    files = sum(path.is_file() for path in (folder / "model").rglob("*"))
    called = "big" if name in {"p2", "p4"} else name
    for path, text in WEIGHTS.items():
        (folder / path).write_text(text.format(name=called, version=version, files=files))
    ketch(packages, "pack", "--no-verify", folder)
    (folder / ".ready").touch()


def ketch(packages: Path, *arguments: str | Path) -> None:
    """Run ketch in a home of its own that nobody measures."""
    environment = {**os.environ, "KETCH_HOME": str(packages / "home")}
    subprocess.run([KETCH, *map(str, arguments)], check=True, env=environment, stdout=sys.stderr)
    shutil.rmtree(packages / "home" / "store")


def specification(packages: Path) -> dict[str, object]:
    """Return the steps of every tool, each after the floor of the same data."""
    known = json.loads((PEERS / "specs" / "peers.json").read_text())
    tools: dict[str, dict[str, object]] = {"ketch": {}}
    for workload, steps in ketch_steps(packages).items():
        listed = [*floor_steps(workload), *steps]
        tools["ketch"][workload] = {"env": {"KETCH_HOME": "{store}"}, "steps": listed}
    for peer, wanted in PEER_STEPS.items():
        tools[peer] = {}
        for workload, names in wanted.items():
            steps = [step for step in known[peer][workload]["steps"] if step[0].startswith(names)]
            listed = [*floor_steps(workload), *steps]
            tools[peer][workload] = {**known[peer][workload], "steps": listed}
    return tools


def floor_steps(workload: str) -> Iterator[list[str]]:
    """Yield the floors, each followed by what gives its memory back to the next."""
    for name, what in (("disk alone", "disk"), ("floor, synced", "keep"), ("floor", "copy")):
        if what == "disk" and workload != "P2":  # nobody writes small files that way
            continue
        copy = f"{{run}}/{what}"
        yield [name, f"{FLOOR} {what} {{src}} {copy}"]
        # Thousands of files stay: ext4 leaves the inodes of deleted ones alone, at a cost.
        clear = f"rm -r {copy}" if workload == "P2" else f"{FLOOR} forget {copy}"
        yield ["set up: memory", clear]


def ketch_steps(packages: Path) -> dict[str, list[list[str]]]:
    """Return what ketch does in each workload."""
    pack = f"{KETCH} pack --no-verify {packages}"
    load = f"{KETCH} predict big:1.0.0 {packages}/in.json"
    small = f"{KETCH} predict small:1.0.0 {packages}/in.json"
    copied = "mkdir {out} && cp -al {store}/store {out}/store"
    return {
        "P1": [["pack", f"{pack}/p1"], ["pack again", f"{pack}/p1"]],
        "P2": [
            ["pack", f"{pack}/p2"],
            ["set up: environment", f"{pack}/small && {small}"],
            ["hash pass, from the disk", f"{FLOOR} cold {{store}}/store/blobs"],
            ["load, from the disk", f"{FLOOR} forget {{store}}/store/blobs && {load}"],
            ["hash pass", f"{FLOOR} hash {{src}}"],
            ["load", load],
            ["set up: no file cache", f"{copied} && rm {{out}}/store/.ketch/filecache"],
            ["next version (P4)", f"{pack}/p4"],
            ["hash pass, next version", f"{FLOOR} hash {{src2}}"],
            ["next version (P4), no file cache", f"KETCH_HOME={{out}} {pack}/p4"],
        ],
        "P3": [["pack", f"{pack}/p3"]],
    }


def measured(root: Path, spec: Path, tool: str, workload: str, kept: Path) -> dict[str, object]:
    """Run one tool on one workload; its files stay until all rounds are over if they are many."""
    command = [sys.executable, PEERS / "bench.py", tool, workload]
    command += ["--root", root, "--spec", spec, "--no-floor", "--keep"]
    environment = {"STEP_LIMIT_S": "90", **os.environ}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE)
    folder = root / "run" / f"{tool}-{workload}"
    if workload == "P3":
        kept.mkdir(exist_ok=True)
        folder.rename(kept / f"{tool}-{len(list(kept.iterdir()))}")
    else:
        shutil.rmtree(folder)
    return json.loads(done.stdout)


def table(lines: Iterable[dict[str, object]]) -> str:
    """Return the medians of every step as Markdown."""
    seen: dict[tuple[str, str, str], list[dict[str, float]]] = defaultdict(list)
    for line in lines:
        floor = synced = hash_s = None
        for step in line["steps"]:
            within = step.get("inner", {}).get("s")
            if step["step"] == "floor":
                floor = within
            if step["step"] == "floor, synced":
                synced = within
            if step["step"].startswith("hash pass"):
                hash_s = within
            wall = step["wall_s"] if within is None else within
            figures: dict[str, float | None] = {
                "wall": wall,
                "cpu": step["user_s"] + step["sys_s"],
                "floor": wall / floor if floor else None,
                "synced": wall / synced if synced else None,
                "hash": wall / hash_s if hash_s else None,
                "rss": step["maxrss_mb"],
                "wrote": step["wrote_mb"],
                "added": step["store_added_bytes"] / 1e6,
                "rc": step["rc"],
            }
            seen[line["workload"], line["peer"], step["step"]].append(figures)
    rows = ["| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
    for (workload, tool, step), all_figures in seen.items():
        if not step.startswith("set up"):
            rows.append(row(workload, tool, step, all_figures))
    return "\n".join(rows)


def row(workload: str, tool: str, step: str, runs: list[dict[str, float]]) -> str:
    """Return one line of the table: medians over the runs."""

    def median(key: str, form: str = ".2f") -> str:
        values = [run[key] for run in runs if run[key] is not None]
        return format(statistics.median(values), form) if values else ""

    if any(run["rc"] for run in runs):
        return f"| {workload} | {tool} | {step} | did not end well | | | | | | | | {len(runs)} |"
    best = min(run["wall"] for run in runs)
    # A floor of 3 ms compares nothing.
    ratios = ["", ""] if workload == "P1" else [median("floor"), median("synced")]
    cells = [workload, tool, step, f"{median('wall')} ({best:.2f})", median("cpu"), *ratios]
    cells += [median("hash"), median("rss", ".0f"), median("wrote", ".0f"), median("added", ".1f")]
    return "| " + " | ".join([*cells, str(len(runs))]) + " |"


if __name__ == "__main__":
    main()
