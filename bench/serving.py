"""ketch serving beside its peers, on the same work, in one run.

    SERVING_WORK=DIR python bench/serving.py [--secs 3] [--reps 2] [--starts 3]
        [--concurrency 1,8,64,256] [--peers NAME,…] [--out FILE] [--bench FOLDER]

The workloads and the functions that measure are those of the peers' bench (see its README,
also for how SERVING_WORK is set up): W1 and W2 are a scikit-learn pipeline asked for a row
and for a hundred, W3 is a recommender in numpy. ketch serves each as its users do: packed,
verified, promoted, followed from the registry, one worker, everything on: validation, the
decision log, routing by unit (W3 has no field for one). A request of W2 is 100 rows of one
unit; `w2u` is the same where each row is assigned by a field of its own, and every unit of
it gets a decision of its own in the log. ketch is measured first and last, and the mean of
both counts; the peers in between. `echo` is a package that computes nothing, beside a bare
echo on the very connections of the gateway, and one that is the least that uvloop and
httptools can do.

Prints every figure as a line of JSON (and to FILE), then the goals. The processors are
shared by all, `wrk` included: only ratios of one run mean anything.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import http_echo
from served import packages, routes
from served.gateway import Gateway, Taken, serving, taken
from served.goals import report
from served.peers import Bench

from ketch.runtime import Home

FOLDER = Path(__file__).parents[2] / "shared/bench/serving"
PEERS = (
    "tuned-batch",
    "fastapi",
    "fastapi-async",
    "mlflow",
    "bentoml-batch",
    "litserve-batch",
)
WORKLOADS = ((("w1", "w2u"), "tabular"), (("w2",), "tabular whole"), (("w3",), "recommender"))
FLOOR = "import sys, joblib, pandas, sklearn; joblib.load(sys.argv[1])"
IN_PROCESS = """
import json, os, sys, time
import joblib, pandas as pd
os.environ["SERVING_WORK"] = sys.argv[1]
sys.path.insert(0, sys.argv[2])
from rec import Rec
pipeline = joblib.load(sys.argv[1] + "/data/model.joblib")
cases = json.load(open(sys.argv[1] + "/data/cases.json"))
rows, found = cases["rows"][:1], Rec()
frame = pd.DataFrame(rows)
def timed(work, seconds=2.0):
    work()
    took, cpu, end = [], time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    cpu = time.process_time() - cpu
    return {"p50_ms": sorted(took)[len(took) // 2] * 1e3, "cpu_us": cpu / len(took) * 1e6}
print(json.dumps({
    "predict": timed(lambda: pipeline.predict_proba(frame)),
    "frame_and_predict": timed(lambda: pipeline.predict_proba(pd.DataFrame(rows))),
    "recommend": timed(lambda: found.top(cases["viewed"])),
}))
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--secs", type=int, default=3)
    parser.add_argument("--reps", type=int, default=2)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--concurrency", default="1,8,64,256")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--bench", type=Path, default=FOLDER)
    given = parser.parse_args(arguments)
    bench = Bench.open(
        given.bench.resolve(),
        secs=given.secs,
        reps=given.reps,
        starts=given.starts,
        concurrency=[int(one) for one in given.concurrency.split(",")],
    )
    told: list[dict[str, Any]] = []

    def tell(who: str, figures: dict[str, Any]) -> None:
        told.append({"peer": who, **figures})
        line = json.dumps(told[-1])
        print(line, flush=True)
        if given.out is not None:
            with given.out.open("a") as file:
                file.write(line + "\n")

    homes = prepare(bench)
    tell("in process", in_process(bench))
    tell("ketch", ketch(bench, homes))
    for name in filter(None, given.peers.split(",")):
        tell(name, bench.peer(name))
    tell("ketch", ketch(bench, homes))
    for _ in range(given.reps):
        tell("echo", echo(bench, homes["echo"]))
    print(report(told))


def prepare(bench: Bench) -> dict[str, Home]:
    """Pack, publish and promote every package; each has a home of its own."""
    python = "3.12"
    projects = {
        "tabular": (packages.tabular(bench.work, bench.folder, python), "region"),
        "tabular whole": (packages.tabular(bench.work, bench.folder, python), None),
        "recommender": (packages.recommender(bench.work, bench.folder, python), None),
        "echo": (packages.echo(), "region"),
    }
    homes = {}
    for name, (project, unit) in projects.items():
        home = homes[name] = Home(bench.work / "ketch" / name.replace(" ", "-"))
        reference = packages.pack(project, bench.work / "ketch-projects", home)
        route = routes.published(home, reference, unit=unit)
        with home.desk() as desk:
            if not desk.route(route).arms:
                routes.to_prod(desk, reference)
    return homes


def in_process(bench: Bench) -> dict[str, Any]:
    """Return what the work itself takes, and the least that a start can."""
    environment = {**os.environ, **packages.ONE_THREAD, "PYTHONDONTWRITEBYTECODE": ""}
    starts = []
    for _ in range(bench.starts + 1):
        began = time.perf_counter()
        command = [bench.python, "-c", FLOOR, bench.work / "data/model.joblib"]
        subprocess.run(command, check=True, env=environment)
        starts.append(time.perf_counter() - began)
    command = [bench.python, "-c", IN_PROCESS, bench.work, bench.folder / "peers"]
    done = subprocess.run(command, check=True, env=environment, capture_output=True)
    return {**json.loads(done.stdout), "start_s": statistics.median(starts[1:])}


def ketch(bench: Bench, homes: dict[str, Home]) -> dict[str, Any]:
    """Return what the peers' bench measures, and what each process took."""
    cases = bench.cases
    found: dict[str, Any] = {"cold_start_s": []}
    bodies = {
        "w1": bench.body("w1", cases["rows"][0]),
        "w2": bench.body("w2", cases["rows"]),
        "w2u": bench.body("w2", cases["rows"]),
        "w3": bench.body("w3", {"items": cases["viewed"]}),
    }
    for _ in range(bench.starts):
        began = time.perf_counter()
        with _served(homes["tabular"], "/tabular", bodies["w1"]) as gateway:
            found["cold_start_s"].append(round(time.perf_counter() - began, 2))
    found["cold_start_median_s"] = statistics.median(found["cold_start_s"])
    for workloads, name in WORKLOADS:
        home, path = homes[name], f"/{name.partition(' ')[0]}"
        with _served(home, path, bodies[workloads[0]]) as gateway:
            _calm(gateway)
            found[f"mem_idle_{name}"] = _memory(gateway)
            for workload in workloads:
                _, answer, _ = gateway.ask(path, bodies[workload].read_bytes())
                found[f"right_{workload}"] = bench.is_right(workload, answer)
                url = f"http://127.0.0.1:{gateway.port}{path}"
                found[workload] = bench.load(url, bodies[workload], gateway.pids)
                found[f"cpu_{workload}"] = _spent(bench, gateway, url, bodies[workload])
            found[f"mem_{name}"] = _memory(gateway)
    return found


def echo(bench: Bench, home: Home) -> dict[str, Any]:
    """Return how fast the package that computes nothing is, beside what computes nothing."""
    body = bench.body("echo", bench.cases["rows"][0])
    found: dict[str, Any] = {}
    with _served(home, "/echo", body) as gateway:
        _calm(gateway)
        url = f"http://127.0.0.1:{gateway.port}/echo"
        found["package"] = bench.load(url, body, gateway.pids, (1, 64))
        found["cpu"] = _spent(bench, gateway, url, body)
        found["mem"] = _memory(gateway)
    servers = {"bare": http_echo.ketch, "awaited": http_echo.ketch_awaited}
    for name, server in {**servers, "least": http_echo.plain}.items():
        with _bare(server) as (port, pid):
            found[name] = bench.load(f"http://127.0.0.1:{port}/shop", body, [pid], (1, 64))
    return found


@contextmanager
def _served(home: Home, path: str, body: Path) -> Iterator[Gateway]:
    """Yield a gateway that refuses nobody: the peers let everybody wait, too."""
    patient = ("--workers", "1", "--patience-s", "60", "--deadline-s", "60")
    with serving(home, *patient, asks=(path, body.read_bytes())) as gateway:
        yield gateway


def _calm(gateway: Gateway) -> None:
    """Return once nobody seals the decisions of the run before."""
    end = time.monotonic() + 60
    while gateway.sealers and time.monotonic() < end:
        time.sleep(0.1)


@contextmanager
def _bare(server: Callable[[socket.socket], None]) -> Iterator[tuple[int, int]]:
    """Yield the port and the process of an echo."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2_048)
    process = multiprocessing.get_context("fork").Process(target=server, args=(listener,))
    process.start()
    port = listener.getsockname()[1]
    listener.close()
    assert process.pid is not None
    try:
        time.sleep(0.3)
        yield port, process.pid
    finally:
        process.kill()
        process.join()


def _spent(bench: Bench, gateway: Gateway, url: str, body: Path) -> dict[str, float]:
    """Return microseconds of processor for a request, at concurrency 1 and 64, of each process."""
    found = {}
    for count in (1, 64):
        before = _each(gateway)
        asked = bench.theirs.wrk(url, body, count, bench.secs)["requests"]
        for name, now in _each(gateway).items():
            found[f"{name}_us_c{count}"] = round((now.cpu_s - before[name].cpu_s) / asked * 1e6, 1)
    return found


def _each(gateway: Gateway) -> dict[str, Taken]:
    return {"gateway": taken(gateway.pid), "worker": taken(gateway.workers[0])}


def _memory(gateway: Gateway) -> dict[str, float]:
    """Return the memory of each process; whoever seals decisions is none of them."""
    each = {}
    for pid in gateway.pids:
        with suppress(OSError):  # it has just ended
            each[pid] = taken(pid)
    parts = {
        "gateway_mb": each[gateway.pid].pss_mb,
        "keeper_mb": each[gateway.keeper].pss_mb,
        "worker_mb": sum(each[pid].pss_mb for pid in gateway.workers),
    }
    whole = sum(parts.values())
    sealer = sum(one.pss_mb for one in each.values()) - whole
    parts |= {"pss_mb": whole, "sealer_mb": sealer}
    return {name: round(value, 1) for name, value in parts.items()}


if __name__ == "__main__":
    main()
