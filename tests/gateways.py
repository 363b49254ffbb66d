"""Gateways for tests: ``ketch serve`` for real, asked over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.shop import KETCH, children, in_home

from ketch.runtime import Home

START_S = 60.0


@dataclass(frozen=True)
class Said:
    """What a gateway answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["code"])


@dataclass
class Serving:
    """A running ``ketch serve``."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(urlsplit(self.url).port or 0)

    @property
    def gateway(self) -> int:
        """The process that answers; the one that was started holds the socket."""
        return children(self.process.pid)[0]

    @property
    def workers(self) -> list[int]:
        return children(self.gateway)

    def ask(
        self,
        path: str,
        body: object = None,
        *,
        method: str | None = None,
        timeout_s: float = 30.0,
        **headers: str,
    ) -> Said:
        """Send one request on a connection of its own."""
        raw = body if isinstance(body, bytes) else None if body is None else _json(body)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if raw is not None:
            given.setdefault("content-type", "application/json")
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method or ("GET" if raw is None else "POST"), path, raw, given)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Said(response.status, found, response.read())
        finally:
            connection.close()

    def until(self, claim: Callable[[], object], within_s: float = 30.0) -> None:
        """Return once a claim holds; what the gateway said is told when it never does."""
        end = time.monotonic() + within_s
        while True:
            try:
                if claim():
                    return
            except (OSError, HTTPException):
                pass  # it is on its way
            assert time.monotonic() < end, self.log.read_text()[-3000:]
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop; return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


@contextmanager
def serving(home: Home, *arguments: str, **variables: str) -> Iterator[Serving]:
    """Yield ``ketch serve`` with a home, once it says where it listens."""
    log = home.path / f"serve-{time.monotonic_ns()}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [KETCH, "serve", *arguments, "--port", "0", "--json"],
            env=in_home(home, **variables),
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, log.read_text()
        yield Serving(process, json.loads(line)["listening"], log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        process.stdout.close()


def end(pid: int) -> None:
    """Kill a process as nothing it does can prevent."""
    os.kill(pid, signal.SIGKILL)
