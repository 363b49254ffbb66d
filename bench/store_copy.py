"""How long it takes to store model files, beside the least it could take.

    python bench/store_copy.py [--size-mib 1024] [--files 20] [--small] [--reps 3] [--root DIR]

The floor copies in one thread and takes SHA-256 in another, of the same files, in the same
run, and syncs nothing. Every measure is a process of its own; the store's figures include
the sync that makes the blobs durable. One JSON object a line, the summary last: the best of
all rounds, since the disk's bursts and the machine's other work only ever add.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

CHUNK = 1 << 20


def make_files(folder: Path, sizes: list[int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, size in enumerate(sizes):
        path = folder / f"{number:05}.bin"
        if path.exists() and path.stat().st_size == size:
            continue
        with path.open("wb") as file:
            for start in range(0, size, 1 << 24):
                file.write(os.urandom(min(1 << 24, size - start)))
    os.sync()


def copy(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        rest = source.stat().st_size
        while rest:
            rest -= os.copy_file_range(reader.fileno(), writer.fileno(), min(rest, 1 << 26))


def sha256(path: Path) -> str:
    sha, buffer = hashlib.sha256(), bytearray(CHUNK)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            sha.update(view[:count])
    return sha.hexdigest()


def floor(paths: list[Path], target: Path) -> None:
    target.mkdir()
    copier = threading.Thread(target=lambda: [copy(path, target / path.name) for path in paths])
    copier.start()
    for path in paths:
        sha256(path)
    copier.join()


def hash_pass(paths: list[Path], target: Path) -> None:
    del target
    for path in paths:
        sha256(path)


def store(paths: list[Path], target: Path) -> None:
    from ketch.store.local import LocalStore

    LocalStore(target).put_files(paths)


def verify(paths: list[Path], target: Path) -> None:
    from ketch.store.local import LocalStore

    del paths
    kept = LocalStore(target)
    kept.verify_all(list(kept.digests()))


MEASURES = {"floor": floor, "hash_pass": hash_pass, "store": store, "verify": verify}


def measure(name: str, source: Path, target: Path) -> None:
    """Run one measure in this process and print what it took."""
    paths = sorted(source.iterdir())
    if name in {"store", "verify"}:
        import ketch.store.local  # noqa: F401 - the work is measured, not the import
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    MEASURES[name](paths, target)
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {
                "wall_s": round(wall, 3),
                "cpu_s": round(cpu, 3),
                "max_rss_mb": used.ru_maxrss // 1024,
                "wrote_mb": (used.ru_oublock - before.ru_oublock) * 512 >> 20,
            }
        )
    )


def run(name: str, source: Path, target: Path) -> dict[str, float]:
    os.sync()
    command = [sys.executable, __file__, "--measure", name, str(source), str(target)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def forget_cache(target: Path) -> None:
    (target / ".ketch" / "filecache").unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-mib", type=int, default=1024)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--small", action="store_true", help="5,000 files of 100,000 bytes")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--root", type=Path, default=Path("/tmp/ketch-store-bench"))
    parser.add_argument("--measure", nargs=3, metavar=("NAME", "SOURCE", "TARGET"))
    args = parser.parse_args()
    if args.measure:
        name, source, target = args.measure
        measure(name, Path(source), Path(target))
        return
    total = args.size_mib << 20
    sizes = [total // 2, *[total // 2 // (args.files - 1)] * (args.files - 1)]
    if args.small:
        sizes = [100_000] * 5_000
    source = args.root / ("small" if args.small else f"{args.size_mib}-{args.files}")
    make_files(source, sizes)
    time.sleep(2.1)  # the file cache does not remember files younger than that
    hash_pass(sorted(source.iterdir()), args.root)
    root = Path(tempfile.mkdtemp(dir=args.root))
    best: dict[str, dict[str, float]] = {}
    for _ in range(args.reps):
        for name, figures in one_round(source, root, keep=args.small):
            print(json.dumps({"measure": name, **figures}), flush=True)
            if name not in best or figures["wall_s"] < best[name]["wall_s"]:
                best[name] = figures
    shutil.rmtree(root)
    wall = {name: figures["wall_s"] for name, figures in best.items()}
    summary = {
        "bytes": sum(sizes),
        "files": len(sizes),
        "best_s": wall,
        "store_x_floor": round(wall["store"] / wall["floor"], 2),
        "store_cpu_x_floor": round(best["store"]["cpu_s"] / best["floor"]["cpu_s"], 2),
        "store_wrote_x_size": round(best["store"]["wrote_mb"] * 2**20 / sum(sizes), 3),
        "store_max_rss_mb": best["store"]["max_rss_mb"],
        "unknown_again_x_hash_pass": round(wall["store_unknown"] / wall["hash_pass"], 2),
        "verify_x_hash_pass": round(wall["verify"] / wall["hash_pass"], 2),
    }
    print(json.dumps(summary))


def one_round(source: Path, root: Path, *, keep: bool) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each measure, floor and store in turn: a virtual machine's memory may be slow
    when it is touched for the first time, and that must not fall on one side only."""

    def fresh() -> Path:
        # Large files are deleted between runs, for the room. Small ones are not: for half
        # a minute ext4 goes out of its way to leave the inodes of deleted files alone.
        if keep:
            return Path(tempfile.mkdtemp(dir=root)) / "out"
        shutil.rmtree(root / "out", ignore_errors=True)
        return root / "out"

    for _ in range(2):
        for name in ("floor", "store"):
            target = fresh()
            yield name, run(name, source, target)
    yield "hash_pass", run("hash_pass", source, target)
    yield "store_known", run("store", source, target)
    forget_cache(target)
    yield "store_unknown", run("store", source, target)
    yield "verify", run("verify", source, target)


if __name__ == "__main__":
    main()
