"""Serving a hub: from its parts to an application, a listener, and a good end.

Told to stop, it takes no more requests and lets those at work finish.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import msgspec
import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from ketch import logs
from ketch.errors import Unavailable
from ketch.hub import api
from ketch.hub.access import Role
from ketch.hub.api.acts import Behind
from ketch.hub.app import Hub
from ketch.hub.authority import Authority
from ketch.hub.guard import Names
from ketch.hub.inside import Inside
from ketch.hub.oci import HubBytes, publish
from ketch.hub.oci import entries as oci_entries
from ketch.hub.openapi import PROBES, document
from ketch.hub.protocol import HubProtocol
from ketch.hub.readiness import Readiness
from ketch.hub.routing import Entry
from ketch.hub.settings import Settings
from ketch.hub.webhooks.courier import Couriers

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextmanager
def application(inside: Inside, settings: Settings, *, person: str) -> Iterator[Hub]:
    """Yield the hub as an application, with all it needs running.

    Args:
        inside: Its parts.
        settings: How it is served.
        person: Who everybody is while there is no token.
    """
    limits = settings.limits
    pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="ketch-hub")
    held = HubBytes.open(
        inside.store,
        inside.registry,
        inside.desk_of,
        limits=settings.uploads,
        accelerated=settings.accelerated,
    )
    behind = Behind(
        inside.desk_of,
        inside.tokens,
        lambda name, digest, desk: publish(name, digest, desk, held),
    )
    authority = Authority(inside.tokens, person if settings.is_private else None)
    readiness = Readiness(inside)
    table = (*_own(readiness), *api.entries(behind, pool), *oci_entries(held))
    names = Names.of(settings.host, settings.names)
    couriers = Couriers(inside.database)
    couriers.start()
    try:
        yield Hub(table, authority, names=names, pool=pool, limits=limits)
    finally:
        couriers.stop()
        readiness.close()
        pool.shutdown(wait=True, cancel_futures=True)
        held.close()


def serve(
    inside: Inside,
    settings: Settings,
    *,
    person: str,
    listening: Callable[[str], None],
    until: threading.Event | None = None,
) -> None:
    """Serve a hub until the process is told to stop.

    Args:
        inside: Its parts.
        settings: How it is served.
        person: Who everybody is while there is no token.
        listening: Told the address, when requests are answered there.
        until: Ends it, too, when it is set.

    Raises:
        Refused, UsageError: It may not listen there; see :meth:`Settings.check`.
        Unavailable: ``hub/port``: somebody else does.
    """
    settings.check(has_tokens=inside.tokens.exist())
    logs.start()
    with application(inside, settings, person=person) as hub, _listener(settings) as listener:
        server = _Server(_config(hub, settings), lambda: listening(_url(settings, listener)), until)
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn, ending without raising the signal again: to be stopped is no failure."""

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], until: threading.Event | None
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._until = until

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or (self._until is not None and self._until.is_set())

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        heard = [one for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]  # `nohup`
        before = {number: signal.signal(number, self.handle_exit) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _config(hub: Hub, settings: Settings) -> uvicorn.Config:
    limits = settings.limits
    protocol = type("Protocol", (HubProtocol,), {"limits": limits})
    return uvicorn.Config(
        hub,
        http=protocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=max(1, int(limits.header_s)),
        timeout_graceful_shutdown=limits.goodbye_s,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )


@contextmanager
def _listener(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: without it, an
    # answer of two writes waits 40 ms for the client's delayed acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((settings.host, settings.port))
            listener.listen(512)
        except OSError as error:
            raise Unavailable(
                f"expected to listen at `{settings.host}` port {settings.port}, found: {error}",
                code="hub/port",
                hint="`--port 0` takes one that is free",
            ) from error
        yield listener


def _url(settings: Settings, listener: socket.socket) -> str:
    scheme = "http" if settings.tls_cert is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{listener.getsockname()[1]}"


def _own(readiness: Readiness) -> Sequence[Entry]:
    """Return the routes that are neither the registry nor bytes."""
    described = msgspec.json.encode(document())

    async def alive(_: Request) -> Response:
        return Response(b'{"alive":true}', media_type="application/json")

    async def openapi(_: Request) -> Response:
        return Response(described, media_type="application/json")

    return (
        Entry("GET", "/livez", Role.ANYBODY, alive, says=PROBES["/livez"][1]),
        Entry("GET", "/readyz", Role.ANYBODY, readiness, says=PROBES["/readyz"][1]),
        Entry(
            *("GET", f"{api.PREFIX}/openapi.json", Role.ANYBODY, openapi),
            says="What the API takes and gives.",
        ),
    )
