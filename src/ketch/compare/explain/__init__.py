"""Why a package answers otherwise than another: ``ketch explain``.

This area promises to say only what it has seen: every share comes from mixtures of the two
packages that were run on the same rows, every cause is a smallest set of changes that makes the
whole difference when it is made alone, and what could not be run is told.
"""

from ketch.compare.explain.explaining import Options, explain
from ketch.compare.explain.explanation import Cause, Entry, Explanation, Tried
from ketch.compare.explain.inside import Change
from ketch.compare.explain.sentence import sentence

__all__ = [
    "Cause",
    "Change",
    "Entry",
    "Explanation",
    "Options",
    "Tried",
    "explain",
    "sentence",
]
