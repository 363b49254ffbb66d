"""What was measured, beside what was to be reached."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Figures: TypeAlias = Mapping[str, Any]
WORKLOADS = ("w1", "w2", "w2u", "w3")
BATCHING = ("bentoml-batch", "litserve-batch")
IN_PROCESS_MS = 0.5


@dataclass(frozen=True)
class Goal:
    """One thing to be reached.

    Attributes:
        what: The figure, in words.
        found: What was measured.
        wanted: The border.
        at_most: Whether less is better.
    """

    what: str
    found: float
    wanted: float
    at_most: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether it was reached."""
        return self.found <= self.wanted if self.at_most else self.found >= self.wanted

    def __str__(self) -> str:
        sign = "≤" if self.at_most else "≥"
        told = "kept" if self.is_kept else "MISSED"
        return f"| {self.what} | {self.found:.4g} | {sign} {self.wanted:g} | {told} |"


def report(told: Sequence[Figures]) -> str:
    """Return the figures as a table, and the goals as another."""
    goals = "\n".join(map(str, goals_of(told)))
    return f"{table(told)}\n\n| goal | found | wanted | |\n|---|---|---|---|\n{goals}"


def goals_of(told: Sequence[Figures]) -> Iterator[Goal]:
    """Yield every goal that can be judged by what was measured."""
    ours = [one for one in told if one["peer"] == "ketch"]
    alone = next(one for one in told if one["peer"] == "in process")
    peers = {one["peer"]: one for one in told if one["peer"] not in {"ketch", "in process", "echo"}}

    def mean(*path: str) -> float:
        return statistics.mean(at(one, *path) for one in ours)

    def rate(workload: str, count: int) -> float:
        return statistics.mean(answered(one, workload, count) for one in ours)

    def times(name: str, workload: str, count: int) -> float:
        return rate(workload, count) / answered(peers[name], workload.rstrip("u"), count)

    for workload, count, name, wanted in RATIOS:
        if name in peers:
            yield Goal(f"{workload}, c{count}: times {name}", times(name, workload, count), wanted)
    for name in ("mlflow", "fastapi", "fastapi-async"):
        if name in peers:
            theirs = at(peers[name], "w1", "c64", "p99_ms")
            found = mean("w1", "c64", "p99_ms") / theirs
            yield Goal(f"w1, c64: p99 of {name}'s", found, 0.1, at_most=True)
    batching = [peers[name] for name in BATCHING if name in peers]
    for count, wanted in ((64, 5), (8, 2)):
        if batching:
            best = max(answered(one, "w1", count) for one in batching)
            found = rate("w1", count) / best
            yield Goal(f"w1, c{count}: times the best peer that batches", found, wanted)
    p50 = mean("w1", "c1", "p50_ms")
    for name in ("frame_and_predict", "predict"):
        wanted = IN_PROCESS_MS
        yield Goal(
            f"w1, c1: p50 beyond in-process {name}, ms",
            p50 - alone[name]["p50_ms"],
            wanted,
            at_most=True,
        )
    outside = mean("cpu_w3", "gateway_us_c64") + mean("cpu_w3", "worker_us_c64")
    found = outside - alone["recommend"]["cpu_us"]
    yield Goal("w3, c64: processor outside the package, µs", found, 120, at_most=True)
    yield Goal(
        "w3, c64: processor of the gateway, µs", mean("cpu_w3", "gateway_us_c64"), 120, at_most=True
    )
    start = mean("cold_start_median_s")
    yield Goal(
        "start → first answer / import and load", start / alone["start_s"], 1.2, at_most=True
    )
    if "mlflow" in peers:
        theirs = peers["mlflow"]["cold_start_median_s"]
        yield Goal("start → first answer / MLflow's", start / theirs, 0.25, at_most=True)
    if "fastapi" in peers:
        theirs = at(peers["fastapi"], "mem_tab", "pss_mb")
        found = mean("mem_tabular", "pss_mb") / theirs
        yield Goal("PSS of all processes / FastAPI's", found, 1, at_most=True)
    yield Goal("PSS of the gateway, MB", mean("mem_tabular", "gateway_mb"), 60, at_most=True)
    yield from _echoes([one for one in told if one["peer"] == "echo"])


RATIOS = (
    ("w1", 64, "mlflow", 60),
    ("w1", 64, "fastapi", 30),
    ("w1", 64, "fastapi-async", 20),
    ("w1", 64, "tuned-batch", 0.8),
    ("w1", 256, "mlflow", 100),
    ("w1", 256, "fastapi", 40),
    ("w1", 8, "mlflow", 8),
    ("w1", 8, "fastapi", 4),
    ("w2", 64, "mlflow", 20),
    ("w2", 64, "fastapi", 10),
    ("w2u", 64, "mlflow", 20),
    ("w2u", 64, "fastapi", 10),
    ("w3", 1, "fastapi", 2),
    ("w3", 64, "fastapi", 5),
)


def _echoes(echoes: Sequence[Figures]) -> Iterator[Goal]:
    for name in ("bare", "awaited", "least"):
        ratios = [at(one, "package", "c64", "rps") / at(one, name, "c64", "rps") for one in echoes]
        if ratios:
            yield Goal(f"echo package, c64: times {name} echo", statistics.median(ratios), 0.4)


def table(told: Sequence[Figures]) -> str:
    """Return rates and latencies of everybody as a table."""
    columns = [(w, c) for w in WORKLOADS for c in (1, 8, 64, 256)]
    titles = "".join(f" {workload} c{count} |" for workload, count in columns)
    lines = [
        f"| req/s (p50/p99 ms) |{titles} start s | PSS MB |",
        "|---" * (len(columns) + 3) + "|",
    ]
    for one in told:
        if one["peer"] in {"in process", "echo"}:
            continue
        cells = [_cell(one.get(workload, {}).get(f"c{count}")) for workload, count in columns]
        memory = one.get("mem_tab") or one.get("mem_tabular") or {}
        cells += [str(one.get("cold_start_median_s", "")), str(memory.get("pss_mb", ""))]
        lines.append(f"| {one['peer']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(found: Figures | None) -> str:
    if not found or "rps" not in found:
        return "-"
    errors = found["non2xx"] + found["sock_err"]
    told = f"{found['rps']:.0f} ({found['p50_ms']:.1f}/{found['p99_ms']:.0f})"
    return told + (f" {errors} errors" if errors else "")


def answered(figures: Figures, workload: str, count: int) -> float:
    """Return requests a second that were answered, and not by an error."""
    found = figures.get(workload, {}).get(f"c{count}", {})
    if "rps" not in found:
        return float("nan")
    asked = statistics.mean(found["rps_all"]) * found["secs"] * len(found["rps_all"])
    return float(found["rps"] * max(0.0, 1 - found["non2xx"] / max(asked, 1)))


def at(figures: Figures, *path: str) -> float:
    """Return a figure by its path; not a number where it was not measured."""
    value: Any = figures
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return float("nan")
        value = value[name]
    return float(value)
