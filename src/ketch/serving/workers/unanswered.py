"""Why a request got no answer, in words for the caller: nothing of the inside is in them."""

from __future__ import annotations

import math

from ketch.errors import Unavailable

_AGAIN = "ask again in a moment"


class Later(Unavailable):
    """Not now.

    Args:
        message: What was expected and what was found.
        code: As every error has it.
        hint: What to do about it.
        retry_after_s: When to ask again, in seconds.
    """

    def __init__(
        self, message: str, *, code: str, retry_after_s: float = 1.0, hint: str = _AGAIN
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after_s = max(1.0, math.ceil(retry_after_s))


def busy(wait_s: float) -> Later:
    """Return the error for a request that would wait too long for its turn."""
    message = f"more requests wait than the package can answer soon: {wait_s:.1f} s of work"
    return Later(message, code="serve/busy", retry_after_s=wait_s)


def full(most: int, wait_s: float) -> Later:
    """Return the error for a request that finds the queue full."""
    message = f"expected at most {most} requests to wait for the package, found as many"
    return Later(message, code="serve/busy", retry_after_s=wait_s)


def starting(wait_s: float) -> Later:
    """Return the error for a request that finds no worker."""
    message = "no worker of the package runs at this moment; one is being started"
    return Later(message, code="serve/starting", retry_after_s=wait_s)


def closing() -> Later:
    """Return the error for a request that comes when the package is taken off."""
    return Later("the package is no longer served here", code="serve/closing")


def worker_died() -> Later:
    """Return the error for a request whose workers died over it."""
    message = "the worker died while it answered, and so did the one that was asked next"
    return Later(message, code="serve/worker-died")


def worker_died_once() -> Later:
    """Return the error for a request that must not be asked twice."""
    message = (
        "the worker died while it answered; the package uses the network, so it is not asked again"
    )
    return Later(message, code="serve/worker-died")


def too_late() -> Unavailable:
    """Return the error for a request whose time is up."""
    return Unavailable(
        "expected an answer within the time a request has, found none",
        code="serve/deadline",
        hint="send fewer rows, or have `deadline_s` of the package raised",
    )
