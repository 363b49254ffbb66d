"""What broke on a route, and what changed before it; and why one decision went as it did.

Promises that what is said to have broken did so by more than chance, at a stated risk; that
outcomes on their way count as nothing; that each cause stands with its evidence, for and
against, and the command that shows more; and that nothing is said of what is not recorded.
"""

from ketch.compare.incident.decision import explain_decision
from ketch.compare.incident.explaining import Asked, explain_incident
from ketch.compare.incident.sentence import sentence
from ketch.compare.incident.story import Story
from ketch.compare.incident.value import Break, Cause, Incident

__all__ = [
    "Asked",
    "Break",
    "Cause",
    "Incident",
    "Story",
    "explain_decision",
    "explain_incident",
    "sentence",
]
