"""Outcomes: what the business saw later of a decision, or of a unit.

Promises that an outcome is on the disk when that is said; that one which is told twice, late
or out of order counts once; that nobody is named in the file; and that several processes
may tell and read at once.
"""

from ketch.monitor.outcomes.ledger import Outcomes
from ketch.monitor.outcomes.outcome import Entry, Outcome, Recorded, instant, microseconds

__all__ = ["Entry", "Outcome", "Outcomes", "Recorded", "instant", "microseconds"]
