"""What can have caused a break, one kind of cause a file; each says what speaks for it.

A cause is the likelier the nearer it is before the break (:mod:`.case`), and the more of the
change goes with it and stays away without it (:mod:`ketch.compare.incident.contrast`). The
score orders causes; it is no probability.
"""

from ketch.compare.incident.causes.case import Case
from ketch.compare.incident.causes.errors import errors
from ketch.compare.incident.causes.gateways import gateways
from ketch.compare.incident.causes.inputs import inputs
from ketch.compare.incident.causes.outcomes import outcomes
from ketch.compare.incident.causes.packages import packages
from ketch.compare.incident.causes.units import units

__all__ = ["Case", "errors", "gateways", "inputs", "outcomes", "packages", "units"]
