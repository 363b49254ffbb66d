"""What a route was asked and what it answered, by the hour, in sketches that can be added up.

Promises that the profile of a time can be had from those of its hours, of its gateways and
of decisions whose rows are long gone; that it names no unit and no row, and no value that is
not one of a few; and that nothing of it is made where answers are.

The process that seals decisions makes a profile of each segment
(:mod:`~ketch.monitor.profiles.kept`); :func:`windows` reads them back, together with the
decisions that are not sealed yet.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ketch.monitor.profiles.window import FieldProfile, Side, Window

if TYPE_CHECKING:
    from ketch.monitor.profiles.adding import merged
    from ketch.monitor.profiles.reading import windows

__all__ = ["FieldProfile", "Side", "Window", "merged", "windows"]

_COUNTING = {"merged": "adding", "windows": "reading"}
"""NumPy comes with these: 30 MB, which who seals has no use for while it sorts."""


def __getattr__(name: str) -> object:
    if name not in _COUNTING:
        raise AttributeError(f"module 'ketch.monitor.profiles' has no attribute '{name}'")
    return getattr(import_module(f"ketch.monitor.profiles.{_COUNTING[name]}"), name)
