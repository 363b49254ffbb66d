"""Where it comes from what is served: a registry that is followed, or packages by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial

from ketch.errors import KetchError, Unavailable, UsageError
from ketch.logs import told
from ketch.package import Package, PackageName, Reference
from ketch.runtime import Home
from ketch.schema import did_you_mean
from ketch.serving.gateway import Gateway
from ketch.serving.metrics import Metrics
from ketch.serving.routes.converge import Converger
from ketch.serving.routes.follow import Follower
from ketch.serving.routes.saved import Saved
from ketch.serving.routes.table import Table
from ketch.serving.routes.wanted import BEFORE, WantedArm, WantedRoute
from ketch.serving.settings import Settings
from ketch.serving.workers import Pool
from ketch.serving.workers.crew import Event
from ketch.serving.workers.settings import PoolSettings
from ketch.serving.workers.threads import patiently
from ketch.store.home import named_registry

FOLDER = "serving"
"""Of the ketch home: what serving remembers."""

FIRST_S = 120.0
"""How long a registry's packages may take before the address is told all the same."""


AT_EASE = frozenset({BEFORE, "staging"})
"""Arms that no caller waits for: one worker will do."""

RESTARTS = frozenset({"died", "hung", "garbled", "too-large"})
"""What a worker is replaced for."""


@dataclass
class Supply:
    """What is served, and where that is known from.

    Attributes:
        converger: Starts and ends workers.
        follower: Asks the registry; None where packages were named.
        heard: Set once it is known what is wanted, or that the registry does not say.
    """

    converger: Converger
    follower: Follower | None
    heard: asyncio.Event

    async def tried(self) -> None:
        """Return when each package runs, or has been tried.

        Raises:
            KetchError: A package that was named cannot be served.
        """
        if self.follower is None:
            await self.converger.tried()
            for error in self.converger.errors.values():
                if isinstance(error, KetchError):
                    raise error
                message = f"no worker can be started: {error}"
                raise Unavailable(message, code="worker/start") from error
            return
        try:
            async with asyncio.timeout(FIRST_S):
                await self.heard.wait()
                if self.follower.knows:
                    await self.converger.tried()
        except TimeoutError:
            told("not all packages run yet", problems=len(self.converger.errors))


@asynccontextmanager
async def supplied(
    home: Home,
    settings: Settings,
    gateway: Gateway,
    watch: Callable[[Sequence[WantedRoute]], None] = lambda _: None,
) -> AsyncIterator[Supply]:
    """Yield what a gateway is to serve, from now on; at the end every worker ends.

    Args:
        home: The ketch home.
        settings: How it is served.
        gateway: Who answers.
        watch: Told what is wanted, whenever that changes.

    Raises:
        KetchError: There is no package of a name that was given.
    """
    starter = Starter(home, settings, gateway.books.metrics)
    converger = Converger(starter.start, lambda table: _flip(gateway, settings, table))
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()

    def want(routes: tuple[WantedRoute, ...]) -> None:
        if not gateway.is_known:
            tell_unused(settings, routes)
        gateway.is_known = True
        converger.want(routes)
        watch(routes)
        heard.set()

    def want_soon(routes: tuple[WantedRoute, ...]) -> None:
        loop.call_soon_threadsafe(want, routes)

    def away() -> None:
        loop.call_soon_threadsafe(heard.set)

    follower = None
    try:
        if settings.references:
            want(await asyncio.to_thread(_named, home, settings))
        else:
            stage = "staging" if settings.staging else "live"
            follower = Follower(
                home,
                Saved(home.path / FOLDER / f"{stage}.json", named_registry() or ""),
                want_soon,
                away,
                staging=settings.staging,
            )
            follower.start()
        yield Supply(converger, follower, heard)
    finally:
        if follower is not None:
            await asyncio.to_thread(follower.stop)
        await converger.close()


@dataclass(frozen=True)
class Starter:
    """Starts the workers of packages.

    Attributes:
        home: Where packages lie, and are fetched to.
        settings: How they are served.
        metrics: Where their ends are counted.
    """

    home: Home
    settings: Settings
    metrics: Metrics

    async def start(self, arm: WantedArm) -> Pool:
        """Return the workers of a package once one is verified.

        Raises:
            KetchError: Why there are none.
        """
        told("starting", package=arm.package, digest=str(arm.digest))
        name = PackageName(arm.package.partition(":")[0])
        reference = Reference(name, arm.digest)
        package = await patiently(partial(self.home.open, reference), "ketch-open")
        return await Pool.start(
            package,
            self.home,
            settings=self._settings(package, arm),
            on_event=lambda event: self._happened(arm, event),
        )

    def _settings(self, package: Package, arm: WantedArm) -> PoolSettings:
        chosen = asdict(self.settings.of(package.manifest.name))
        if arm.arm in AT_EASE:
            chosen["workers"] = 1
        return PoolSettings(**chosen, offline=self.settings.offline)

    def _happened(self, arm: WantedArm, event: Event) -> None:
        why = None if event.problem is None else f"{event.problem.code}: {event.problem.message}"
        seconds = round(event.seconds, 3)
        told(f"worker {event.kind}", package=arm.package, pid=event.pid, why=why, seconds=seconds)
        if event.kind in RESTARTS:
            self.metrics.restarted(arm.package, event.kind)


def tell_unused(settings: Settings, routes: Sequence[WantedRoute]) -> None:
    """Tell of packages that have settings and are not served: a name may be misspelt."""
    served = {arm.package.partition(":")[0] for route in routes for arm in route.packages}
    for name in sorted(settings.packages.keys() - served):
        hint = did_you_mean(name, served)
        told("settings for a package that is not served", package=name, hint=hint)


def _flip(gateway: Gateway, settings: Settings, table: Table) -> None:
    """Serve a table, each package with as many workers as it has callers for."""
    for name in gateway.flip(table):
        arms = {arm.arm: arm.contract.reference for arm in table[name].all} if name in table else {}
        told("serving", route=name, arms=arms)
    wanted: dict[Pool, int | None] = {}
    for route in table.values():
        for arm in route.all:
            if arm.arm in AT_EASE:
                wanted.setdefault(arm.pool, 1)
            else:
                wanted[arm.pool] = settings.of(arm.contract.package.manifest.name).workers
    for pool, workers in wanted.items():
        pool.resize(workers)


def _named(home: Home, settings: Settings) -> tuple[WantedRoute, ...]:
    """Return a route for each package that was named."""
    routes: dict[str, WantedRoute] = {}
    for text in settings.references:
        route = WantedRoute.direct(home.open(Reference.parse(text)))
        if route.name in routes:
            raise UsageError(
                f"expected one package a route, found two for `{route.name}`",
                code="serve/same-route",
                hint="a route shares its units out between packages that were promoted to it: "
                "`ketch serve` without a name follows the registry",
            )
        routes[route.name] = route
    return tuple(routes.values())
