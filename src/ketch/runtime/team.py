"""The workers of one package: batches in, answers out in the order of the batches.

One thread asks all of them, and waits for whichever answers first; it reads the next rows
and hands over answers while they work. Threads would not be quicker: what ketch itself does
for a row is Python, of which one thread runs at a time, and a thread that waits for a reply
would get its turn 5 ms late, for each part of the reply.

Two batches a worker are on their way at most, so memory is bounded whoever is slow: the
package, the reader, or whoever takes the answers. How many workers there are follows from
what it saves (:mod:`.growth`).
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Generator, Iterable, Sequence

from ketch.errors import PackageCodeError, Unavailable
from ketch.runtime.growth import Growth
from ketch.runtime.hiring import Hand, Hiring, Source, hire
from ketch.runtime.machine import cores, held_bytes, room_for, spent_s
from ketch.runtime.order import Call, Order
from ketch.runtime.output import last_lines
from ketch.runtime.protocol import Answer
from ketch.schema import Row

AHEAD = 2
"""Batches on their way for each worker, and one more."""

_TICK_S = 0.05


class Team:
    """The workers of one package, asked from one thread at a time.

    Args:
        source: Starts them.
        growth: How many there may be, and when another one pays.
        idempotent: Whether rows that a worker died over may be asked again.
    """

    def __init__(self, source: Source, growth: Growth, *, idempotent: bool) -> None:
        self._source = source
        self._growth = growth
        self._idempotent = idempotent
        self._hands: list[Hand] = []
        self._hirings: list[Hiring] = []
        self._poll = select.poll()
        self._by_sign: dict[int, Hand] = {}
        self._start_s = 0.0
        self._looked: tuple[float, float] | None = None

    @property
    def pids(self) -> list[int]:
        """The processes of the workers, the oldest first."""
        return [hand.worker.pid for hand in self._hands]

    @property
    def output(self) -> str:
        """The last lines that they printed; what several printed alike, once."""
        printed = dict.fromkeys(hand.worker.last_lines() for hand in self._hands)
        texts = [text for text in printed if text]
        return texts[0] if len(texts) == 1 else last_lines("\n".join(texts))

    def begin(self) -> None:
        """Start a worker and return when it has loaded the package.

        Raises:
            KetchError: Why it cannot.
        """
        self._add(hire(self._source))

    def answers(
        self, batches: Iterable[Sequence[Row]], deadline_s: float
    ) -> Generator[Answer, None, None]:
        """Answer batches of checked rows; close it when it is left before its end.

        A batch over which a worker died is asked once more, of another worker, where that
        does no harm.

        Args:
            batches: Read ahead, as far as memory is bounded.
            deadline_s: How long each of them may take, in seconds.

        Raises:
            PackageCodeError, Unavailable: Those batches are done whose answers have come;
                it is about the next one.
            KetchError: What reading the next batch raised.
        """
        order = Order(batches)
        try:
            while not order.is_over:
                self._adopt()
                if self._collect(order, deadline_s):
                    continue  # a worker that has nothing to do comes before all else
                self._ask(order, deadline_s)
                if order.may_read(AHEAD * len(self._hands) + 1):
                    order.read()
                elif (answer := order.next()) is not None:
                    yield answer
                else:
                    self._wait(order, deadline_s)
        finally:  # an answer that nobody waits for would come next
            for hand in [hand for hand in self._hands if hand.call]:
                self._remove(hand)

    def close(self) -> None:
        """End every worker, also those that are being started."""
        for hand in self._hands:
            hand.worker.hang_up()
        for hiring in self._hirings:
            hiring.cancel()
        self._hirings.clear()
        for hand in list(self._hands):
            self._remove(hand)

    def _ask(self, order: Order, deadline_s: float) -> None:
        """Give every worker something to do."""
        if order.waiting and not self._hands and not self._hirings:
            self.begin()
        for hand in list(self._hands):
            if order.waiting and not hand.call:
                call = hand.call = order.waiting.popleft()
                hand.until = time.monotonic() + deadline_s
                try:
                    hand.worker.ask(call.rows, deadline_s=deadline_s)
                except Unavailable as gone:
                    self._lost(hand, call, gone, order)

    def _collect(self, order: Order, deadline_s: float, timeout_s: float = 0.0) -> bool:
        """Take the replies that come in time; return whether something came."""
        ready = self._poll.poll(timeout_s * 1_000)
        for hand in dict.fromkeys([self._by_sign[sign] for sign, _ in ready]):
            if hand.call is None:  # it has ended, or says what nobody asked
                self._remove(hand)
            else:
                self._take(hand, hand.call, order, deadline_s)
        return bool(ready)

    def _take(self, hand: Hand, call: Call, order: Order, deadline_s: float) -> None:
        outcome: Answer | PackageCodeError
        try:
            outcome = hand.worker.answered(len(call.rows), deadline_s=deadline_s)
        except PackageCodeError as raised:
            outcome = raised
        except Unavailable as gone:
            self._lost(hand, call, gone, order)
            return
        hand.call = None
        order.settle(call, outcome)

    def _lost(self, hand: Hand, call: Call, gone: Unavailable, order: Order) -> None:
        """Have a batch asked again whose worker died, unless it brings workers down."""
        self._remove(hand)
        call.deaths += 1
        if gone.code == "worker/died" and call.deaths == 1 and self._idempotent:
            order.again(call)
        else:
            order.settle(call, gone)

    def _wait(self, order: Order, deadline_s: float) -> None:
        """Wait until a worker answers, or its time is up, or there is one more."""
        now = time.monotonic()
        busy = [(hand, hand.call) for hand in self._hands if hand.call]
        for hand, call in busy:
            if hand.until <= now:
                self._lost(hand, call, hand.worker.hung("predict", deadline_s), order)
                return
        if not busy and not self._hirings:
            return
        timeout_s = min([self._patience_s(order), *(hand.until - now for hand, _ in busy)])
        would_save = bool(order.waiting) and not self._hirings
        self._collect(order, deadline_s, timeout_s)
        if would_save:
            self._growth.waited(time.monotonic() - now)

    # How many there are.

    def _patience_s(self, order: Order) -> float:
        """Return when to look again how many workers there are; start more when that pays."""
        if not self._hirings:
            if not order.waiting:
                return math.inf
            if self._looked is None:
                self._look()
            if due_s := self._growth.due_s(len(self._hands), self._start_s):
                return due_s
            self._grow()
        return _TICK_S

    def _grow(self) -> None:
        """Begin to start more workers, where they would save more than they cost."""
        size = max(held_bytes(pid) for pid in self.pids)
        count = len(self._hands)
        more = self._growth.more(count, idle_cores=self._look(), room=room_for(size))
        try:
            for _ in range(more):
                self._hirings.append(Hiring(self._source))
                self._hirings[-1].begin()
        except RuntimeError:  # no thread to be had
            self._hirings.pop()
            self._growth.no_more(count + len(self._hirings))

    def _adopt(self) -> None:
        """Take in the workers that have been started."""
        for hiring in [one for one in self._hirings if one.is_done]:
            self._hirings.remove(hiring)
            if hand := hiring.take():
                self._add(hand)
            else:
                self._growth.no_more(len(self._hands) + len(self._hirings))

    def _add(self, hand: Hand) -> None:
        self._hands.append(hand)
        self._start_s, self._looked = hand.start_s, None
        for sign in hand.signs:
            self._by_sign[sign] = hand
            self._poll.register(sign, select.POLLIN)

    def _remove(self, hand: Hand) -> None:
        """End a worker, at once if it is at work."""
        for sign in hand.signs:
            del self._by_sign[sign]
            self._poll.unregister(sign)
        self._hands.remove(hand)
        if hand.call:
            hand.worker.close(grace_s=0)
        hand.running.close()

    def _look(self) -> float:
        """Return how many processors were idle since this was last called."""
        now = time.monotonic()
        spent = time.process_time() + sum(spent_s(pid) for pid in self.pids)
        before, spent_before = self._looked or (now, spent)
        self._looked = (now, spent)
        return cores() - (spent - spent_before) / max(now - before, 1e-3)
