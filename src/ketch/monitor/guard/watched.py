"""Which rollouts are under way, as the registry tells them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from ketch.logs import told
from ketch.monitor.guard.change import Change
from ketch.monitor.guard.watching import Watch
from ketch.registry import Desk, Route
from ketch.registry.events import Head
from ketch.registry.rollouts import Rollout, rollouts


class Watched:
    """The routes that a guard watches, and the rollouts on them.

    Args:
        logs: The folders of the decision logs.
        only: The routes; all of them if none is named.
        tell: Told of rollouts that begin and end.
    """

    def __init__(
        self, logs: Sequence[Path], only: Collection[str], tell: Callable[[Change], None]
    ) -> None:
        self._logs = logs
        self._only = only
        self._tell = tell
        self._head: Head | None = None
        self._routes: dict[str, Route] = {}
        self._watches: dict[str, Watch] = {}

    @property
    def watches(self) -> tuple[Watch, ...]:
        """One for each rollout under way."""
        return tuple(self._watches.values())

    def route_of(self, watch: Watch) -> Route | None:
        """Return the route of a rollout as it stood when the registry was asked last."""
        return self._routes.get(watch.rollout.route)

    def has(self, route: Route) -> bool:
        """Whether a route is one of those to watch."""
        return not self._only or route.name in self._only

    def ask(self, desk: Desk) -> None:
        """Take notice of what happened; next to nothing to do where nothing did.

        Raises:
            Unavailable: The registry does not answer; what it told is asked for again.
        """
        head = desk.head()
        if head == self._head:
            return
        routes = {one.name: one for one in desk.routes() if self.has(one)}
        for watch in self.watches:
            route = routes.get(watch.rollout.route)
            if route is None or route.rollout != watch.rollout.id:
                self._leave(watch, desk)
        for name, route in routes.items():
            before = self._routes.get(name)
            if route.rollout is not None and (before is None or before.revision != route.revision):
                self._watch(route, desk)
        if self._head is None:
            told("the guard watches", routes=len(routes), rollouts=sorted(self._watches))
        self._routes, self._head = routes, head

    def _watch(self, route: Route, desk: Desk) -> None:
        """Watch the rollout of a route, or take notice of its new share."""
        found = _rollout(route.name, route.rollout, desk)
        watch = self._watches.get(route.name)
        if watch is not None and found is not None:
            watch.follow(found)
        elif found is not None:
            watch = self._watches[route.name] = Watch(found, self._logs)
            share = found.shares[-1][1]
            says = f"{share} beside {found.against.package}"
            self._tell(watch.change("watches", says, share=share.fraction))

    def _leave(self, watch: Watch, desk: Desk) -> None:
        """Watch a rollout no longer that is over; say how it ended, unless it was by us."""
        rollout = watch.rollout
        if not watch.is_over:
            found = _rollout(rollout.route, rollout.id, desk)
            event = None if found is None else found.ended_by
            says = "" if event is None else f"{event.kind} by {event.actor}"
            self._tell(watch.change("ended", says))
        watch.close()
        del self._watches[rollout.route]


def _rollout(route: str, identity: str | None, desk: Desk) -> Rollout | None:
    return next((one for one in rollouts(desk, route) if one.id == identity), None)
