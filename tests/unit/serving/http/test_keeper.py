"""A keeper and its gateway, in real processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.serving.http.wire import until

SCRIPT = Path(__file__).with_name("gateway.py")


@dataclass
class Kept:
    """A keeper that runs."""

    process: subprocess.Popen[str]
    port: int = 0
    gateway: int = 0

    def hear(self) -> None:
        """Wait for the next gateway to be ready."""
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.port, self.gateway = told["port"], told["pid"]

    def ask(self, path: str = "/") -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@contextmanager
def kept(kind: str = "good", *, ready: bool = True, script: Path = SCRIPT) -> Iterator[Kept]:
    process = subprocess.Popen(
        [sys.executable, str(script), kind],
        *(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    one = Kept(process)
    try:
        if ready:
            one.hear()
        yield one
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
        if one.gateway:
            until(lambda: not is_running(one.gateway))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_gateway_that_is_killed_under_load_is_replaced_and_no_connection_is_refused() -> None:
    refused: list[Exception] = []
    cut = answered = 0
    stop = threading.Event()

    def ask(one: Kept) -> None:
        nonlocal cut, answered
        while not stop.is_set():
            try:
                assert one.ask().split()[0].isdigit()
                answered += 1
            except ConnectionRefusedError as error:
                refused.append(error)
            except (OSError, http.client.HTTPException):
                cut += 1  # it was being answered by the one that died

    with kept() as one:
        threads = [threading.Thread(target=ask, args=[one]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for count in range(3):
            until(lambda: answered > 50 * (count + 1))  # noqa: B023 # it is asked at once
            os.kill(one.gateway, signal.SIGKILL)
            one.hear()
        before = answered
        until(lambda: answered > before + 50)
        stop.set()
        for thread in threads:
            thread.join(20)
        assert one.end() == 0
    assert refused == []
    assert cut <= 3 * 8


def test_it_starts_a_gateway_again_that_ends_with_a_failure_and_says_so() -> None:
    with kept() as one:
        first = one.gateway
        with contextlib.suppress(OSError, http.client.HTTPException):
            one.ask("/end?7")
        one.hear()
        assert one.gateway != first
        assert one.ask().endswith(" 1")
        assert one.end() == 0
        assert one.process.stderr is not None
        assert "the gateway ended with 7; it starts again in 0.1 s" in one.process.stderr.read()


def test_it_waits_longer_each_time_a_gateway_does_not_start_again() -> None:
    with kept("fails later") as one:
        began = time.monotonic()
        os.kill(one.gateway, signal.SIGKILL)
        one.hear()
        assert time.monotonic() - began > 0.1 + 0.2 + 0.4
        assert one.ask().endswith(" 3")
        assert one.end() == 0
        assert one.process.stderr is not None
        assert "was killed by signal 9; it starts again in 0.1 s" in one.process.stderr.read()


def test_a_gateway_that_was_never_ready_is_not_started_again() -> None:
    with kept("fails at first", ready=False) as one:
        assert one.process.wait(20) == 3


@pytest.mark.parametrize(("kind", "status"), [("good", 0), ("returns 5", 5)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_stop_it_passes_that_on_and_ends_as_the_gateway_did(
    kind: str, status: int, number: signal.Signals
) -> None:
    with kept(kind) as one:
        assert one.end(number) == status
        assert not is_running(one.gateway)


def test_a_gateway_that_ends_well_ends_the_keeper() -> None:
    with kept() as one:
        one.ask("/return")
        assert one.process.wait(20) == 0


def test_a_gateway_that_does_not_stop_is_killed() -> None:
    with kept("does not stop") as one:
        began = time.monotonic()
        assert one.end() == 128 + signal.SIGKILL
        assert time.monotonic() - began > 0.9


def test_told_to_stop_between_two_gateways_it_ends() -> None:
    with kept("fails ever after") as one:
        os.kill(one.gateway, signal.SIGKILL)
        assert one.process.stderr is not None
        while "again in 1.6 s" not in one.process.stderr.readline():
            pass
        began = time.monotonic()
        assert one.end() == 0
        assert time.monotonic() - began < 1.0


def test_a_gateway_ends_with_its_keeper() -> None:
    with kept() as one:
        one.process.kill()
        until(lambda: not is_running(one.gateway))


def test_a_signal_that_is_ignored_stays_so() -> None:
    process = subprocess.Popen(
        ["nohup", sys.executable, str(SCRIPT), "good"],
        *(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    one = Kept(process)
    one.hear()
    process.send_signal(signal.SIGHUP)
    assert one.ask().endswith(" 0")
    assert one.end() == 0
    assert process.stdout is not None
    process.stdout.close()


def test_the_keeper_holds_little() -> None:
    with kept() as one:
        status = Path(f"/proc/{one.process.pid}/status").read_text()
        libraries = Path(f"/proc/{one.process.pid}/maps").read_text()
    (held_kb,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")]
    assert held_kb < 12_000
    assert "site-packages" not in libraries


def test_a_gateway_that_is_started_again_is_the_one_on_the_disk(tmp_path: Path) -> None:
    script = tmp_path / "gateway.py"
    text = SCRIPT.read_text()
    script.write_text(text)
    with kept(script=script) as one:
        before = one.ask()
        script.write_text(text.replace("{start.count}", "{start.count} of a new version"))
        os.kill(one.gateway, signal.SIGKILL)
        one.hear()

        assert before.endswith(" 0")
        assert one.ask().endswith(" 1 of a new version")


def test_nothing_of_the_keeper_reaches_what_the_gateway_starts() -> None:
    """A worker that held the pipe or a socket would keep them from ever closing."""
    with kept() as one:
        os.kill(one.gateway, signal.SIGKILL)
        one.hear()

        assert json.loads(one.ask("/descriptors")) == []
