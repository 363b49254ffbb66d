"""Packages that hang, die, leak and are slow, behind one real gateway: nobody else notices."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.harness import IS_FULL
from tests.faults.serving.places import (
    Caller,
    Heard,
    callers,
    copied,
    descriptors,
    metric,
    once,
    rss_bytes,
    said_by,
    together,
)
from tests.gateways import Serving, end, serving
from tests.shop import children, is_running

from ketch.runtime import Home

pytestmark = pytest.mark.faults

DEADLINE_S = 2.0
SETTINGS = """
[packages.shop]
workers = 2
deadline_s = 2.0
[packages.other]
workers = 1
max_rows = 1
[packages.leaky]
workers = 1
memory_mb = 40
"""
LATE_S = 8.0
"""How much later than on a quiet machine something may happen here."""


@pytest.fixture(scope="module")
def home(packed: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return copied(packed, tmp_path_factory.mktemp("workers") / "home")


@pytest.fixture(scope="module")
def gateway(home: Home) -> Iterator[Serving]:
    """A gateway for three packages; the shop has two workers, the others one."""
    file = home.path.parent / "serve.toml"
    file.write_text(SETTINGS)
    names = ("shop:1.0.0", "other:1.0.0", "leaky:1.0.0")
    with serving(home, *names, "--settings", str(file)) as found:
        yield found


def at_full_strength(gateway: Serving) -> None:
    gateway.until(lambda: metric(gateway, "ketch_workers", package="shop:1.0.0") == 2, 60)


def workers_of(gateway: Serving, name: str) -> set[int]:
    """Return the processes of a package's workers, as the log has them."""
    lines = said_by(gateway)
    started = {
        int(one["pid"])
        for one in lines
        if one["says"] == "worker started" and one["package"].startswith(name)
    }
    return started & set(gateway.workers)


def test_requests_that_hang_end_in_time_and_other_packages_do_not_notice(
    gateway: Serving,
) -> None:
    """Five hang at the same time, on two workers."""
    at_full_strength(gateway)
    hung = Heard()
    before = metric(gateway, "ketch_restarts_total", package="shop:1.0.0", why="hung")

    def hang() -> None:
        once(gateway, "/shop", "sleep", 3_600_000, hung)

    with callers(gateway, 2, "/other", pause_s=0.01) as others:
        together(*[hang] * 5)
        gateway.until(lambda: metric(gateway, "ketch_workers", package="shop:1.0.0") == 2, 60)
        with callers(gateway, 4) as after:
            time.sleep(0.3)

    assert hung.said.total() == 5
    assert set(hung.said) <= {"504 serve/deadline", "503 serve/busy", "503 serve/worker-died"}
    assert hung.said["504 serve/deadline"] >= 2
    assert hung.slowest(504) < DEADLINE_S + LATE_S
    assert others.said["right"] > 0
    assert (others.errors, others.lost) == ({}, [])
    assert (after.errors, after.lost) == ({}, [])
    assert metric(gateway, "ketch_restarts_total", package="shop:1.0.0", why="hung") > before


def test_workers_that_are_killed_under_load_cost_no_answer(gateway: Serving) -> None:
    at_full_strength(gateway)
    with callers(gateway, 6, pause_s=0.002) as heard:
        for _ in range(20 if IS_FULL else 4):
            at_full_strength(gateway)
            end(min(workers_of(gateway, "shop")))
            time.sleep(0.1)
        at_full_strength(gateway)

    assert (heard.errors, heard.lost) == ({}, [])
    assert heard.said["right"] > 50


def test_a_row_that_kills_workers_costs_others_a_moment_at_most(gateway: Serving) -> None:
    """It is tried on two workers; while both are replaced, others are told to come again."""
    at_full_strength(gateway)
    poisoned = Heard()
    with callers(gateway, 4, pause_s=0.002) as heard:
        for _ in range(2):
            once(gateway, "/shop", "die", 1, poisoned)
            at_full_strength(gateway)

    # The row that kills may find that another, asked again beside it, has left no worker.
    assert set(poisoned.said) <= {"503 serve/worker-died", "503 serve/starting"}
    # On a machine with much to do, to start a worker takes longer than the deadline.
    waited = {"503 serve/starting", "503 serve/busy", "504 serve/deadline"}
    assert set(heard.errors) <= waited
    assert heard.lost == []
    assert once(gateway, "/shop", "b", 1) == 200


