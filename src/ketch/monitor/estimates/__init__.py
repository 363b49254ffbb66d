"""How good answers are before it is known what would have been right.

Promises an estimate of each model metric, per package, of answers whose outcomes may still
come, with an interval for what will be realised; each checked later against what was, as it
would have been made then; and a plain word where what was realised lies outside more often
than was stated. Classifiers are estimated by what their scores meant so far, regressors by
how far they were off where they said the like.

An estimate follows answers that differ from earlier ones. It cannot see that the same answer
has come to mean something else: only outcomes tell that, when they arrive.
"""

from ketch.monitor.estimates.estimating import estimates_of
from ketch.monitor.estimates.points import EstimatePoint, EstimateSeries, Realised

__all__ = ["EstimatePoint", "EstimateSeries", "Realised", "estimates_of"]
