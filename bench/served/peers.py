"""The peers, and ketch, measured by the functions of the peers' own bench.

`bench.py` and `peers.py` lie beside its README, which says how the folder SERVING_WORK is
set up. They need `wrk`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Bench:
    """One run: where things are, and how long is measured.

    Attributes:
        work: The folder that SERVING_WORK names.
        folder: The folder of the peers' bench.
        theirs: Its ``bench.py``.
        secs, reps, starts: Seconds of a measure, how many of them, and how many starts.
        concurrency: How many connections, one after the other.
    """

    work: Path
    folder: Path
    theirs: ModuleType
    secs: int
    reps: int
    starts: int
    concurrency: Sequence[int]

    @classmethod
    def open(
        cls, folder: Path, *, secs: int, reps: int, starts: int, concurrency: Sequence[int]
    ) -> Bench:
        """Return the peers' bench that lies in a folder."""
        sys.path.insert(0, str(folder))
        theirs = importlib.import_module("bench")
        work = Path(os.environ["SERVING_WORK"]).resolve()
        return cls(work, folder, theirs, secs, reps, starts, concurrency)

    @property
    def cases(self) -> Any:
        """Rows, and right answers."""
        return json.loads((self.work / "data/cases.json").read_text())

    @property
    def python(self) -> Path:
        """The Python with the libraries of W1 that nobody serves with."""
        return self.work / "venvs/fastapi/bin/python"

    def peer(self, name: str) -> dict[str, Any]:
        """Return all figures of a peer."""
        asked = argparse.Namespace(
            kinds="tab,rec",
            starts=self.starts,
            conc=list(self.concurrency),
            secs=self.secs,
            reps=self.reps,
        )
        found: dict[str, Any] = self.theirs.bench(name, asked)
        return found

    def load(
        self, url: str, body: Path, pids: Sequence[int], concurrency: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """Return rates and latencies of a server at each concurrency."""
        counts = list(concurrency or self.concurrency)
        found: dict[str, Any] = self.theirs.load(url, body, counts, self.secs, self.reps, pids)
        return found

    def is_right(self, workload: str, answer: bytes) -> bool:
        """Whether an answer has the numbers that every server must give."""
        if workload == "w3":
            return bool(self.theirs.check_rec(answer, self.cases))
        return bool(self.theirs.check_tab(answer, self.cases, 1 if workload == "w1" else 100))

    def body(self, workload: str, value: object) -> Path:
        """Return a file with the body of a request to ketch."""
        path = self.work / "bodies" / f"ketch-{workload}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(value))
        return path

    def wrong_cases(self) -> Sequence[tuple[str, bytes]]:
        """Return what every server is asked that it should not be, in ketch's own form."""
        form: Mapping[str, Any] = {"fmt": lambda rows: json.dumps(rows).encode()}
        return tuple(self.theirs.wrong_cases(form, self.cases["rows"]))
