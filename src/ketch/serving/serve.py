"""Serving, from its parts to an address, and a good end.

Told to stop, the gateway takes no more connections and lets requests at work finish; then
the workers end, and what was recorded is on the disk.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from logging import ERROR
from pathlib import Path
from typing import TypeAlias

import uvloop

from ketch import logs
from ketch.errors import KetchError, Unavailable
from ketch.logs import told
from ketch.monitor.decisions.log import DecisionLog, LogSettings
from ketch.monitor.decisions.sharing import share_key
from ketch.monitor.outcomes import Outcomes
from ketch.monitor.outcomes.intake import Intake
from ketch.runtime import Home, clear_rooms
from ketch.serving.books import Books
from ketch.serving.doors.outcomes import OutcomesDoor
from ketch.serving.doors.problems import problem
from ketch.serving.gateway import Gateway
from ketch.serving.guarding import guarding
from ketch.serving.http.following import follow
from ketch.serving.http.gate import Gate
from ketch.serving.http.limits import Limits
from ketch.serving.http.listener import Listener
from ketch.serving.http.server import Server, serve_http
from ketch.serving.http.systemd import notify
from ketch.serving.metrics import Gauges, Metrics, PoolGauge
from ketch.serving.paths import Paths
from ketch.serving.reports import Reports
from ketch.serving.routes.table import Table
from ketch.serving.settings import Settings
from ketch.serving.supply import Supply, supplied
from ketch.serving.tracing import tracing_asked_for

_FRESH = timedelta(seconds=5)
"""Rooms younger than this may be somebody's who has not moved in yet."""

DECISIONS = "decisions"
"""The folder of decisions, and of outcomes, in the ketch home."""

_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Front:
    """Where and to whom the gateway answers.

    Attributes:
        listener: Sockets that listen already.
        gate: Who may ask.
        limits: How much is taken of everything.
        tls: Certificate and key, when it speaks HTTPS.
        files: What they were read from: tokens, certificate, key.
        read_again: Reads them again.
    """

    listener: Listener
    gate: Gate
    limits: Limits = field(default_factory=Limits)
    tls: ssl.SSLContext | None = None
    files: Sequence[Path] = ()
    read_again: Callable[[], None] = lambda: None


Ready: TypeAlias = Callable[[str, Table], None]


def serve(home: Home, settings: Settings, front: Front, *, ready: Ready) -> None:
    """Serve until the process is told to stop.

    Args:
        home: The ketch home.
        settings: What is served, and how.
        front: Where, and to whom.
        ready: Told the address and the routes, once what can be served is.

    Raises:
        KetchError: A package that was named cannot be served.
    """
    logs.start()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(home, settings, front, ready))


async def _serve(home: Home, settings: Settings, front: Front, ready: Ready) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOP:
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` has its own opinion
            loop.add_signal_handler(number, stopped.set)
    await asyncio.to_thread(_tidy, home)
    async with _gateway(home, settings) as (gateway, paths):
        serving = serve_http(
            paths,
            front.listener.sockets,
            admit=front.gate.admit,
            refuse=lambda error, _: problem(error),
            limits=front.limits,
            tls=front.tls,
        )
        async with (
            serving as server,
            guarding(home, settings) as watch,
            supplied(home, settings, gateway, watch) as supply,
        ):
            reports = Reports(home.path)
            gateway.books.metrics.gauges = lambda: _gauges(gateway, server, reports)
            following = loop.create_task(follow(front.files, front.read_again))
            await _first(supply, stopped)
            if not stopped.is_set():
                ready(front.listener.url(is_secure=front.tls is not None), gateway.table)
                notify("READY=1")
                await stopped.wait()
            notify("STOPPING=1")
            following.cancel()
            await server.say_goodbye()  # while the workers can still answer


def _tidy(home: Home) -> None:
    """Remove what a gateway left behind that was killed; another one would leave more."""
    with suppress(KetchError, OSError):
        clear_rooms(home, datetime.now(UTC) - _FRESH)


async def _first(supply: Supply, stopped: asyncio.Event) -> None:
    """Return when what is to be served is, or cannot be, or nobody wants it any more."""
    stopping = asyncio.ensure_future(stopped.wait())
    trying = asyncio.ensure_future(supply.tried())
    await asyncio.wait((stopping, trying), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not trying.done():
        trying.cancel()
        return
    trying.result()


@asynccontextmanager
async def _gateway(home: Home, settings: Settings) -> AsyncIterator[tuple[Gateway, Paths]]:
    """Yield a gateway that serves nothing yet."""
    if settings.unit_key is not None:
        mine = share_key(home.path / DECISIONS, settings.unit_key)
        told("units are hashed with the key that was given", fingerprint=mine.fingerprint)
    decisions = _decisions(home, settings)
    tracing = tracing_asked_for()
    gateway = Gateway(settings, Books(Metrics(), decisions, durable=settings.durable), tracing)
    log = home.path / DECISIONS
    intake = Intake(Outcomes(log))
    try:
        yield gateway, Paths(gateway, OutcomesDoor(intake, log))
    finally:
        await gateway.close()
        await intake.close()
        if decisions is not None:
            await asyncio.to_thread(decisions.close)
        if tracing is not None:
            await asyncio.to_thread(tracing.close)


def _decisions(home: Home, settings: Settings) -> DecisionLog | None:
    """Open the decision log; a disk that refuses it is no reason not to serve.

    Raises:
        Unavailable: No answer may leave unrecorded, and none can be recorded.
        UsageError: ``decisions/bucket``, ``remote/…``: decisions are to go where they cannot.
    """
    if not settings.log_decisions:
        return None
    if settings.decisions_to is not None:
        from ketch.monitor.decisions.shipping import bucket_of  # obstore, which is an extra

        bucket_of(settings.decisions_to)  # tells at once of an address that is none
    chosen = LogSettings(
        keep_days=settings.keep_days,
        keep_rows_days=settings.keeps_rows,
        bucket=settings.decisions_to,
    )
    try:
        return DecisionLog(home.path / DECISIONS, chosen)
    except Unavailable as problem:
        if settings.durable:
            raise
        told("no decision is logged until the next start", level=ERROR, why=str(problem))
        return None


def _gauges(gateway: Gateway, server: Server, reports: Reports) -> Gauges:
    """Return what is read rather than counted."""
    table: Table = gateway.table
    pools = {arm.pool for route in table.values() for arm in route.all}
    health = None if gateway.books.decisions is None else gateway.books.decisions.health
    return Gauges(
        tuple(
            PoolGauge(
                pool.contract.reference,
                pool.depth,
                len(pool.workers),
                sum(worker.rss_bytes for worker in pool.workers),
                pool.failing,
                pool.counts.batches,
            )
            for pool in pools
        ),
        {name: route.rest is not None and route.rest.pool.ready for name, route in table.items()},
        len(server.connections),
        0 if health is None else health.dropped + health.stripped,
        0 if health is None else health.waiting,
        None if health is None else health.shipped,
        reports=reports.read(datetime.now(UTC)),
    )
