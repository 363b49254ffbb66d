"""Outcomes: how many are recorded in a second, from Python, over HTTP and from a file.

    python bench/outcomes.py [--count 100000]

Every figure is of outcomes that are on the disk: each call, request or piece is synced
before it is answered. Outcomes are purchases of shoppers, half of them told by decision.
HTTP goes through the gateway's server, paths and door in a process of its own; the client
is asyncio's streams, 64 connections.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType

from ketch.monitor.decisions import new_id
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.monitor.outcomes.decoding import Form
from ketch.monitor.outcomes.files import File, import_file
from ketch.monitor.outcomes.intake import Intake
from ketch.serving.books import Books
from ketch.serving.doors.outcomes import OutcomesDoor
from ketch.serving.doors.problems import problem
from ketch.serving.gateway import Gateway
from ketch.serving.http.gate import Gate
from ketch.serving.http.limits import Limits
from ketch.serving.http.listener import Listener
from ketch.serving.http.server import serve_http
from ketch.serving.metrics import Metrics
from ketch.serving.paths import Paths
from ketch.serving.routes.table import settle
from ketch.serving.routes.wanted import WantedRoute
from ketch.serving.settings import Settings

ROUTE = "recommendations"
CONNECTIONS = 64
AT = datetime(2026, 3, 1, tzinfo=UTC)


def some(count: int) -> list[Outcome]:
    """Return outcomes of different events."""
    draw = random.Random(5)
    return [_one(draw, number) for number in range(count)]


def _one(draw: random.Random, number: int) -> Outcome:
    at = AT + timedelta(seconds=draw.random() * 86_400)
    value = round(draw.expovariate(1 / 40), 2)
    if number % 2:
        return Outcome(ROUTE, "purchase", at, None, value, decision=new_id())
    shopper = f"shopper-{draw.randrange(1_000_000)}"
    return Outcome(ROUTE, "purchase", at, f"order-{number}", value, unit=shopper)


def python(outcomes: list[Outcome], at_once: int) -> float:
    """Return how many a second are recorded, so many a call."""
    with tempfile.TemporaryDirectory() as folder, Outcomes(Path(folder)) as ledger:
        began = time.perf_counter()
        for start in range(0, len(outcomes), at_once):
            ledger.record(outcomes[start : start + at_once])
        return len(outcomes) / (time.perf_counter() - began)


def file(outcomes: list[Outcome]) -> tuple[float, float]:
    """Return how many a second a CSV file records, the first time and again."""
    with tempfile.TemporaryDirectory() as folder, Outcomes(Path(folder, "log")) as ledger:
        path = Path(folder, "orders.csv")
        lines = (
            f"{one.unit or ''},{one.decision or ''},{one.value},{one.at},{one.key or ''}"
            for one in outcomes
        )
        path.write_text("\n".join(["unit,decision,value,at,key", *lines]) + "\n")
        took = []
        for _ in range(2):
            began = time.perf_counter()
            import_file(File(path, Form(ROUTE, "purchase")), ledger)
            took.append(len(outcomes) / (time.perf_counter() - began))
        return took[0], took[1]


def http(outcomes: list[Outcome], at_once: int) -> float:
    """Return how many a second a gateway records, so many a request."""
    bodies = [
        json.dumps([_body(one) for one in outcomes[start : start + at_once]]).encode()
        for start in range(0, len(outcomes), at_once)
    ]
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_gateway, args=(theirs,))
    process.start()
    try:
        took_s = asyncio.run(_ask(ours.recv(), bodies))
    finally:
        ours.send("stop")
        process.join()
    return len(outcomes) / took_s


def _body(one: Outcome) -> dict[str, object]:
    of_whom = {"decision": one.decision} if one.decision else {"unit": one.unit, "key": one.key}
    at = one.at and one.at.isoformat()
    return {"route": one.route, "name": one.name, "value": one.value, "at": at, **of_whom}


def _gateway(pipe: Connection) -> None:
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    gateway = Gateway(Settings(), Books(Metrics()))
    gateway.is_known = True
    route = settle(WantedRoute(ROUTE), None, {}, {})
    gateway.flip(MappingProxyType({ROUTE: route}))
    listener = Listener.open("127.0.0.1", 0)
    with tempfile.TemporaryDirectory() as folder:
        intake = Intake(Outcomes(Path(folder)))
        application = Paths(gateway, OutcomesDoor(intake, Path(folder)))
        serving = serve_http(
            application,
            listener.sockets,
            admit=Gate().admit,
            refuse=lambda error, _: problem(error),
            limits=Limits(),
        )
        async with serving:
            pipe.send(listener.sockets[0].getsockname()[1])
            await asyncio.to_thread(pipe.recv)
        await intake.close()


async def _ask(port: int, bodies: list[bytes]) -> float:
    waiting = iter(bodies)

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in waiting:
            head = (
                "POST /outcomes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    outcomes = some(parser.parse_args().count)
    for at_once in (1, 100, 1_000):
        few = outcomes[: min(len(outcomes), 2_000 * at_once)]
        print(f"record(), {at_once} a call: {python(few, at_once):,.0f} a second")
    for at_once in (1, 100):
        few = outcomes[: min(len(outcomes), 10_000 * at_once)]
        print(f"POST /outcomes, {at_once} a request: {http(few, at_once):,.0f} a second")
    first, again = file(outcomes)
    print(f"a CSV file: {first:,.0f} a second; the same again: {again:,.0f}")


if __name__ == "__main__":
    main()
