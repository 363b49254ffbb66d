"""A profile of 1 M rows of 50 columns, beside pandas, whylogs and plain sketches of the same.

    python bench/profiles.py [--rows 1000000]

30 floats, 10 integers, 5 texts of ten kinds and 5 of many; as a Parquet file, and as the
inputs of decisions in JSON over 24 hours. Each tool is a process of its own, the peers in
environments made for them; quantiles are checked against the exact ranks of their values.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

UV = str(Path(sys.executable).with_name("uv"))
FLOATS = [f"f{k}" for k in range(30)]
RANKS = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999]
PEERS = {
    "pandas": ["pandas==3.0.*", "pyarrow", "datasketches==5.2.*"],
    "plain": [],
    "whylogs": ["whylogs==1.6.4", "numpy<2", "pandas<3", "pyarrow<20", "setuptools<81"],
}
"""What each needs; plain sketches have the environment of pandas."""


def columns() -> str:
    """Return the columns of a row ``i``, in SQL."""
    unit = "(hash(i * 50 + {k}) % 1000003 / 1000003.0)"
    floats = (f"-ln(1 - {unit.format(k=k)}) * {k + 1} AS f{k}" for k in range(30))
    whole = (f"(hash(i * 50 + {k}) % 100000)::BIGINT AS i{k}" for k in range(30, 40))
    texts = (
        f"'kind ' || (hash(i * 50 + {k}) % {10 if k < 45 else 100_000}) AS t{k}"
        for k in range(40, 50)
    )
    return ", ".join([*floats, *whole, *texts])


def make(folder: Path, rows: int) -> None:
    """Write the rows as a file, and as a segment of decisions; and the exact ranks."""
    import duckdb

    from ketch.monitor.decisions import table
    from ketch.monitor.decisions.segments import Partition
    from ketch.monitor.decisions.sorting import write_segment

    file = folder / "rows.parquet"
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT {columns()} FROM range({rows}) r(i)) TO '{file}'")
    known = {"route": "'r'", "package": "'p:1'", "digest": "'d'", "arm": "'prod'", "why": "'unit'"}
    known |= {"outputs": "'{\"ok\":true}'", "inputs": "to_json(t)::VARCHAR", "tail": "1"}
    known |= {"moment": f"(1763942400000 + i * 86399000 // {rows})::UBIGINT << 16"}
    given = ", ".join(
        f"({known.get(name, 'NULL')})::{kind} AS {name}" for name, kind in table.COLUMNS.items()
    )
    source = f"(SELECT {given} FROM (SELECT row_number() OVER () - 1 AS i, t FROM '{file}' t))"
    partition = Partition.of(folder, "r", "2025-11-24")
    partition.write(write_segment(partition, source))


def of_file(folder: Path) -> tuple[int, dict[str, tuple[float, ...]]]:
    """Profile the file, as a data reference of a package is."""
    from ketch.tables.scan import profile_file

    found = profile_file(folder / "rows.parquet")
    size = len(json.dumps(found.to_json()))
    return size, {name: found.column(name).quantiles(RANKS) for name in FLOATS}


def of_decisions(folder: Path) -> tuple[int, dict[str, tuple[float, ...]]]:
    """Profile the decisions, as the process that seals does, and add the 24 hours up."""
    from ketch.monitor.decisions.segments import partitions
    from ketch.monitor.profiles import merged
    from ketch.monitor.profiles.kept import keep, read

    (partition,) = partitions(folder)
    (segment,) = partition.segments() or ()
    keep(partition, datetime(2025, 11, 25, tzinfo=UTC))
    size = sum(path.stat().st_size for path in partition.folder.glob("*.hours"))
    day = merged(read(partition.folder, segment.name) or [])
    return size, {name: day.field(name).column.quantiles(RANKS) for name in FLOATS}


def by_pandas(folder: Path) -> tuple[int, dict[str, tuple[float, ...]]]:
    """Compute the same exactly."""
    import pandas as pd

    rows = pd.read_parquet(folder / "rows.parquet")
    rows.describe(include="all")
    rows.isna().sum()
    rows.nunique()
    found = rows[FLOATS + [f"i{k}" for k in range(30, 40)]].quantile(RANKS)
    for name in rows:
        rows[name].value_counts()
    return 0, {name: tuple(found[name]) for name in FLOATS}


def plainly(folder: Path) -> tuple[int, dict[str, tuple[float, ...]]]:
    """Feed DataSketches' own KLL, HyperLogLog and frequent items, and nothing else."""
    import datasketches as ds
    import pandas as pd

    rows, size, found = pd.read_parquet(folder / "rows.parquet"), 0, {}
    for name in rows:
        column, distinct = rows[name], ds.hll_sketch(12)
        sketch: Any = ds.kll_doubles_sketch(400)
        if column.dtype.kind in "fi":
            sketch.update(column.to_numpy("float64", copy=True))
            add = distinct.update
        else:
            sketch = ds.frequent_strings_sketch(10)

            def add(text: str, one: Any = sketch, other: Any = distinct) -> None:
                one.update(text)
                other.update(text)

        for value in column.tolist():
            add(value)
        size += len(sketch.serialize()) + len(distinct.serialize_compact())
        if name in FLOATS:
            found[name] = tuple(sketch.get_quantiles(RANKS))
    return size, found


