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
from ketch.hub.webhooks.hooks import Webhooks
from ketch.hub.webhooks.sending import send
from ketch.registry import Database

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
                    is_there, failures = self._deliver(ident, failures)
                except KetchError as problem:
                    told("webhook waits", level=logging.ERROR, webhook=ident, why=str(problem))
                    is_there, failures = True, failures + 1
                if not is_there:
                    return
                wait = FIRST_WAIT_S * 2 ** min(failures - 1, 20) if failures else self._look_s
                self._ended.wait(min(wait, LONGEST_WAIT_S))
        finally:
            self._database.close()

    def _deliver(self, ident: str, failures: int) -> tuple[bool, int]:
        """Return whether the webhook is still there, and how often in a row it failed."""
        found = self._hooks.next_for(ident)
        if found is None:
            return False, 0
        hook, events = found
        for event in events:
            if self._ended.is_set():
                break
            if event.kind in hook.kinds:
                try:
                    send(hook, event)
                except KetchError as problem:
                    self._hooks.failed(ident, problem.message)
                    told("webhook failed", webhook=ident, event=event.seq, why=problem.message)
                    return True, failures + 1
            self._hooks.took(ident, event.seq)
            failures = 0
        return True, 0
