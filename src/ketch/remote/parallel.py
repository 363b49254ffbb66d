"""Work on several things at a time, which ends as soon as one of them fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from ketch.remote.store import WORKERS
from ketch.store.copying import Cancelled, Meter

_Each = TypeVar("_Each")
_Result = TypeVar("_Result")


def on_all(
    items: Sequence[_Each], work: Callable[[_Each], _Result], meter: Meter | None = None
) -> list[_Result]:
    """Work on every item, several at a time; the first error, or Ctrl-C, stops the others."""
    with ThreadPoolExecutor(WORKERS) as pool:
        begun = [pool.submit(work, item) for item in items]
        try:
            wait(begun, return_when=FIRST_EXCEPTION)
        finally:
            if any(not each.done() or each.exception() for each in begun):
                for each in begun:
                    each.cancel()
                if meter is not None:
                    meter.stop()
    for each in begun:
        error = None if each.cancelled() else each.exception()
        if error is not None and not isinstance(error, Cancelled):
            raise error
    return [each.result() for each in begun]
