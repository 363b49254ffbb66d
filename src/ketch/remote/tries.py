"""How often a call is made: until it works, and no longer than that makes sense."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from ketch.remote.calls import Passing, Patience

_Answer = TypeVar("_Answer")


def tried(
    once: Callable[[], _Answer],
    patience: Patience,
    sleep: Callable[[float], None],
    *,
    again: bool,
) -> _Answer:
    """Return what a call answers, made again while that may help.

    Args:
        once: Makes the call; :class:`~ketch.remote.calls.Passing` asks for another try.
        patience: How often, and how long to wait in between.
        sleep: Waits that many seconds.
        again: Whether it may be repeated after it may have been heard.

    Raises:
        KetchError: What the last try met.
    """
    for failed in range(1, patience.tries + 1):
        try:
            return once()
        except Passing as passing:
            if failed == patience.tries or not (again or passing.is_unheard):
                raise passing.error from passing.__cause__
            asked_s = passing.wait_s or 0.0
        jitter = 1 + random.random() / 4  # noqa: S311 # many clients, one outage
        grown_s = patience.wait_s * 2 ** (failed - 1)
        sleep(min(max(grown_s * jitter, asked_s), patience.longest_wait_s))
    raise AssertionError("no tries")
