"""Packages asked the same rows, each in its own environment, and what that says.

Promises that all are asked the same rows in turns, that a metric is measured on the rows
that every one of them answered, with the interval of the paired difference, and that a row
that one of them does not answer is counted and named.
"""

from ketch.compare.trial.options import Options
from ketch.compare.trial.outcomes import Happened
from ketch.compare.trial.sentence import sentence
from ketch.compare.trial.trial import Beside, Measured, Ran, Trial
from ketch.compare.trial.trying import compare

__all__ = ["Beside", "Happened", "Measured", "Options", "Ran", "Trial", "compare", "sentence"]
