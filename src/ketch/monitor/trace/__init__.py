"""One decision traced: by what it was made, for whom, and on whose word.

Promises that everything comes from what was recorded: the log says what was asked and
answered, the registry who put the package there, the package itself what it is made of.
Where something is not known it says so. Asking again runs the same bytes in the same
environment, and compares answers byte for byte.
"""

from ketch.monitor.trace.rerun import Rerun
from ketch.monitor.trace.tracing import trace
from ketch.monitor.trace.value import Trace

__all__ = ["Rerun", "Trace", "trace"]
