"""Couriers: for each webhook a thread that tells it of events, in order, until it listens.

A courier reads the log from the webhook's position on, so nothing is lost when the hub
ends, and no request waits for a courier. What a receiver does not take is tried again,
after a wait that doubles up to ten minutes; what comes after it waits too.

Where several hubs share a registry, one of them has couriers at work; when it ends, another
one sends out its own.
"""

from __future__ import annotations

import logging
import threading
import time

from ketch.errors import KetchError
from ketch.hub.webhooks.hooks import BATCH, Webhook, Webhooks
from ketch.hub.webhooks.sending import send
from ketch.logs import told
from ketch.registry import Claim, Database, Event

LOOK_S = 1.0
"""How often a courier looks whether something happened."""
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 600.0
STANDBY = 5
"""How many times as rarely a hub looks whether it is its turn."""
GOODBYE_S = 5.0
"""How long a hub that ends waits for a receiver, before another hub may tell it the same."""


class Couriers:
    """The couriers of a hub.

    Args:
        database: The registry's.
        look_s: How often they look whether something happened.
    """

    def __init__(self, database: Database, *, look_s: float = LOOK_S) -> None:
        self._database = database
        self._hooks = Webhooks(database)
        self._look_s = look_s
        self._ended = threading.Event()
        self._turn: Claim | None = None
        self._at_work: dict[str, threading.Thread] = {}
        self._head = threading.Thread(target=self._run, name="ketch-couriers", daemon=True)

    def start(self) -> None:
        """Send them out."""
        self._head.start()

    def stop(self) -> None:
        """Call them back; what is on its way may still arrive, and is sent again."""
        self._ended.set()
        self._head.join(self._look_s + GOODBYE_S + 1)

    def _run(self) -> None:
        """Have one courier for each webhook while it is this hub's turn."""
        try:
            while not self._ended.wait(self._look_s * (1 if self._turn else STANDBY)):
                try:
                    if self._has_turn():
                        self._send_out()
                except KetchError as problem:
                    told("webhooks wait", level=logging.ERROR, why=str(problem))
        finally:
            self._end_turn()
            self._database.close()

    def _has_turn(self) -> bool:
        """Whether it is this hub, of all that share the registry, that tells webhooks."""
        if self._turn is not None and not self._turn.holds():
            told("webhooks are left to other hubs", level=logging.WARNING)
            self._turn.release()
            self._turn = None
        if self._turn is None:
            self._turn = self._database.claim("webhooks")
        return self._turn is not None

    def _end_turn(self) -> None:
        until = time.monotonic() + GOODBYE_S
        for thread in self._at_work.values():
            thread.join(max(0.0, until - time.monotonic()))
        if self._turn is not None:
            self._turn.release()

    def _send_out(self) -> None:
        """Have a courier for each webhook, as webhooks come and go."""
        for hook in self._hooks.listed():
            thread = self._at_work.get(hook.id)
            if thread is None or not thread.is_alive():
                self._at_work[hook.id] = thread = threading.Thread(
                    target=self._carry, args=(hook.id,), name=f"hook-{hook.id}", daemon=True
                )
                thread.start()

    def _is_over(self) -> bool:
        return self._ended.is_set() or self._turn is None

    def _carry(self, ident: str) -> None:
        """Tell one webhook of everything, until it is removed or the hub's turn ends."""
        failures = 0
        try:
            while not self._is_over():
                try:
                    wait_s = self._deliver(ident)
                    failures = 0
                except _Gone:
                    return
                except KetchError as problem:
                    failures += 1
                    wait_s = min(FIRST_WAIT_S * 2 ** min(failures - 1, 20), LONGEST_WAIT_S)
                    told("webhook waits", webhook=ident, wait_s=wait_s, why=problem.message)
                self._ended.wait(wait_s)
        finally:
            self._database.close()

    def _deliver(self, ident: str) -> float:
        """Tell one webhook of what it was not told; return when to look again, in seconds.

        Raises:
            KetchError: It did not take an event, or the registry did not answer.
        """
        found = self._hooks.next_for(ident)
        if found is None:
            raise _Gone
        hook, events = found
        at = hook.position
        for event in events:
            if event.kind in hook.kinds:
                if self._is_over():
                    break
                self._tell(hook, event)
            at = event.seq
        if at != hook.position:
            self._hooks.took(ident, at)
        return 0.0 if len(events) == BATCH else self._look_s

    def _tell(self, hook: Webhook, event: Event) -> None:
        try:
            send(hook, event)
        except KetchError as problem:
            self._hooks.failed(hook.id, problem.message)
            raise
        self._hooks.took(hook.id, event.seq)


class _Gone(Exception):
    """The webhook was removed."""
