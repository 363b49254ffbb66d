"""``ketch serve`` as its users start it, and what its processes take."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from ketch.runtime import Home

KETCH = Path(sys.executable).with_name("ketch")
START_S = 120.0


@dataclass(frozen=True)
class Taken:
    """What a process holds.

    Attributes:
        pss_mb: Memory, what is shared counted in part.
        rss_mb: Memory, what is shared counted whole.
        descriptors: Open files and sockets.
        threads: Threads.
        cpu_s: Seconds of processor since it began.
    """

    pss_mb: float
    rss_mb: float
    descriptors: int
    threads: int
    cpu_s: float


@dataclass
class Gateway:
    """A running ``ketch serve``: the process that holds the socket, the gateway, the workers."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def keeper(self) -> int:
        """The process that was started."""
        return self.process.pid

    @property
    def pid(self) -> int:
        """The process that answers."""
        return children(self.keeper)[0]

    @property
    def sealers(self) -> list[int]:
        """The process that seals decisions, while there is one."""
        return [one for one in children(self.pid) if ".sealing" in _command(one)]

    @property
    def workers(self) -> list[int]:
        """The processes that the packages run in."""
        return [one for one in children(self.pid) if "_worker" in _command(one)]

    @property
    def pids(self) -> list[int]:
        """All of them."""
        return descendants(self.keeper)

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        timeout_s: float = 30.0,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Send one request on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            given = {"Content-Type": "application/json", **(headers or {})}
            connection.request("GET" if body is None else "POST", path, body, given)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, answer.read(), named
        finally:
            connection.close()

    def until(self, path: str, body: bytes, within_s: float = START_S) -> None:
        """Return once a request is answered as it should be."""
        end = time.monotonic() + within_s
        while True:
            try:
                if self.ask(path, body)[0] == 200:
                    return
            except (OSError, HTTPException):
                pass
            if time.monotonic() > end:
                raise SystemExit(self.log.read_text()[-3000:])
            time.sleep(0.01)


@contextmanager
def serving(
    home: Home, *arguments: str, asks: tuple[str, bytes] | None = None, **variables: str
) -> Iterator[Gateway]:
    """Yield a gateway that answers; it says on which port, as it does to everybody.

    Args:
        home: Where the packages are.
        arguments: Of the command.
        asks: A path and a body that must be answered first.
        variables: Environment variables, beside ours.
    """
    log = home.path / f"serve-{time.monotonic_ns()}.log"
    environment = {**os.environ, "KETCH_HOME": str(home.path), **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [KETCH, "serve", *arguments, "--port", "0", "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit(log.read_text()[-3000:])
        port = urlsplit(json.loads(line)["listening"]).port
        gateway = Gateway(process, port or 0, log)
        if asks is not None:
            gateway.until(*asks)
        yield gateway
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        process.stdout.close()


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that are still there."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    """Return a process, what it has started, and what that has."""
    return [pid, *(one for child in children(pid) for one in descendants(child))]


def taken(pid: int) -> Taken:
    """Return what a process holds now.

    Raises:
        OSError: It has ended.
    """
    folder = Path(f"/proc/{pid}")
    status = (folder / "status").read_text()
    memory = (folder / "smaps_rollup").read_text()
    spent_ns = sum(
        int((task / "schedstat").read_text().split()[0]) for task in (folder / "task").iterdir()
    )
    return Taken(
        _kb(r"^Pss:", memory) / 1024,
        _kb(r"^VmRSS:", status) / 1024,
        len(list((folder / "fd").iterdir())),
        _kb(r"^Threads:", status),
        spent_ns / 1e9,
    )


def _kb(name: str, text: str) -> int:
    found = re.search(name + r"\s+(\d+)", text, re.MULTILINE)
    assert found is not None, name
    return int(found[1])


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
