"""Authoring: from a folder a person edits to a package in a store.

This area promises that what is wrong with a folder is told completely before any
work starts, that no package is tagged before it kept its contract, and that nothing
of the author's is written but what they asked for: scenarios by ``record``, the lock
by ``pack``, a new folder by ``init``.
"""

from ketch.authoring.build import Options
from ketch.authoring.gather import Gathered, gather
from ketch.authoring.init import Initialised, init
from ketch.authoring.pack import Packed, pack
from ketch.authoring.prove import prove, prove_package, target_package
from ketch.authoring.record import Recorded, RecordedScenario, record
from ketch.progress import Progress, Silent

__all__ = [
    "Gathered",
    "Initialised",
    "Options",
    "Packed",
    "Progress",
    "Recorded",
    "RecordedScenario",
    "Silent",
    "gather",
    "init",
    "pack",
    "prove",
    "prove_package",
    "record",
    "target_package",
]
