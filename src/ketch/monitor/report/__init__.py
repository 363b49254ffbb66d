"""All that there is to say of a route at a time: its rollout, its shadow, its metrics.

Promises the same figures as those that the guard acts on, what is missing where something
is, and what to do next, each with the command that does it; as one value that prints itself
as JSON, and as a page (:mod:`~ketch.monitor.report.page`).
"""

from ketch.monitor.report.gathering import Asked, RouteReport, gather
from ketch.monitor.report.missing import Hint

__all__ = ["Asked", "Hint", "RouteReport", "gather"]