def by_whylogs(folder: Path) -> tuple[int, dict[str, tuple[float, ...]]]:
    """Log the rows with whylogs as it comes."""
    import pandas as pd
    import whylogs

    view = whylogs.log(pd.read_parquet(folder / "rows.parquet")).view()
    found = {}
    for name in FLOATS:
        kll = view.get_column(name).get_metric("distribution").kll.value
        found[name] = tuple(kll.get_quantiles(RANKS))
    return len(view.serialize()), found


STEPS: dict[str, Callable[[Path], tuple[int, dict[str, tuple[float, ...]]]]] = {
    "ketch, of a file": of_file,
    "ketch, of decisions": of_decisions,
    "pandas": by_pandas,
    "plain": plainly,
    "whylogs": by_whylogs,
}


def environments(folder: Path) -> dict[str, str]:
    """Make the environments of the peers; return the Python of each."""
    made: dict[str, str] = {}
    for name, needs in PEERS.items():
        if needs:
            place = folder / name
            subprocess.run([UV, "venv", "-q", "-p", sys.executable, place], check=True)
            made[name] = str(place / "bin" / "python")
            subprocess.run([UV, "pip", "install", "-q", "-p", made[name], *needs], check=True)
    return {"plain": made["pandas"], **made}


def step(name: str, folder: Path) -> None:
    """Do one of them, and print what it took and found."""
    wall, cpu = time.perf_counter(), time.process_time()
    size, quantiles = STEPS[name](folder)
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps({**took, "mb": peak_mb(), "bytes": size, "quantiles": quantiles}))


def peak_mb() -> float:
    """Return the most memory that this process held; `getrusage` counts its parent's, too."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(one for one in status if one.startswith("VmHWM")).split()[1]) / 1024


def worst(folder: Path, quantiles: dict[str, list[float]]) -> tuple[float, float]:
    """Return by how much ranks are off at most: from 5 to 95 %, and beyond."""
    import duckdb
    import numpy as np

    file = folder / "rows.parquet"
    each = []
    for name, values in quantiles.items():
        exact = np.sort(duckdb.sql(f"SELECT {name} FROM '{file}'").fetchnumpy()[name])
        each.append(_off(exact, dict(zip(RANKS, values, strict=True))))
    return max(middle for middle, _ in each), max(ends for _, ends in each)


def added_up(hours: int, rows: int) -> tuple[float, float]:
    """Return by how much ranks are off when the sketches of many hours are added up."""
    import numpy as np

    from ketch.tables.sketch import QuantileSketch

    draw = np.random.default_rng(3)
    shapes: list[Callable[[int], Any]] = [
        lambda _: draw.lognormal(0, 1, rows),
        lambda hour: draw.normal(hour / 20, 1, rows),
        lambda hour: draw.normal(5 * np.sin(hour / 24 * 2 * np.pi), 1, rows),
        lambda hour: np.arange(rows) + hour * rows,
        lambda _: draw.integers(0, 300, rows),
    ]
    off = [0.0, 0.0]
    for shape in shapes:
        parts, whole = [shape(hour) for hour in range(hours)], QuantileSketch()
        for part in parts:
            one = QuantileSketch()
            one.add(part)
            whole = QuantileSketch(whole.merge(one).to_bytes())
        exact = np.sort(np.concatenate(parts))
        found = dict(zip(RANKS, whole.quantiles(RANKS), strict=True))
        off = [max(pair) for pair in zip(off, _off(exact, found), strict=True)]
    return off[0], off[1]


def _off(exact: Any, found: dict[float, float]) -> tuple[float, float]:
    """Return how far ranks are off at most: from 5 to 95 %, and beyond."""
    import numpy as np

    off = [0.0, 0.0]
    for rank, value in found.items():
        low, high = (np.searchsorted(exact, value, side) for side in ("left", "right"))
        away = max(0.0, low / len(exact) - rank, rank - high / len(exact))
        ends = int(not 0.05 <= rank <= 0.95)
        off[ends] = max(off[ends], away)
    return off[0], off[1]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--step", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.step:
        step(given.step[0], Path(given.step[1]))
        return
    with tempfile.TemporaryDirectory(prefix="ketch-bench-") as name:
        folder = Path(name)
        pythons = environments(folder)
        make(folder, given.rows)
        for which in STEPS:
            command = [pythons.get(which, sys.executable), __file__, "--step", which, name]
            quiet = {**os.environ, "WHYLOGS_NO_ANALYTICS": "True"}
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=quiet).stdout
            found = json.loads(said.splitlines()[-1])
            middle, ends = worst(folder, found["quantiles"])
            print(
                f"{which:20} {found['cpu']:6.1f} s of processor, {found['wall']:6.1f} s, "
                f"{found['mb']:6,.0f} MB, {found['bytes'] / 1000:8,.0f} kB; ranks off by "
                f"{middle:.3%} in the middle, {ends:.3%} at the ends"
            )
            if which.startswith("ketch"):
                assert middle <= 0.01, middle
                assert ends <= 0.002, ends
    for hours, rows in ((168, 5000), (720, 1000)):
        middle, ends = added_up(hours, rows)
        print(f"{hours} hours of {rows:,} rows, added up: ranks off by {middle:.3%}, {ends:.3%}")
        assert middle <= 0.01, middle
        assert ends <= 0.002, ends


if __name__ == "__main__":
    main()
