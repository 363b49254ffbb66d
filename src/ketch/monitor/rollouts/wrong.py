"""In which ways an answer may be wrong, as the decision log itself tells."""

from __future__ import annotations

from dataclasses import dataclass

from ketch.monitor.decisions.following import Brief
from ketch.rollout.terms import ERRORS, Guardrail

_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Wrong:
    """A way in which an answer may be wrong.

    Attributes:
        metric: ``errors`` or ``slow``.
        limit_us: Of ``slow``: answers that took longer are slow, in microseconds.
    """

    metric: str
    limit_us: float = 0.0

    @classmethod
    def of(cls, guardrail: Guardrail) -> Wrong:
        """Return what a guardrail on the answers themselves looks for."""
        return cls(guardrail.metric, (guardrail.limit_ms or 0.0) * 1_000)

    def has(self, one: Brief) -> bool:
        """Whether an answer was wrong in this way."""
        if self.metric == ERRORS:
            return one.status >= _SERVER_ERROR
        return one.duration_us > self.limit_us

    @property
    def sql(self) -> str:
        """The same in SQL."""
        if self.metric == ERRORS:
            return f"status >= {_SERVER_ERROR}"
        return f"duration_us > {self.limit_us!r}"
