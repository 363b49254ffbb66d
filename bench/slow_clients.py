"""Many clients that are as slow as they may be, and one that is not.

    python bench/slow_clients.py [--slow 500] [--seconds 8] [--rounds 5]

The gateway's HTTP with its own limits, echoing. A good client asks again and again: first
alone, then beside the slow ones. Of these a fourth each sends a byte of a head now and
then, sends a byte of a body now and then, asks for 4 MB and does not read them, and
connects to say nothing. Whoever is closed comes again. Prints how much longer the good
client's answers take beside them (medians of the ratios within a round), the memory of the
server before and after, and how many of the slow ones were closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import select
import signal
import socket
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

LARGE = bytes(4_000_000)
GOOD = b"POST /shop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
BEGINS = (
    b"POST /shop HTTP/1.1\r\nHost: local",
    b"POST /shop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\na",
    b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"",
)
DRIPS = (b"h", b"a", b"", b"")


def server(listener: socket.socket) -> None:
    """Echo, with the gateway's limits."""
    from ketch.serving.doors.problems import problem
    from ketch.serving.http.gate import Gate
    from ketch.serving.http.messages import Request, Response
    from ketch.serving.http.server import serve_http

    def app(request: Request) -> Response:
        return Response(200, LARGE if request.path == "/large" else request.body)

    async def main() -> None:
        how = {"admit": Gate().admit, "refuse": lambda error, _: problem(error)}
        async with serve_http(app, [listener], **how):
            await asyncio.Event().wait()

    uvloop.run(main())


def slow(port: int, count: int) -> None:
    """Be slow until we are killed."""
    closed = multiprocessing_closed
    poll = select.epoll()
    clients: dict[int, tuple[socket.socket, int]] = {}

    def come(kind: int) -> None:
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(BEGINS[kind])
        clients[one.fileno()] = (one, kind)
        poll.register(one, select.EPOLLRDHUP | (0 if kind == 2 else select.EPOLLIN))

    for at in range(count):
        come(at % 4)
    while True:
        time.sleep(0.5)
        for fd, _ in poll.poll(0):
            one, kind = clients.pop(fd)
            poll.unregister(fd)
            one.close()
            with closed.get_lock():
                closed.value += 1
            come(kind)
        for one, kind in clients.values():
            try:
                one.send(DRIPS[kind])
            except OSError:
                continue  # it was closed: the next look sees it


def good(port: int, seconds: float) -> list[float]:
    """Ask again and again; return how long each answer took, sorted."""
    took = []
    with socket.create_connection(("127.0.0.1", port)) as one:
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            one.sendall(GOOD)
            answer = b""
            while not answer.endswith(b"\r\n\r\nabc"):
                data = one.recv(65_536)
                assert data, "the good client was closed"
                answer += data
            took.append(time.perf_counter() - began)
            time.sleep(0.001)
    return sorted(took)


def memory_mib(pid: int) -> float:
    """Return the memory that is a process's own."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(one.split()[1]) for one in lines if one.startswith("Private_")) / 1024


multiprocessing_closed = multiprocessing.Value("i", 0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slow", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(arguments)
    forked = multiprocessing.get_context("fork")
    listener = socket.create_server(("127.0.0.1", 0), backlog=2_048)
    port = listener.getsockname()[1]
    serving = forked.Process(target=server, args=(listener,), daemon=True)
    serving.start()
    listener.close()
    assert serving.pid is not None
    good(port, 1.0)
    before = memory_mib(serving.pid)
    rounds = []
    for _ in range(given.rounds):
        alone = good(port, given.seconds)
        crowd = forked.Process(target=slow, args=(port, given.slow), daemon=True)
        crowd.start()
        time.sleep(2.0)
        rounds.append((alone, good(port, given.seconds)))
        after = memory_mib(serving.pid)
        crowd.kill()
        crowd.join()
    serving.kill()
    serving.join()
    told = {
        **{f"p{share}_ratio": ratio(rounds, share) for share in (50, 95, 99)},
        "memory_mib": [round(before, 1), round(after, 1)],
        "closed": multiprocessing_closed.value,
    }
    print(json.dumps(told))


def ratio(rounds: Sequence[tuple[list[float], list[float]]], share: int) -> float:
    """Return how much longer a share of the answers takes at most beside the slow ones."""
    ratios = [at(beside, share) / at(alone, share) for alone, beside in rounds]
    return round(statistics.median(ratios), 2)


def at(took: Sequence[float], share: int) -> float:
    """Return how long a share of the answers took at most."""
    return took[len(took) * share // 100]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
