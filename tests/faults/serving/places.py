"""Packages that fail in every way they are asked to, and callers that count what they get."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from tests.gateways import Serving
from tests.shop import KETCH, in_home, run_ketch

import ketch
from ketch.runtime import Home

MODE = "SHOP_MODE"
"""The variable that tells a newer shop how to fail."""

PIPELINE = """
import os
import time

VERSION = "{version}"
MODE = os.environ["SHOP_MODE"] if VERSION != "1.0.0" else "well"
calls = 0
kept = []
if MODE == "import":
    os._exit(7)


def run(model, rows):
    global calls
    calls += 1
    for row in rows:
        name, size = row["name"], row["size"]
        if name == "die" or (MODE == "first" and name != "a"):
            os._exit(9)
        if MODE == "hundredth" and name != "a" and calls >= 100:
            os._exit(9)
        if name == "sleep":
            time.sleep(size / 1000)
        if name == "leak":
            kept.append(b"x" * size)
    return [{{"mark": row["name"] + "|" + str(row["size"]), "by": VERSION}} for row in rows]
"""
ROUTE = 'unit = "name"\napprovals = 0\nexperiment = false\n'


def pack(author: Callable[..., Path], home: Home, folder: Path, name: str, version: str) -> None:
    """Put a version of a package into a home."""
    author(
        folder,
        PIPELINE.format(version=version),
        name=name,
        inputs='name = "string"\nsize = "int64"\n',
        outputs='mark = "string"\nby = "string"\n',
        scenarios=[
            {"inputs": {"name": "a", "size": 3}, "expected": {"mark": "a|3", "by": version}}
        ],
    )
    declared = folder / "ketch.toml"
    text = declared.read_text().replace('version = "1.0.0"', f'version = "{version}"')
    declared.write_text(text.replace("[environment]", f'[environment]\nrequired = ["{MODE}"]'))
    assert ketch.pack(folder, home=home).verified


def promote(home: Home, version: str, *stages: str) -> None:
    """Promote a version of the shop, stage by stage."""
    for stage in stages:
        ref, why = f"shop:{version}", ("--reason", "because")
        run_ketch(home, "promote", ref, stage, "--route", "shop", *why)


@dataclass
class Heard:
    """What callers were answered.

    Attributes:
        said: Answers by status and code; ``right`` and ``wrong`` are those of 200.
        times: How long each took, by status.
        by: Right answers by the version that gave them, in their order.
    """

    said: Counter[str] = field(default_factory=Counter)
    times: dict[int, list[float]] = field(default_factory=dict)
    by: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def errors(self) -> Counter[str]:
        return self.said - Counter({"right": self.said["right"]})

    def slowest(self, status: int) -> float:
        return max(self.times.get(status, [0.0]))


@dataclass
class Caller:
    """Asks on one connection, again and again, as a good client does.

    Attributes:
        port: Where.
        heard: What it was answered.
        is_told: Whether the gateway said that the connection ends.
    """

    port: int
    heard: Heard
    timeout_s: float = 60.0
    is_told: bool = False
    _connection: HTTPConnection | None = None

    def ask(self, path: str, name: str, size: int) -> int:
        """Ask once; return the status."""
        if self._connection is None:
            self._connection = HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)
        body = json.dumps({"name": name, "size": size})
        began = time.monotonic()
        self._connection.request("POST", path, body, {"content-type": "application/json"})
        answer = self._connection.getresponse()
        content = json.loads(answer.read())
        took = time.monotonic() - began
        self.is_told = answer.getheader("connection") == "close"
        if self.is_told:
            self.close()
        if answer.status == 200:
            is_right = content["mark"] == f"{name}|{size}"
            key = "right" if is_right else "wrong"
            self.heard.by.append(content["by"])
        else:
            key = f"{answer.status} {content['code']}"
            may_wait = key not in {"503 serve/worker-died", "503 serve/not-recorded"}
            assert answer.status != 503 or answer.getheader("retry-after") or not may_wait, content
        self.heard.said[key] += 1
        self.heard.times.setdefault(answer.status, []).append(took)
        return answer.status

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def once(gateway: Serving, path: str, name: str, size: int, heard: Heard | None = None) -> int:
    """Ask once, on a connection of its own; return the status."""
    caller = Caller(gateway.port, heard or Heard())
    try:
        return caller.ask(path, name, size)
    finally:
        caller.close()


@contextmanager
def callers(
    gateway: Serving,
    count: int,
    path: str = "/shop",
    *,
    pause_s: float = 0.0,
    until_told: bool = False,
) -> Iterator[Heard]:
    """Have callers ask while the block lasts; each row is another, and so is its answer."""
    heard, stop = Heard(), threading.Event()

    def call(number: int) -> None:
        caller, asked = Caller(gateway.port, heard), 0
        try:
            while not stop.is_set() and not (until_told and caller.is_told):
                asked += 1
                caller.ask(path, f"n{number}", asked)
                time.sleep(pause_s)
        except (OSError, HTTPException) as error:
            heard.lost.append(repr(error))
        finally:
            caller.close()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield heard
    finally:
        if not until_told:
            stop.set()
        for thread in threads:
            thread.join(120)
        stop.set()
    assert heard.said["wrong"] == 0


def together(*work: Callable[[], object]) -> None:
    """Do several things at the same time."""
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)


def said_by(gateway: Serving) -> list[dict[str, Any]]:
    """Return what a gateway has logged; its keeper says things, too."""
    lines = gateway.log.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def metric(gateway: Serving, name: str, **labels: str) -> float:
    """Return a number of ``/metrics``, summed over the labels that are not named."""
    total = 0.0
    for line in gateway.ask("/metrics").body.decode().splitlines():
        key, _, value = line.rpartition(" ")
        has_all = all(f'{label}="{said}"' in key for label, said in labels.items())
        if key.partition("{")[0] == name and has_all:
            total += float(value)
    return total


def rss_bytes(pid: int) -> int:
    """Return what a process holds in memory, and shares with nobody."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@contextmanager
def begun(
    home: Home, command: Sequence[str | Path], log: Path, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command that runs ``ketch serve``; yield it at once."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            env=in_home(home, **variables),
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def serving_by(
    home: Home, before: Sequence[str | Path], *arguments: str, **variables: str
) -> Iterator[Serving]:
    """Yield ``ketch serve``, run by another program, once it says where it listens."""
    log = home.path.parent / f"serve-{time.monotonic_ns()}.log"
    command = [*before, KETCH, "serve", *arguments, "--port", "0", "--json"]
    with begun(home, command, log, **variables) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text()
        yield Serving(process, json.loads(line)["listening"], log)


def copied(home: Home, folder: Path) -> Home:
    """Return a copy of a home."""
    shutil.copytree(home.path, folder, symlinks=True)
    return Home(folder)
