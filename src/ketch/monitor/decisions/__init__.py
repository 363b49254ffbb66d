"""The decision log: what every answer was, by which package, for whom, and why.

Promises that writing it never makes a caller wait nor fails a request; that what a crash
can lose is bounded, stated and counted; that a damaged byte costs what it touches and is
told; that personal data and units are never written in the clear; and that one decision
among many millions is found at once by identity, unit or time.

Decisions go into hot files (:mod:`~ketch.monitor.decisions.hot`), which a process of its
own seals into Parquet by route and day (:mod:`~ketch.monitor.decisions.sealing`).
:class:`Decisions` reads both as one.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ketch.monitor.decisions.decision import Decision, Origin
from ketch.monitor.decisions.ids import Ids, is_id, new_id, time_of

if TYPE_CHECKING:
    from ketch.monitor.decisions.log import DecisionLog, LogHealth, LogSettings

__all__ = [
    "Decision",
    "DecisionLog",
    "Ids",
    "LogHealth",
    "LogSettings",
    "Origin",
    "is_id",
    "new_id",
    "time_of",
]

_WRITING = ("DecisionLog", "LogHealth", "LogSettings")
"""An event loop, which who reads does without, comes with these."""


def __getattr__(name: str) -> object:
    if name not in _WRITING:
        raise AttributeError(f"module 'ketch.monitor.decisions' has no attribute '{name}'")
    return getattr(import_module("ketch.monitor.decisions.log"), name)
