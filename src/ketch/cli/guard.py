"""``ketch guard``: watch rollouts, and take back what does harm."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging import ERROR, INFO
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.errors import UsageError
from ketch.runtime import Home
from ketch.store.home import is_hub, registry_address

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ketch.monitor.guard.change import Change
    from ketch.monitor.guard.guard import Guard
    from ketch.monitor.guard.watching import Watch

_NICE = 5
"""How far behind serving a guard stands that serving started."""


def guard(
    *routes: str,
    log: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    once: bool = False,
    attached: bool = False,
    json: bool = False,
) -> None:
    """Watch rollouts until it is told to stop; `ketch serve` does so by itself.

    What the evidence of a rollout asks for is recorded in the history. A candidate that does
    harm is rolled back where the policy of its route says `auto_rollback`, and its share
    grows where the policy has a `[ramp]`.

    Args:
        routes: Those to watch, such as `recommendations`; all of them without any.
        log: The folder of a decision log, in place of the one of this home; one for each
            gateway.
        once: Look once, do what is to be done, and end.
        attached: End when standard input does, for whoever started it has gone; what changes
            is told in the log alone.
        json: Print one JSON value for each thing that changes; with `--once` a single one.
    """
    from ketch.logs import told
    from ketch.monitor.guard.guard import Guard  # numpy and duckdb, which other verbs do without

    home, printer = Home.default(), Printer(as_json=json)
    done: list[Change] = []

    def tell(change: Change) -> None:
        if attached:  # nobody reads what is printed; the log is that of who started it
            level = ERROR if change.did == "refused" else INFO
            told(
                change.did, level=level, route=change.route, package=change.package, why=change.says
            )
        else:
            printer.show(change.to_json(), str(change))

    folders = _folders(home, log or ())
    if once:
        watched = Guard(home, folders, routes, done.append).once()
        printer.show(*_looked(done, watched))
        return
    _watch(Guard(home, folders, routes, tell), home, attached=attached)


def _folders(home: Home, named: Sequence[str]) -> Sequence[Path]:
    """Return the folders of the logs to follow.

    Raises:
        UsageError: ``decisions/not-live``: one is in a bucket, which gets decisions too late.
        NotFound: ``decisions/no-log``.
    """
    from ketch.monitor.logs import log_folders  # duckdb

    for one in named:
        if "://" not in one:
            continue
        raise UsageError(
            f"expected the folder that a gateway writes its decisions to, found `{one[:60]}`",
            code="decisions/not-live",
            hint="a bucket gets decisions an hour late: run the guard where the gateway is",
        )
    return log_folders(home.path, named)


def _looked(done: Sequence[Change], watched: Sequence[Watch]) -> tuple[object, str]:
    """Return what was done, and how each rollout stands, as JSON and as text."""
    value = {
        "changes": [one.to_json() for one in done],
        "rollouts": [one.to_json() for one in watched],
    }
    lines = [str(one) for one in (*done, *watched)]
    return value, "\n".join(lines) or "no rollout is under way"


def _watch(guarding: Guard, home: Home, *, attached: bool) -> None:
    """Watch until a signal says to stop, or whoever started it has gone."""
    from ketch import logs

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` has its own opinion
            signal.signal(number, lambda number, _: _stop(number, stopped))
    if attached:
        with suppress(OSError):
            os.nice(_NICE)
        threading.Thread(target=_until_left, args=(stopped,), daemon=True).start()
    logs.start()
    guarding.check()
    with _couriers(home):
        guarding.run(stopped)


def _stop(number: int, stopped: threading.Event) -> None:
    """End after what is being done; told again, at once."""
    signal.signal(number, signal.SIG_DFL)
    stopped.set()


def _until_left(stopped: threading.Event) -> None:
    with suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    stopped.set()


@contextmanager
def _couriers(home: Home) -> Iterator[None]:
    """Tell the webhooks of a registry that no hub looks after."""
    address = registry_address(home.path)
    if is_hub(address):
        yield
        return
    from ketch.hub.webhooks.courier import Couriers
    from ketch.registry import open_database

    couriers = Couriers(open_database(address))
    couriers.start()
    try:
        yield
    finally:
        couriers.stop()