def test_a_package_that_leaks_is_recycled_and_no_one_notices(gateway: Serving) -> None:
    before = metric(gateway, "ketch_restarts_total", package="leaky:1.0.0", why="too-large")
    held = rss_bytes(gateway.gateway)
    heard = Heard()
    caller = Caller(gateway.port, heard)
    end_at = time.monotonic() + 90
    count = 0
    while count < 2 + 20 * IS_FULL:
        assert time.monotonic() < end_at, gateway.log.read_text()[-2000:]
        caller.ask("/leaky", "leak", 4_000_000 + len(heard.by))
        count = int(
            metric(gateway, "ketch_restarts_total", package="leaky:1.0.0", why="too-large") - before
        )
        if len(heard.by) % 12 == 0:  # as fast as it may grow between two looks
            time.sleep(1.1)
    caller.close()

    assert heard.errors == {}
    assert rss_bytes(gateway.gateway) < held + 16_000_000


def test_more_than_can_be_done_is_refused_at_once_and_soon_forgotten(gateway: Serving) -> None:
    """One worker does ten of these a second; sixty callers want more."""
    heard = Heard()
    stop = threading.Event()

    def call(number: int) -> None:
        caller = Caller(gateway.port, heard)
        while not stop.is_set():
            if caller.ask("/other", "sleep", 100) == 503:
                stop.wait(0.3)
        caller.close()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    stop.wait(4)
    stop.set()
    for thread in threads:
        thread.join(60)
    began = time.monotonic()
    status = once(gateway, "/other", "b", 1)

    assert status == 200
    assert time.monotonic() - began < 2 + LATE_S
    assert set(heard.said) == {"right", "503 serve/busy"}
    refused = sorted(heard.times[503])
    assert refused[len(refused) // 2] < 0.25
    assert heard.said["right"] >= 15
    assert heard.slowest(200) < 2 + LATE_S


def test_what_a_client_asked_that_left_is_not_done(gateway: Serving) -> None:
    """Twelve leave while the worker is busy; theirs would have taken half a minute."""

    def asked(milliseconds: int) -> socket.socket:
        body = json.dumps({"name": "sleep", "size": milliseconds}).encode()
        said = f"POST /other HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
        client = socket.create_connection(("127.0.0.1", gateway.port))
        client.sendall(f"{said}content-type: application/json\r\n\r\n".encode() + body)
        return client

    def depth() -> float:
        return metric(gateway, "ketch_queue_depth", package="other:1.0.0")

    busy = asked(1_500)
    clients = [asked(2_500) for _ in range(12)]
    gateway.until(lambda: depth() > 0)
    for client in clients:
        client.close()
    gateway.until(lambda: depth() == 0)
    began = time.monotonic()
    gateway.until(lambda: gateway.ask("/other", {"name": "b", "size": 1}).status == 200, 60)

    assert time.monotonic() - began < 1.5 + LATE_S
    busy.close()


def test_nothing_is_left_open_by_all_of_this(gateway: Serving) -> None:
    before = descriptors(gateway.gateway)
    for _ in range(3):
        with callers(gateway, 20):
            time.sleep(0.1)
    gateway.until(lambda: metric(gateway, "ketch_connections") <= 1)

    assert descriptors(gateway.gateway) <= before + 3


def test_a_gateway_that_is_killed_leaves_no_worker_and_no_room(
    gateway: Serving, home: Home
) -> None:
    killed, workers = gateway.gateway, gateway.workers
    assert len(workers) >= 3
    below = [one for worker in workers for one in children(worker)]
    rooms = set((home.path / "run").iterdir())
    gateway.until(lambda: all(time.time() > room.stat().st_mtime + 6 for room in rooms))
    end(killed)
    gateway.until(lambda: gateway.ask("/shop", {"name": "b", "size": 1}).status == 200, 60)

    assert gateway.gateway != killed
    gateway.until(lambda: not any(map(is_running, [*workers, *below])))
    gateway.until(lambda: not rooms & set((home.path / "run").iterdir()))


def test_told_to_stop_under_load_it_answers_all_it_was_asked(gateway: Serving, home: Home) -> None:
    """The last of this file: each caller goes on until it is told that the connection ends."""
    at_full_strength(gateway)
    workers = workers_of(gateway, "")  # not what seals decisions, which may go on
    with callers(gateway, 8, until_told=True) as heard:
        gateway.until(lambda: heard.said["right"] > 100)
        os.kill(gateway.process.pid, signal.SIGTERM)
    assert gateway.process.wait(60) == 0

    assert (heard.errors, heard.lost) == ({}, [])
    assert not any(map(is_running, workers))
    assert list((home.path / "run").iterdir()) == []
    assert Path(gateway.log).read_text().count("Traceback") == 0
