"""Rollouts counted: from decisions and outcomes to evidence, and to a report of all of it.

Promises that a unit counts once, whatever order its answers and outcomes were written,
sealed, told or read in; that who follows a rollout and who loads it anew have the same
figures to the last bit; and that numbers which cannot be complete say so.
"""

from ketch.monitor.rollouts.census import Census
from ketch.monitor.rollouts.pair import Pair, Side
from ketch.monitor.rollouts.report import RolloutReport
from ketch.monitor.rollouts.reporting import held_out, report, report_of, standing
from ketch.monitor.rollouts.tally import Tally

__all__ = [
    "Census",
    "Pair",
    "RolloutReport",
    "Side",
    "Tally",
    "held_out",
    "report",
    "report_of",
    "standing",
]
