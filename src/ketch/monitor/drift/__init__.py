"""Whether what a package is asked, and what it answers, is no longer what it was.

Promises that a field is called drifted only where chance is ruled out, at a stated risk for
all fields of a look together, and where the change is more than a trifle; that drifted inputs
come in the order in which they move the answers of the package itself; and that what was not
compared is told.
"""

from ketch.monitor.drift.looking import MOST_ROWS, WEEK, Asked, look
from ketch.monitor.drift.value import RISK, Against, Drift, Effect, FieldDrift, Measure

__all__ = [
    "MOST_ROWS",
    "RISK",
    "WEEK",
    "Against",
    "Asked",
    "Drift",
    "Effect",
    "FieldDrift",
    "Measure",
    "look",
]
