"""What a rollout's numbers say: pure functions of what was counted, one method a file.

Rollouts decide by *e-values*, which may be looked at all the time: whoever rolls back as
soon as one reaches 20 rolls back at most one in twenty candidates that are as good
(:mod:`~ketch.rollout.stats.betting`, :mod:`~ketch.rollout.stats.combining`). Before them
stands the check that units were split as planned (:mod:`~ketch.rollout.stats.srm`), and
before promotion a minimum of traffic (:mod:`~ketch.rollout.stats.exposure`). Intervals hold
at every look (:mod:`~ketch.rollout.stats.lift`, :mod:`~ketch.rollout.stats.rate`). The tests
that everybody knows (:mod:`~ketch.rollout.stats.z_test`, :mod:`~ketch.rollout.stats.welch`)
are for display, and their type says so.
"""

from ketch.rollout.stats.betting import anytime_p, e_value, log_e_less, log_e_more
from ketch.rollout.stats.capping import cap_of, capped
from ketch.rollout.stats.combining import cause, log_e_any
from ketch.rollout.stats.counting import Event, Exposed, count
from ketch.rollout.stats.exposure import exposure, missing
from ketch.rollout.stats.fixed import FixedHorizon
from ketch.rollout.stats.jackknife import jackknife_variance
from ketch.rollout.stats.lift import Lift, estimate, lift
from ketch.rollout.stats.planning import outcomes_needed, units_needed_fixed
from ketch.rollout.stats.rate import rate_interval
from ketch.rollout.stats.srm import log_e_srm, log_e_srm_of
from ketch.rollout.stats.units import Unit, Units
from ketch.rollout.stats.welch import Sample, welch
from ketch.rollout.stats.z_test import z_test

__all__ = [
    "Event",
    "Exposed",
    "FixedHorizon",
    "Lift",
    "Sample",
    "Unit",
    "Units",
    "anytime_p",
    "cap_of",
    "capped",
    "cause",
    "count",
    "e_value",
    "estimate",
    "exposure",
    "jackknife_variance",
    "lift",
    "log_e_any",
    "log_e_less",
    "log_e_more",
    "log_e_srm",
    "log_e_srm_of",
    "missing",
    "outcomes_needed",
    "rate_interval",
    "units_needed_fixed",
    "welch",
    "z_test",
]
