"""Running packages: each in its own process, environment and sandbox.

This area promises that ketch itself never imports or unpickles anything of a package,
that what a package may read, write and reach is the least it needs, and that a call
ends: with an answer, with what the package's code raised, or with its worker gone.

What describes a package or starts a worker is imported when it is first used: much can be
done without.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ketch.runtime.comparisons import comparisons
from ketch.runtime.home import Home

if TYPE_CHECKING:
    from ketch.runtime.batch import Answered, answer_file, check_files
    from ketch.runtime.cleanup import Cleaned, clean_up, clear_rooms, collect_unused_environments
    from ketch.runtime.description import Entry, Stored, describe, listing, stored_as
    from ketch.runtime.discreet import Discreet
    from ketch.runtime.doctor import Check, examine
    from ketch.runtime.launch import Launch
    from ketch.runtime.layout import Layout, lay_out
    from ketch.runtime.predictor import Predictor, load
    from ketch.runtime.prepare import Prepared, prepared
    from ketch.runtime.process import Worker
    from ketch.runtime.protocol import Answer, Layer, StepTime
    from ketch.runtime.sandbox import probe_layers

__all__ = [
    "Answer",
    "Answered",
    "Check",
    "Cleaned",
    "Discreet",
    "Entry",
    "Home",
    "Launch",
    "Layer",
    "Layout",
    "Predictor",
    "Prepared",
    "StepTime",
    "Stored",
    "Worker",
    "answer_file",
    "check_files",
    "clean_up",
    "clear_rooms",
    "collect_unused_environments",
    "comparisons",
    "describe",
    "examine",
    "lay_out",
    "listing",
    "load",
    "prepared",
    "probe_layers",
    "stored_as",
]

_LATER = {
    "Discreet": "ketch.runtime.discreet",
    "Entry": "ketch.runtime.description",
    "Stored": "ketch.runtime.description",
    "describe": "ketch.runtime.description",
    "listing": "ketch.runtime.description",
    "stored_as": "ketch.runtime.description",
    "Answer": "ketch.runtime.protocol",
    "Answered": "ketch.runtime.batch",
    "Check": "ketch.runtime.doctor",
    "Cleaned": "ketch.runtime.cleanup",
    "Launch": "ketch.runtime.launch",
    "Layer": "ketch.runtime.protocol",
    "Layout": "ketch.runtime.layout",
    "Predictor": "ketch.runtime.predictor",
    "Prepared": "ketch.runtime.prepare",
    "StepTime": "ketch.runtime.protocol",
    "Worker": "ketch.runtime.process",
    "answer_file": "ketch.runtime.batch",
    "check_files": "ketch.runtime.batch",
    "clean_up": "ketch.runtime.cleanup",
    "clear_rooms": "ketch.runtime.cleanup",
    "collect_unused_environments": "ketch.runtime.cleanup",
    "examine": "ketch.runtime.doctor",
    "lay_out": "ketch.runtime.layout",
    "load": "ketch.runtime.predictor",
    "prepared": "ketch.runtime.prepare",
    "probe_layers": "ketch.runtime.sandbox",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'ketch.runtime' has no attribute '{name}'")
    return getattr(import_module(_LATER[name]), name)
