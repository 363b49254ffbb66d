"""What servers say to requests that are wrong: ketch beside what its peers said.

    SERVING_WORK=DIR python bench/wrong_inputs.py [--bench FOLDER]

ketch serves W1 and is asked every wrong request of the peers' bench in its own form; what
the peers said to the same is read from the `results.json` of that bench. A refusal is to be
a 4xx of less than 1 kB that says the place and what was expected, repeats nothing of the
body, and leaves the server well. Prints a table, and what ketch said as JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from served import packages
from served.gateway import Gateway, serving, taken
from served.peers import Bench

from ketch.runtime import Home

FOLDER = Path(__file__).parents[2] / "shared/bench/serving"
RIGHT = frozenset({"ok", "columns in other order", "unknown category"})
"""What is not wrong: the last of these the model was trained to take."""

PLACES = {
    "missing numeric column": "age",
    "missing string column": "region",
    "renamed column": "age",
    "extra column": "extra",
    "string for a number ('abc')": "price",
    "numeric string ('12.5')": "price",
    "null number": "price",
    "null string": "category",
    "number for a string": "category",
}
"""The field that a refusal has to name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path, default=FOLDER)
    given = parser.parse_args(arguments)
    bench = Bench.open(given.bench.resolve(), secs=1, reps=1, starts=1, concurrency=[1])
    project = packages.tabular(bench.work, bench.folder, "3.12")
    home = Home(bench.work / "ketch" / "tabular")
    reference = packages.pack(project, bench.work / "ketch-projects", home)
    good = json.dumps(bench.cases["rows"][:1]).encode()
    with serving(home, reference, "--workers", "1", asks=("/tabular", good)) as gateway:
        said = ours(gateway, bench, good)
    said_by = {"ketch": said, **theirs(given.bench)}
    names = list(said_by)
    print(f"| request | {' | '.join(names)} |\n|---{'|---' * len(names)}|")
    for case in said:
        cells = [_cell(said_by[name].get(case)) for name in names]
        print(f"| {case} | {' | '.join(cells)} |")
    print(json.dumps(said))
    wrong = [case for case, answer in said.items() if answer["faults"]]
    print(f"{len(said)} requests, {len(wrong)} not answered as they should be: {wrong}")


def ours(gateway: Gateway, bench: Bench, good: bytes) -> dict[str, Any]:
    """Return what ketch says to each case."""
    said = {case: _asked(gateway, case, body, good) for case, body in bench.wrong_cases()}
    rows = bench.cases["rows"]
    count = int(50e6 / (len(json.dumps(rows)) / len(rows)))
    large = json.dumps([rows[at % len(rows)] for at in range(count)]).encode()
    for case, body in (("50 MB valid body", large), ("50 MB non-JSON body", b"x" * 50_000_000)):
        before = taken(gateway.pid).rss_mb
        said[case] = _asked(gateway, case, body, good)
        said[case]["grew_mb"] = round(taken(gateway.pid).rss_mb - before, 1)
    return said


def _asked(gateway: Gateway, case: str, body: bytes, good: bytes) -> dict[str, Any]:
    began = time.perf_counter()
    status, answer, _ = gateway.ask("/tabular", body)
    took_s = time.perf_counter() - began
    found = {
        "status": status,
        "bytes": len(answer),
        "s": round(took_s, 3),
        "body": answer[:400].decode(errors="replace"),
    }
    found["faults"] = _faults(case, status, answer, body)
    if gateway.ask("/tabular", good)[0] != 200:
        found["faults"].append("the next request is not answered")
    return found


def _faults(case: str, status: int, answer: bytes, body: bytes) -> list[str]:
    """Return what is not as it should be in an answer."""
    if case in RIGHT:
        return [] if status == 200 else [f"answered {status}"]
    told = answer.decode()
    faults = []
    if not 400 <= status < 500:
        faults.append(f"answered {status}")
    if len(answer) >= 1_000:
        faults.append("it is long")
    if len(body) > 40 and body[:40].decode(errors="replace") in told:
        faults.append("it repeats the body")
    if "Traceback" in told:
        faults.append("it shows a traceback")
    if case in PLACES and (PLACES[case] not in told or "rows[0]" not in told):
        faults.append("it does not say where")
    if case.startswith("50 MB") and status != 413:
        faults.append("it is not told that the body is too large")
    return faults


def theirs(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return what the peers said, as it is kept."""
    kept = json.loads((folder / "results.json").read_text())
    said: dict[str, dict[str, Any]] = {}
    for one in (*kept["wrong"], *kept["wrong_big"]):
        said.setdefault(one["peer"], {}).update(one["wrong"])
    return dict(said)


def _cell(answer: Mapping[str, Any] | None) -> str:
    if not isinstance(answer, Mapping):
        return "-"
    status = str(answer["status"]) if answer["status"] else "closed"
    size = f", {answer['bytes']:,} B" if answer["bytes"] >= 1_000 else ""
    return status + size + ("" if answer.get("alive", True) else ", then dead")


if __name__ == "__main__":
    main()
