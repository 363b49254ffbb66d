"""A rollout of a million units among five million decisions: loaded, followed, reported.

    python bench/report.py [--units 1000000]

Each unit asks five times over two weeks; one in twenty answers is slow, one in a thousand an
error, 3 % of the units buy, each for another amount. Prints what the guard and a report wait
for, and the memory that the counts take.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.tallies import ID, NEW, OLD, POLICY, ROUTE, Writer, at, decided, rollout

from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.decisions.keyed import keyed
from ketch.monitor.decisions.segments import Partition
from ketch.monitor.decisions.sorting import write_segment
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.monitor.rollouts import Tally, report
from ketch.rollout.assign import bucket

DAYS = 14
ASKS = 5
SHARE = 100_000


def fill(log: Path, units: int) -> None:
    """Write the decisions as segments by day."""
    hashed = keyed(log).unit
    with duckdb.connect() as con:
        con.create_function("hashed", lambda one: int(hashed(f"u{one}"), 16), ["BIGINT"], "UBIGINT")
        con.create_function("bucket", lambda one: bucket("salt", f"u{one}"), ["BIGINT"], "BIGINT")
        con.execute(
            f"COPY (SELECT i, hashed(i) AS h, bucket(i) < {SHARE * 2**20 // 10**6} AS mine"
            f" FROM range({units}) t(i)) TO '{log / 'units.parquet'}'"
        )
    each = units * ASKS // DAYS
    for day in range(DAYS):
        begin = at(day * 86_400)
        partition = Partition.of(log, ROUTE, begin.date().isoformat())
        rows = _rows(log / "units.parquet", moment_of(begin), each, day * each, units)
        partition.write(write_segment(partition, rows))


def _rows(units: Path, first: int, number: int, start: int, many: int) -> str:
    """Return the decisions of a day, in SQL: all units in turn, each in an order of its own."""
    step = 86_400_000 / number
    return f"""(
        SELECT {first}::UBIGINT + (CAST((n - {start}) * {step} AS UBIGINT) << 16) AS moment,
            {1 << 63}::UBIGINT + n::UBIGINT AS tail, '{ROUTE}' AS route,
            CASE WHEN mine THEN 'recommender:1.1.0' ELSE 'recommender:1.0.0' END AS package,
            CASE WHEN mine THEN '{NEW}' ELSE '{OLD}' END AS digest,
            CASE WHEN mine THEN 'limited' ELSE 'prod' END AS arm,
            'limited={SHARE} prod={1_000_000 - SHARE}' AS shares, '{ID}' AS rollout,
            'unit' AS why, h AS unit,
            CASE WHEN hash(n) % 1000 = 0 THEN 503 ELSE 200 END::USMALLINT AS status,
            NULL::VARCHAR AS error, 1::UINTEGER AS rows, 1::UINTEGER AS batch_rows,
            CASE WHEN hash(n) % 20 = 1 THEN 90000 ELSE 900 END::UBIGINT AS duration_us,
            '{{}}' AS steps, NULL::VARCHAR AS shadow_of, '{{"shopper":"u' || u || '"}}' AS inputs,
            '{{"items":["p1"]}}' AS outputs
        FROM (SELECT n, (n * 7919) % {many} AS u FROM range({start}, {start + number}) t(n))
        JOIN '{units}' w ON w.i = u
    )"""


def tell(log: Path, units: int) -> None:
    """Tell what 3 % of the units bought, and for how much."""
    draw = random.Random(6)
    told = []
    for unit in draw.sample(range(units), units * 3 // 100):
        when = at(draw.random() * DAYS * 86_400)
        name = {"key": str(unit), "unit": f"u{unit}", "at": when}
        told.append(Outcome(ROUTE, "purchase", **name))  # type: ignore[arg-type]
        told.append(Outcome(ROUTE, "revenue", value=draw.lognormvariate(3.8, 1.1), **name))  # type: ignore[arg-type]
    with Outcomes(log) as ledger:
        for start in range(0, len(told), 10_000):
            ledger.record(told[start : start + 10_000])


def timed(what: str, call: Callable[[], object], times: int = 1) -> None:
    took, cpu = [], time.process_time()
    for _ in range(times):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    cpu = (time.process_time() - cpu) / times
    print(f"{what:44} {statistics.median(took) * 1000:8.1f} ms, processor {cpu * 1000:8.1f} ms")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--units", type=int, default=1_000_000)
    units = asked.parse_args().units
    log = Path(tempfile.mkdtemp(prefix="ketch-bench-"))
    try:
        Writer(log).write([])
        fill(log, units)
        tell(log, units)
        known: list[Tally] = []
        timed("load, 1 look", lambda: known.append(Tally(rollout(POLICY), [log])))
        tally, now = known[0], at(DAYS * 86_400) + timedelta(days=8)
        size = tally.census.size_bytes
        print(f"{'memory of the counts':44} {size / len(tally.census.roster):8.0f} bytes a unit")
        timed("evidence of five guardrails", lambda: tally.evidence(now), 5)
        timed("report, with 40 points", lambda: report(tally, now), 3)
        timed("catch up with nothing", tally.catch_up, 20)
        writer = Writer(log)
        for what, fresh in (("1,000 decisions", 1000), ("10,000 decisions", 10_000)):
            _followed(tally, writer, what, fresh, units)
        _told(tally, log, writer)
    finally:
        shutil.rmtree(log)


def _followed(tally: Tally, writer: Writer, what: str, number: int, units: int) -> None:
    took, cpu = [], []
    for turn in range(5):
        writer.write(
            [
                decided(f"u{(turn * number + one) * 31 % (units * 2)}", "prod", 15 * 86_400 + one)
                for one in range(number)
            ]
        )
        start, begun = time.perf_counter(), time.process_time()
        tally.catch_up()
        took.append(time.perf_counter() - start)
        cpu.append(time.process_time() - begun)
    print(
        f"{'catch up with ' + what:44} {statistics.median(took) * 1000:8.1f} ms, "
        f"processor {statistics.median(cpu) * 1000:8.1f} ms"
    )


def _told(tally: Tally, log: Path, writer: Writer) -> None:
    made = [
        decided(f"u{one}", "prod", 16 * 86_400 + one, tail=(1 << 63) + one) for one in range(1000)
    ]
    writer.write(made)
    tally.catch_up()
    with Outcomes(log) as ledger:
        ledger.record([Outcome(ROUTE, "purchase", decision=one.id) for one in made])
    timed("catch up with 1,000 outcomes of hot decisions", tally.catch_up)
    with duckdb.connect() as con:
        path = next((log / "sealed").glob("*/*/*.parquet"))
        rows = con.execute(f"SELECT moment, tail FROM '{path}' LIMIT 1000").fetchall()
    with Outcomes(log) as ledger:
        ledger.record(
            [Outcome(ROUTE, "pages", decision=f"{one:016x}{tail:016x}") for one, tail in rows]
        )
    timed("catch up with 1,000 outcomes of sealed ones", tally.catch_up)


if __name__ == "__main__":
    main()
