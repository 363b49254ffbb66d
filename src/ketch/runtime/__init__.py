"""Running packages: each in its own process, environment and sandbox.

This area promises that ketch itself never imports or unpickles anything of a package,
that what a package may read, write and reach is the least it needs, and that a call
ends: with an answer, with what the package's code raised, or with its worker gone.
"""

from ketch.runtime.batch import Answered, answer_file
from ketch.runtime.cleanup import Cleaned, clean_up, collect_unused_environments
from ketch.runtime.comparisons import comparisons
from ketch.runtime.describe import Entry, describe, listing
from ketch.runtime.doctor import Check, examine
from ketch.runtime.home import Home
from ketch.runtime.layout import Layout, lay_out
from ketch.runtime.predictor import Predictor, load
from ketch.runtime.prepare import Prepared, prepared
from ketch.runtime.process import Launch, Worker
from ketch.runtime.protocol import Answer, Layer, StepTime
from ketch.runtime.sandbox import probe_layers

__all__ = [
    "Answer",
    "Answered",
    "Check",
    "Cleaned",
    "Entry",
    "Home",
    "Launch",
    "Layer",
    "Layout",
    "Predictor",
    "Prepared",
    "StepTime",
    "Worker",
    "answer_file",
    "clean_up",
    "collect_unused_environments",
    "comparisons",
    "describe",
    "examine",
    "lay_out",
    "listing",
    "load",
    "prepared",
    "probe_layers",
]
