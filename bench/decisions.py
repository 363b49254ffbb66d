"""The decision log: what recording costs, how fast it is written, and what 50 million take.

    python bench/decisions.py [--millions 50] [--into FOLDER]

Decisions are those of a recommender: a shopper, two products seen and the hour in; three
products and their scores out; two steps timed. Shoppers come back as shoppers do, a few
often and most rarely.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from ketch.monitor.decisions import Decision, DecisionLog, LogSettings, Origin, new_id
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.decisions.keyed import keyed
from ketch.monitor.decisions.reading import Decisions
from ketch.monitor.decisions.sealing import seal
from ketch.monitor.decisions.segments import Partition
from ketch.monitor.decisions.sorting import write_segment
from ketch.runtime import StepTime

ROUTE = "recommendations"
ORIGIN = Origin(
    ROUTE,
    "recommender:1.0",
    "sha256:" + "ab" * 32,
    "limited",
    "limited=100000 prod=900000",
    rollout="3f1c09a2b4d5",
)
SHOPPERS = 3_000_000


def some(count: int) -> list[Decision]:
    """Return decisions as the gateway makes them, all but the identity and the time."""
    draw = random.Random(4)
    return [_one(draw) for _ in range(count)]


def _one(draw: random.Random) -> Decision:
    shopper = int(draw.random() * draw.random() * SHOPPERS)
    seen = shopper % 5000, int(draw.random() * draw.random() * 5000)
    inputs = (
        f'{{"shopper":"s{shopper}","viewed":["p{seen[0]}","p{seen[1]}"],"hour":{shopper % 24}}}'
    )
    items = ",".join(f'"p{int(draw.random() * draw.random() * 500)}"' for _ in range(3))
    scores = ",".join(f"{draw.random():.6f}" for _ in range(3))
    return Decision(
        "",
        ORIGIN,
        inputs.encode(),
        f'{{"items":[{items}],"scores":[{scores}]}}'.encode(),
        unit=f"s{shopper}",
        batch_rows=draw.randrange(30),
        duration_us=300 + draw.randrange(2000),
        steps=(StepTime("features", draw.random()), StepTime("predict", draw.random())),
    )


def copy_of(one: Decision) -> Decision:
    return Decision(
        new_id(),
        one.origin,
        one.inputs,
        one.outputs,
        unit=one.unit,
        batch_rows=one.batch_rows,
        duration_us=one.duration_us,
        steps=one.steps,
    )


def recording(folder: Path) -> None:
    """Measure what the caller pays, 50 decisions every 10 ms; means of 50."""
    made = some(20_000)
    with_id, alone = [], []
    log = DecisionLog(folder, LogSettings(seals=False))
    for at in range(0, len(made), 50):
        start = time.perf_counter_ns()
        decisions = [copy_of(one) for one in made[at : at + 50]]
        middle = time.perf_counter_ns()
        for decision in decisions:
            log.record(decision)
        end = time.perf_counter_ns()
        with_id.append((middle - start) / 50)
        alone.append((end - middle) / 50)
        time.sleep(0.01)
    log.close()
    print(f"identity and value   p50 {statistics.median(with_id) / 1000:.2f} µs")
    print(
        f"record()             p50 {statistics.median(alone) / 1000:.2f} µs, "
        f"p99 {sorted(alone)[-len(alone) // 100] / 1000:.1f} µs"
    )


def appending(folder: Path, seconds: float) -> None:
    """Measure what is written a second while it is offered more, and sealing it."""
    made = some(20_000)
    log = DecisionLog(folder, LogSettings(seals=False))
    begun, cpu, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - begun < seconds:
        for one in made[count % 20_000 : count % 20_000 + 500]:
            log.record(copy_of(one))
        count += 500
        while log.health.waiting > 20_000:
            time.sleep(0.001)
    log.flush()
    took = time.perf_counter() - begun
    health = log.health
    log.close()
    used = (time.process_time() - cpu) / count * 1e6
    hot = sum(path.stat().st_size for path in folder.glob("hot/*.log"))
    print(
        f"appended             {count / took:,.0f} a second for {took:.0f} s, {used:.1f} µs of "
        f"processor each, {hot / count:.0f} bytes each; dropped {health.dropped}"
    )
    begun = time.perf_counter()
    sealed = seal(folder, datetime.now(UTC))
    took = time.perf_counter() - begun
    print(f"sealed               {sealed / took:,.0f} a second")


def days(millions: int) -> timedelta:
    """Return how long the decisions take: a segment lies within one day."""
    return timedelta(days=max(one for one in range(1, 6) if millions % one == 0))


def fill(folder: Path, millions: int) -> datetime:
    """Write segments of a million decisions each, over some days."""
    key = keyed(folder)
    begin = datetime(2026, 11, 16, tzinfo=UTC)
    apart = days(millions) / millions
    with duckdb.connect() as con:
        con.create_function("hashed", lambda unit: int(key.unit(unit), 16), ["VARCHAR"], "UBIGINT")
        units = folder / "units.parquet"
        con.execute(
            f"COPY (SELECT i, hashed('s' || i) AS h FROM range({SHOPPERS}) t(i)) TO '{units}'"
        )
    listed: dict[Partition, list[object]] = {}
    for index in range(millions):
        first = begin + index * apart
        partition = Partition.of(folder, ROUTE, first.date().isoformat())
        source = _rows(units, moment_of(first), apart // timedelta(milliseconds=1), index)
        listed.setdefault(partition, []).extend(write_segment(partition, source))
    for partition, found in listed.items():
        partition.write(found)  # type: ignore[arg-type]
    return begin


def _rows(units: Path, first: int, span_ms: int, seed: int) -> str:
    def draw(name: str, most: str) -> str:
        return f"(hash(t.i * 31 + {seed}, '{name}') % 1000003 / 1000003.0 * {most})"

    shopper = f"CAST({draw('a', '1')} * {draw('b', '1')} * {SHOPPERS - 1} AS BIGINT)".replace(
        "t.i", "i"
    )
    product = f"CAST({draw('c', '1')} * {draw('d', '1')} * 5000 AS INT)"
    items = " || '\",\"' || ".join(
        f"'p' || CAST({draw(f'{k}x', '1')} * {draw(f'{k}y', '1')} * 500 AS INT)" for k in range(3)
    )
    scores = " || ',' || ".join(f"round({draw(f'{k}s', '1')}, 6)" for k in range(3))
    return f"""(
        SELECT {first}::UBIGINT + ((t.i * {span_ms} // 1000000)::UBIGINT << 16)
                + (t.i % 4096)::UBIGINT AS moment,
            {0x8123456789ABCDEF}::UBIGINT AS tail, '{ROUTE}' AS route,
            '{ORIGIN.package}' AS package, '{ORIGIN.digest}' AS digest, '{ORIGIN.arm}' AS arm,
            '{ORIGIN.shares}' AS shares, '{ORIGIN.rollout}' AS rollout, 'unit' AS why,
            h AS unit, 200::USMALLINT AS status,
            NULL::VARCHAR AS error, 1::UINTEGER AS rows,
            CAST({draw("e", "30")} AS UINTEGER) AS batch_rows,
            CAST(300 + {draw("f", "2000")} AS UBIGINT) AS duration_us,
            '{{"features":' || CAST({draw("g", "1000")} AS INT) || ',"predict":'
                || CAST({draw("h", "1000")} AS INT) || '}}' AS steps,
            NULL::VARCHAR AS shadow_of,
            '{{"shopper":"s' || u || '","viewed":["p' || (u % 5000) || '","p' || {product}
                || '"],"hour":' || (u % 24) || '}}' AS inputs,
            '{{"items":["' || {items} || '"],"scores":[' || {scores} || ']}}' AS outputs
        FROM (SELECT i, {shopper} AS u FROM range(1000000) r(i)) t JOIN '{units}' w ON w.i = u
    )"""


def finding(folder: Path, millions: int, begin: datetime) -> None:
    """Measure how one decision is found, and all of a unit, and those of a minute."""
    size = sum(path.stat().st_size for path in folder.glob("sealed/*/*/*"))
    print(f"{millions} million           {size / millions / 1e6:.1f} bytes each, all told")
    draw = random.Random(5)
    with Decisions(folder) as known:
        times = [begin + draw.random() * days(millions) for _ in range(20)]
        ids = [known.between(when, when + timedelta(seconds=5), limit=1)[0].id for when in times]
        _told("by identity", [lambda one=one: known.find(one) for one in ids])
        units = [f"s{int(draw.random() * draw.random() * SHOPPERS)}" for _ in range(20)]
        _told("by unit, the last", [lambda one=one: known.of_unit(one, limit=1) for one in units])
        _told("by unit, all", [lambda one=one: known.of_unit(one) for one in units])
        often = [f"s{int(draw.random() * 200)}" for _ in range(20)]
        _told("by unit, 100 of a busy one", [lambda one=one: known.of_unit(one) for one in often])
        _told(
            "by time, the last of a minute",
            [
                lambda when=when: known.between(when, when + timedelta(minutes=1), limit=1)
                for when in times
            ],
        )
        _told(
            "by time, 100 of a minute",
            [
                lambda when=when: known.between(when, when + timedelta(minutes=1), limit=100)
                for when in times
            ],
        )


def _told(what: str, calls: list[Callable[[], object]]) -> None:
    """Measure calls after two that warm up; the processor tells more on a busy machine."""
    took = []
    first = time.perf_counter()
    calls[0]()
    first = time.perf_counter() - first
    calls[1]()
    cpu = time.process_time()
    for call in calls:
        start = time.perf_counter()
        call()
        took.append((time.perf_counter() - start) * 1000)
    cpu = (time.process_time() - cpu) / len(calls) * 1000
    print(
        f"{what:30} p50 {statistics.median(took):.1f} ms, worst of {len(took)} {max(took):.1f};"
        f" processor {cpu:.1f} ms; the first {first * 1000:.0f} ms"
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--millions", type=int, default=50)
    asked.add_argument("--seconds", type=float, default=10)
    asked.add_argument("--into", type=Path, help="keep the many here, and find them here again")
    given = asked.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ketch-bench-"))
    many = given.into or folder / "many"
    try:
        recording(folder / "recording")
        appending(folder / "appending", given.seconds)
        begin = datetime(2026, 11, 16, tzinfo=UTC)
        if not (many / "sealed").exists():
            many.mkdir(parents=True, exist_ok=True)
            begin = fill(many, given.millions)
        finding(many, given.millions, begin)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
