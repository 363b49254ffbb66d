"""The workers of one package, on the event loop of the gateway.

This area promises an answer or an error before a request's time is up, whatever the
package does; that nobody's rows change, delay for long, or lose another's answer; and that
workers are there again as soon as they can be. Begin with ``pool.py``.
"""

from ketch.serving.workers.crew import Event
from ketch.serving.workers.frames import encoded
from ketch.serving.workers.pool import Pool
from ketch.serving.workers.queue import PoolAnswer
from ketch.serving.workers.settings import PoolSettings
from ketch.serving.workers.status import Counts, WorkerStatus
from ketch.serving.workers.unanswered import Later

__all__ = [
    "Counts",
    "Event",
    "Later",
    "Pool",
    "PoolAnswer",
    "PoolSettings",
    "WorkerStatus",
    "encoded",
]
