"""Couriers: for each webhook a thread that tells it of events, in order, until it listens.

A courier reads the log from the webhook's position on, so nothing is lost when the hub
ends, and no request waits for a courier. What a receiver does not take is tried again,
after a wait that doubles up to ten minutes; what comes after it waits too.
"""

from __future__ import annotations

import logging
import threading

from ketch.errors import KetchError
from ketch.hub.journal import told
from ketch.hub.webhooks.hooks import BATCH, Webhook, Webhooks
from ketch.hub.webhooks.sending import send
from ketch.registry import Database, Event

LOOK_S = 1.0
"""How often a courier looks whether something happened."""
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 600.0


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
        self._at_work: dict[str, threading.Thread] = {}
        self._head = threading.Thread(target=self._run, name="ketch-couriers", daemon=True)

    def start(self) -> None:
        """Send them out."""
        self._head.start()

    def stop(self) -> None:
        """Call them back; what is on its way may still arrive, and is sent again."""
        self._ended.set()
        self._head.join(self._look_s + 1)

    def _run(self) -> None:
        """Have one courier for each webhook, as webhooks come and go."""
        try:
            while not self._ended.wait(self._look_s):
                try:
                    hooks = self._hooks.listed()
                except KetchError as problem:
                    told("webhooks wait", level=logging.ERROR, why=str(problem))
                    continue
                for hook in hooks:
                    thread = self._at_work.get(hook.id)
                    if thread is None or not thread.is_alive():
                        self._at_work[hook.id] = thread = threading.Thread(
                            target=self._carry, args=(hook.id,), name=f"hook-{hook.id}", daemon=True
                        )
                        thread.start()
        finally:
            self._database.close()

    def _carry(self, ident: str) -> None:
        """Tell one webhook of everything, until it is removed or the hub ends."""
        failures = 0
        try:
            while not self._ended.is_set():
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
                if self._ended.is_set():
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
